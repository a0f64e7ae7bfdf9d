"""The benchmark `idle_link`: `python -m bench.idle_link`, or `make bench ARGS=idle_link`."""
