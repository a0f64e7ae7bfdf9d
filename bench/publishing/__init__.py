"""From measured numbers to JSON, pages and plots."""
