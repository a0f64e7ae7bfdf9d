"""The benchmark `prediction`: `python -m bench.prediction`, or `make bench ARGS=prediction`."""
