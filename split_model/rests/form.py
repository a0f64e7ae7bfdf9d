"""`RestForm`: which numpy function stands for a detector's rest, and the numbers that it needs; also as bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from split_model.errors import ModelError
from split_model.specs import ITEM_BYTES, ValueSpec
from split_model.values import Array

__all__ = ["RestForm", "argument_path"]

_HEADER = "form"
_WANTED = "expected what the export of a model writes: export the model again"


@dataclass(frozen=True, slots=True)
class RestForm:
    """A rest that needs no torch.

    Attributes:
        name: One of `split_model.rests.named.RESTS`.
        numbers: What JSON can represent: thresholds, counts, sizes.
        arrays: Such as anchors.
        takes: What it takes, in order: path (`argument_path`), layer, dtype and shape.
    """

    name: str
    numbers: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)
    takes: tuple[ValueSpec, ...] = ()

    def to_bytes(self) -> bytes:
        """The form as a safetensors file, with all but the arrays as JSON in an array of its own."""
        takes = [[spec.layer, spec.dtype, list(spec.shape)] for spec in self.takes]
        header = json.dumps({"name": self.name, "numbers": dict(self.numbers), "takes": takes}).encode()
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        return bytes(save({**arrays, _HEADER: np.frombuffer(header, np.uint8)}))

    @classmethod
    def from_bytes(cls, data: bytes) -> "RestForm":
        """The inverse of `to_bytes`.

        Args:
            data: From a file, whose reader bounds their number; they are checked.

        Raises:
            ModelError: The bytes are no form.
        """
        try:
            arrays: dict[str, Any] = load(data)
            header = json.loads(arrays.pop(_HEADER).tobytes())
            name, numbers = header["name"], header["numbers"]
            takes = tuple(_taken(position, *entry) for position, entry in enumerate(header["takes"]))
        except (SafetensorError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise ModelError(f"the form of the rest cannot be read ({error!r:.200}); {_WANTED}") from error
        if not (isinstance(name, str) and isinstance(numbers, dict)):
            raise ModelError(f"the form of the rest has no name or no numbers; {_WANTED}")
        return cls(name, numbers, arrays, takes)


def argument_path(position: int) -> str:
    """The path under which a network returns what its rest takes at a position."""
    return f"rest:{position}"


def _taken(position: int, layer: object, dtype: object, shape: object) -> ValueSpec:
    is_shape = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not (isinstance(layer, str) and dtype in ITEM_BYTES and is_shape):
        raise ValueError(f"argument {position} is {layer!r}, {dtype!r}, {shape!r}")
    return ValueSpec(argument_path(position), layer, str(dtype), tuple(shape))  # type: ignore[arg-type]  # a list by now
