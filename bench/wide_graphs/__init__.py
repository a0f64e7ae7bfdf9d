"""The benchmark `wide_graphs`: `python -m bench.wide_graphs`, or `make bench ARGS=wide_graphs`."""
