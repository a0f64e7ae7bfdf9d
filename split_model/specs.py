"""Dtype and shape of tensors: of layers' values, and of a model's inputs and outputs."""

from dataclasses import dataclass
from math import prod
from typing import Any

__all__ = ["ITEM_BYTES", "TensorSpec", "ValueSpec"]

ITEM_BYTES = {
    **dict.fromkeys(("bool", "uint8", "int8"), 1),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 8),
    "complex128": 16,
}
"""Bytes of one element, by dtype."""

_PARTS = {"complex64": "float32", "complex128": "float64"}
"""The dtypes of a complex number's two parts."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Dtype (numpy's name, or `bfloat16`) and shape of one tensor; a size that depends on values is `None`."""

    dtype: str
    shape: tuple[int | None, ...]

    @classmethod
    def of(cls, tensor: Any) -> "TensorSpec":  # noqa: ANN401  # torch may be missing, so it cannot be named
        """The dtype and shape of a tensor, or of an array."""
        return cls(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))

    @property
    def sent(self) -> "TensorSpec":
        """The spec of what is sent: complex numbers go as two floats each, in a last dimension of size 2."""
        parts = _PARTS.get(self.dtype)
        return self if parts is None else TensorSpec(parts, (*self.shape, 2))

    @property
    def carried(self) -> "TensorSpec":
        """The spec of the array that carries it: numpy has no bfloat16, whose bits are `uint16`; else as `sent`."""
        return TensorSpec("uint16", self.shape) if self.dtype == "bfloat16" else self.sent

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape, with 0, the least possible, for sizes that depend on values."""
        return tuple(0 if size is None else size for size in self.shape)

    @property
    def elements(self) -> int:
        """Number of elements; 0 if it depends on values."""
        return prod(self.sizes)

    def admits(self, other: "TensorSpec") -> bool:
        """Whether a tensor of these dtype and shape may stand here: they are the same, but for unknown sizes."""
        if self.dtype != other.dtype or len(self.shape) != len(other.shape):
            return False
        return all(size in {None, found} for size, found in zip(self.shape, other.shape, strict=True))

    @property
    def bytes(self) -> int:
        """Bytes of the elements; 0 if their number depends on values."""
        return self.elements * ITEM_BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class ValueSpec:
    """A tensor in a model's inputs or outputs.

    Attributes:
        path: Its place, such as `x`, `out` or `parts.0`.
        layer: The layer whose elements it has; `None` for a constant output.
        dtype: Numpy's name, or `bfloat16`.
        shape: Sizes of the dimensions; `None` for a size that depends on values, which only an output of a rest has.
    """

    path: str
    layer: str | None
    dtype: str
    shape: tuple[int | None, ...]

    @property
    def tensor(self) -> TensorSpec:
        """Its dtype and shape."""
        return TensorSpec(self.dtype, self.shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape, with 0, the least possible, for sizes that depend on values."""
        return self.tensor.sizes
