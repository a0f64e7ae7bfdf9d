"""Layer graphs and plans as pictures."""
