"""The benchmark `rpc_overhead`: `python -m bench.rpc_overhead`, or `make bench ARGS=rpc_overhead`."""
