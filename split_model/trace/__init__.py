"""From a module to layers: the trace of a model, and the passes over it."""
