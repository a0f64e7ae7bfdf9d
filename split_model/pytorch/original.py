"""`OriginalModule`: the caller's module behind `Model.original`; it takes tensors or arrays, and gives the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from split_model.definition import Definition
from split_model.faithful.reference import Reference
from split_model.pytorch.tensors import as_module_returns, tensor_of
from split_model.pytorch.trunk_and_rest import TrunkAndRest
from split_model.specs import TensorSpec
from split_model.structure import Tree, flatten, unflatten
from split_model.values import is_tensor

__all__ = ["OriginalModule"]


@dataclass(frozen=True, slots=True)
class OriginalModule:
    """The module that a model was made of.

    Attributes:
        reference: Runs the module as the caller would run it.
        definition: The model.
    """

    reference: Reference
    definition: Definition

    def __call__(self, inputs: Sequence[Tree]) -> Tree:
        """See `split_model.model.Original`."""
        leaves, _ = flatten(tuple(inputs))
        if any(is_tensor(leaf) for leaf in leaves):
            return self.reference(inputs)
        return self._arrays(self.reference(self._tensors(inputs)))

    def nearby(self, inputs: Sequence[Tree], tolerance: float, count: int) -> Iterator[Tree]:
        """See `split_model.model.Original`."""
        module = self.reference.module
        if isinstance(module, TrunkAndRest):
            trunk = replace(self.reference, module=module.trunk)
            with self.reference.mode(), torch.no_grad():
                for outputs in module.nearby(trunk(self._tensors(inputs)), tolerance, count):
                    yield self._arrays(outputs)

    def returned(self, outputs: Tree) -> Tree:
        """See `split_model.model.Original`."""
        return as_module_returns(self.definition, outputs, self.reference.device)

    def _tensors(self, inputs: Sequence[Tree]) -> tuple[Tree, ...]:
        self.definition.inputs.feed(inputs)  # raises if they do not fit
        leaves, _ = flatten(tuple(inputs))
        pairs = zip(leaves, self.definition.inputs.leaves, strict=True)
        return tuple(unflatten([_tensor(leaf, want) for leaf, (_, want) in pairs], self.definition.inputs.nesting))

    def _arrays(self, outputs: Tree) -> Tree:
        return self.definition.outputs.nested(self.definition.outputs.flat(outputs))


def _tensor(leaf: object, want: object) -> object:
    return tensor_of(leaf, want) if isinstance(leaf, np.ndarray) and isinstance(want, TensorSpec) else leaf
