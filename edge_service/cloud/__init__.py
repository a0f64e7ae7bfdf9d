"""One cloud, as the agent sees it: the seam, gRPC behind it, and the connection's state."""
