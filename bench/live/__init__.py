"""Cloud and edge as processes at the two ends of a link."""
