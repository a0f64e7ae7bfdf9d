"""The benchmark `pipeline`: `python -m bench.pipeline`, or `make bench ARGS=pipeline`."""
