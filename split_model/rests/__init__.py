"""What follows a detector's trunk where there is no torch: rests in plain numpy, and boxes for JSON, by name."""
