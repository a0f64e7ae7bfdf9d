"""What a split costs in arithmetic: head and tail against the whole eager model."""
