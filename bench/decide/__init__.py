"""The benchmark `decide`: `python -m bench.decide`, or `make bench ARGS=decide`."""
