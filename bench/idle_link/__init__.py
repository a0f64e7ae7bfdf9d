"""Predicted against measured transfer of the running system on links that are idle between frames."""
