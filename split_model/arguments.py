"""How a model takes its inputs: by position, by keyword, or both; and whether inputs are as the example inputs.

Every input has a position, also one that the module takes by keyword: those follow the others, in the order of the
example inputs. So the services handle the inputs of all models alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from split_model import structure
from split_model.errors import InputError
from split_model.specs import TensorSpec, ValueSpec
from split_model.structure import Nesting, Tree
from split_model.values import Array, carried, is_tensor

__all__ = ["Arguments", "ExpectedInputs"]


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call.

    Attributes:
        keywords: The names of those that are taken by keyword, which come last.
    """

    keywords: tuple[str, ...] = ()

    def call(self, function: Callable[..., Tree], inputs: Sequence[Tree]) -> Tree:
        """Calls a function with inputs in order of position."""
        args, kwargs = self.separate(inputs)
        return function(*args, **kwargs)

    def separate(self, inputs: Sequence[Tree]) -> tuple[tuple[Tree, ...], dict[str, Tree]]:
        """Positional and keyword arguments of inputs in order of position.

        Raises:
            InputError: They are fewer than the keyword arguments.
        """
        positional = len(inputs) - len(self.keywords)
        if positional < 0:
            raise InputError(f"expected the inputs {', '.join(self.keywords)}; got {len(inputs)}")
        return tuple(inputs[:positional]), dict(zip(self.keywords, inputs[positional:], strict=True))


@dataclass(frozen=True, slots=True)
class ExpectedInputs:
    """What the inputs of a call must be.

    Attributes:
        names: The names of the arguments, in order of position.
        nesting: How they are nested.
        leaves: For each leaf its path, and a tensor's dtype and shape; or the value that the export fixed.
        layers: For each leaf the layer of a tensor; `None` for what is no tensor.
    """

    names: tuple[str, ...]
    nesting: Nesting
    leaves: tuple[tuple[str, TensorSpec | object], ...]
    layers: tuple[str | None, ...]

    @property
    def specs(self) -> tuple[ValueSpec, ...]:
        """The tensors, in the order of the call."""
        return tuple(
            ValueSpec(path, layer, wanted.dtype, wanted.shape)
            for (path, wanted), layer in zip(self.leaves, self.layers, strict=True)
            if layer is not None and isinstance(wanted, TensorSpec)
        )

    def in_order(self, inputs: Sequence[Tree], named: Mapping[str, Tree]) -> tuple[Tree, ...]:
        """The inputs of a call, in order of position.

        Raises:
            InputError: A name is unknown, given twice or missing.
        """
        if not named:
            return tuple(inputs)
        rest = self.names[len(inputs) :]
        if named.keys() != set(rest):
            got = f"{len(inputs)} by position, and {', '.join(named)}"
            raise InputError(f"expected the inputs {', '.join(self.names)}; got {got}")
        return (*inputs, *(named[name] for name in rest))

    def feed(self, inputs: Sequence[Tree]) -> dict[str, Array]:
        """The arrays that carry the tensors of inputs in order of position, by layer.

        Args:
            inputs: Tensors, or arrays in place of them.

        Raises:
            InputError: Inputs of another number, nesting, shape, dtype or, where the export fixed it, value.
        """
        leaves, nesting = structure.flatten(tuple(inputs))
        if nesting not in (self.nesting, self.nesting.plain):
            expected = ", ".join(path for path, _ in self.leaves)
            raise InputError(f"expected the inputs {expected}, nested as in example_inputs; got {len(leaves)} values")
        fed: dict[str, Array] = {}
        for leaf, layer, (path, wanted) in zip(leaves, self.layers, self.leaves, strict=True):
            if layer is not None and isinstance(wanted, TensorSpec):
                fed[layer] = _checked(leaf, path, wanted)
            elif not _is_fixed(leaf, wanted):
                raise InputError(
                    f"input {path!r} is fixed to {wanted!r}, its value in the example inputs; got {leaf!r:.60}: "
                    "load the model with that value, or make it a tensor"
                )
        return fed


def _checked(leaf: object, path: str, wanted: TensorSpec) -> Array:
    expected = f"input {path!r} must be {wanted.dtype} {list(wanted.shape)}"
    if is_tensor(leaf):
        found = TensorSpec.of(leaf)
        if found != wanted:
            raise InputError(f"{expected}; got {found.dtype} {list(found.shape)}")
    elif not isinstance(leaf, np.ndarray):
        raise InputError(f"{expected}; got {type(leaf).__name__}")
    elif (found := TensorSpec(leaf.dtype.name, leaf.shape)) != wanted.carried:
        raise InputError(f"{expected}; got {found.dtype} {list(found.shape)}")
    return carried(leaf)


def _is_fixed(leaf: object, wanted: object) -> bool:
    if is_tensor(leaf) or isinstance(leaf, np.ndarray):
        return False
    return type(leaf) is type(wanted) and (leaf == wanted or (leaf != leaf and wanted != wanted))  # noqa: PLR0124  # NaN
