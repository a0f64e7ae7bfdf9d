"""How much work there is, and who waits: admission, load factor, streams, probes."""
