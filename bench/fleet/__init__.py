"""Thousands of simulated cameras that share a cloud, each with the agent's own control code."""
