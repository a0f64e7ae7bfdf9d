"""The benchmark `engines`: `python -m bench.engines`, or `make bench ARGS=engines`."""
