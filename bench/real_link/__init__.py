"""The benchmark `real_link`: `python -m bench.real_link`, or `make bench ARGS=real_link`."""
