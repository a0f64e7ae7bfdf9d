"""How often a tensor's bytes are copied between the edge's array and the cloud's tensor: counted, not timed."""
