"""`RestForm`: which numpy function stands for a detector's rest, and the numbers that it needs; also as bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from split_model.errors import ModelError
from split_model.values import Array

__all__ = ["RestForm", "argument_path"]

_HEADER = "form"
_WANTED = "expected what `dads export` writes: export the model again"


@dataclass(frozen=True, slots=True)
class RestForm:
    """A rest that needs no torch.

    Attributes:
        name: One of `split_model.rests.named.RESTS`.
        numbers: What JSON can represent: thresholds, counts, sizes.
        arrays: Such as anchors.
    """

    name: str
    numbers: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The form as a safetensors file, with name and numbers in an array of their own."""
        header = json.dumps({"name": self.name, "numbers": dict(self.numbers)}).encode()
        text = np.frombuffer(header, np.uint8)
        return bytes(
            save({**{name: np.ascontiguousarray(array) for name, array in self.arrays.items()}, _HEADER: text})
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "RestForm":
        """The inverse of `to_bytes`.

        Raises:
            ModelError: The bytes are no form.
        """
        try:
            arrays: dict[str, Any] = load(data)
            header = json.loads(arrays.pop(_HEADER).tobytes())
            name, numbers = header["name"], header["numbers"]
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the form of the rest cannot be read ({error}); {_WANTED}") from error
        if not (isinstance(name, str) and isinstance(numbers, dict)):
            raise ModelError(f"the form of the rest has no name or no numbers; {_WANTED}")
        return cls(name, numbers, arrays)


def argument_path(position: int) -> str:
    """The path under which a network returns what its rest takes at a position."""
    return f"rest:{position}"
