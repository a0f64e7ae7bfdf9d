"""The benchmark `copies`: `python -m bench.copies`, or `make bench ARGS=copies`."""
