"""What runs the parts of a model.

In reading order: `engine` has the seam. `schedules` runs torch's operators, `onnx` runs ONNX Runtime. `profiling`
measures the layers, with the `clock` of compute time. `memory` has the process's settings for allocation and garbage
collection.
"""
