"""How long a decision takes: by the closed-set table, and by a minimum cut for each decision."""
