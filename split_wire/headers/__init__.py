"""Headers of tensors: what they say of the elements; those that come again and again are known by their bytes."""
