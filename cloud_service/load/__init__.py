"""The server's load: `admission` queues and computes requests, `factor` measures the slowdown against the profile.

`streams` is the traffic of one StreamTails call, `probe` the arithmetic of an uplink probe.
"""
