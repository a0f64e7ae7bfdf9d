"""The benchmark `edge_start`: `python -m bench.edge_start`, or `make bench ARGS=edge_start`."""
