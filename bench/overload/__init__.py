"""Ten times the capacity offered to a cloud."""
