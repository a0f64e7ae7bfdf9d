"""Shaped links on one machine, for benchmarks."""
