"""The benchmark `split_compute`: `python -m bench.split_compute`, or `make bench ARGS=split_compute`."""
