"""A frame's way through the agent: head, transfer, tail, and results in order."""
