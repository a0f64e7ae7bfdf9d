"""How near the uplink estimate comes to the link's goodput, and how fast it follows a step."""
