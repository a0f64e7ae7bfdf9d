"""Throughput of the three-stage pipeline against its slowest stage: with stages that sleep, and with real compute."""
