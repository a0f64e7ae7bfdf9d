"""Where the closed sets are too many to list: minimum cuts, a search tree, and what they prove."""
