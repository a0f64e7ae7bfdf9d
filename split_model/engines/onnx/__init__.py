"""Parts of a model run by ONNX Runtime on the CPU, from a model file and without torch."""
