"""Split points in a table, found in advance: any question is then a scan, however wide the graph."""
