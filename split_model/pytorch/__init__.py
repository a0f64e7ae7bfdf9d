"""From a PyTorch module to a model: loading, its definition, its engine, and tensors for arrays. Imports torch."""
