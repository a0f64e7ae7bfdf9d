"""The benchmark `cloud_cost`: `python -m bench.cloud_cost`, or `make bench ARGS=cloud_cost`."""
