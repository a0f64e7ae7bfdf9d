"""Estimates of what a decision needs and nobody announces."""
