"""dads."""
