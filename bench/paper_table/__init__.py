"""The benchmark `paper_table`: `python -m bench.paper_table`, or `make bench ARGS=paper_table`."""
