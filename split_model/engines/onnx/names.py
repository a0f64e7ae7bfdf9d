"""How values of layers and outputs are called in an ONNX network.

A layer's value has the layer's name; if it is a tuple of several tensors, tensor `i` is called `LAYER#i`. A returned
output is called `output:PATH`. Network inputs are the input layers.
"""

__all__ = ["output_name", "tensor_names"]


def tensor_names(layer: str, count: int) -> tuple[str, ...]:
    """The names of a layer's tensors.

    Args:
        layer: The layer's name.
        count: Its number of tensors: `len(definition.layer_specs[layer])`.
    """
    return (layer,) if count == 1 else tuple(f"{layer}#{index}" for index in range(count))


def output_name(path: str) -> str:
    """The name of the output with a path."""
    return f"output:{path}"
