"""What runs a part of a model: schedules of operator calls, and what makes them fast."""
