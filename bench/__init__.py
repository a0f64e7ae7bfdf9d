"""Benchmarks: what is measured and written to docs/benchmarks. Nothing imports this package."""
