"""From a trace to an ONNX network in which each layer's value keeps the layer's name."""
