"""Prices of layers in ONNX Runtime: some splits are measured, and kernels' times divide what lies between them."""
