"""Every closed set of a graph, listed once: then each decision is an exact scan."""
