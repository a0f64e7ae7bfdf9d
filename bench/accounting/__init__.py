"""Whether the reported stages account for a frame's time: their sum against the wall time that the caller sees."""
