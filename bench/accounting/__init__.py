"""The benchmark `accounting`: `python -m bench.accounting`, or `make bench ARGS=accounting`."""
