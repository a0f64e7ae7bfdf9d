"""What control costs on a changing link, in simulated time."""
