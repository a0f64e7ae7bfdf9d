"""The benchmark `frames`: `python -m bench.frames`, or `make bench ARGS=frames`."""
