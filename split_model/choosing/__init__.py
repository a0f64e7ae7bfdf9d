"""Which engine runs a model: whether its ONNX form gives the module's answers here, and is no slower than torch."""
