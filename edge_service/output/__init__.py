"""The agent's output about frames and runs.

`results` has a record for each frame, `report` a summary of a run, `verify` compares results with the whole model.
`metrics` is for Prometheus, `tracing` for OpenTelemetry.
"""
