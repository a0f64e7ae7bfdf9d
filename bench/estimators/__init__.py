"""The benchmark `estimators`: `python -m bench.estimators`, or `make bench ARGS=estimators`."""
