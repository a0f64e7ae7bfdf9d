"""From a module to its layers: a trace of the model, and the passes over it.

In reading order: `trace` defines the data. `capture` exports a module to a trace, and `digest` hashes it. The passes
follow in the order in which they run: `folding` computes constants, `pruning` removes redundant nodes, `fusion` merges
batch norms into convolutions, `layering` finds the layers. `operators` has the properties of operators that they use.
"""
