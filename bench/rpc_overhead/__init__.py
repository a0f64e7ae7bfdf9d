"""A frame's tensor to the cloud and its answer back, against a plain TCP socket carrying the same bytes."""
