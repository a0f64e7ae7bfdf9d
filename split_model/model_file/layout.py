"""The layout of a model file: its members' names, their alignment, and the most that a reader accepts of each."""

import re
from typing import Final

from split_model.file_kinds import DEFINITION

__all__ = [
    "ARRAYS",
    "DEFINITION",
    "EXTRA",
    "EXTRA_NAME",
    "FILE_ALIGNMENT",
    "FORMAT",
    "LEAST_EXTERNAL_BYTES",
    "MOST_BYTES",
    "MOST_DIRECTORY_BYTES",
    "MOST_EXTRA_BYTES",
    "MOST_LAYERS",
    "MOST_MEMBERS",
    "MOST_NESTED",
    "MOST_NODES",
    "NETWORK",
    "TENSOR_ALIGNMENT",
    "VERSION",
    "WEIGHTS",
]

FORMAT: Final = "dads-model"
VERSION: Final = 1

NETWORK = "network.onnx"
WEIGHTS = "weights.bin"
ARRAYS = "arrays.safetensors"
EXTRA = "extra/"
"""The folder of whatever else a file holds."""

EXTRA_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")

FILE_ALIGNMENT = 4096
"""The data of `weights.bin` begin at a multiple of this in the file, so that it can be mapped into memory."""

TENSOR_ALIGNMENT = 64
"""Each tensor begins at a multiple of this in `weights.bin`: a cache line, and what vector instructions want."""

LEAST_EXTERNAL_BYTES = 1024
"""Tensors of fewer bytes stay inside `network.onnx`."""

MOST_MEMBERS = 64
MOST_DIRECTORY_BYTES = 1 << 20
MOST_BYTES = {DEFINITION: 8 << 20, NETWORK: 64 << 20, ARRAYS: 256 << 20}
MOST_EXTRA_BYTES = 8 << 20
"""Of each member in `extra/`."""

MOST_LAYERS = 50_000
MOST_NODES = 200_000
"""Nodes of the network, with those of its subgraphs and functions."""

MOST_NESTED = 64
"""Levels of nested inputs and outputs; subgraphs are bounded by protobuf, at 100 levels of messages."""
