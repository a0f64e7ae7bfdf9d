"""`Definition`: what a model is, apart from what runs it: graph, specs, digest, inputs, outputs and names."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from partitioner import LayerGraph
from pictures import Preprocess
from split_model.arguments import ExpectedInputs
from split_model.errors import InputError
from split_model.specs import TensorSpec, ValueSpec
from split_model.structure import Nesting, Tree, flatten, unflatten
from split_model.values import Array, carried, is_tensor

__all__ = ["Definition", "Returned"]


@dataclass(frozen=True, slots=True)
class Returned:
    """What a model returns.

    Attributes:
        nesting: How its leaves are nested.
        leaves: For each leaf its path, and a tensor's spec; or for another leaf its value.
        constants: The arrays of constant tensors, by path.
    """

    nesting: Nesting
    leaves: tuple[tuple[str, ValueSpec | object], ...]
    constants: Mapping[str, Array] = field(default_factory=dict)

    @property
    def specs(self) -> tuple[ValueSpec, ...]:
        """The tensors, in the order of the leaves."""
        return tuple(leaf for _, leaf in self.leaves if isinstance(leaf, ValueSpec))

    def nested(self, tensors: Mapping[str, Tree]) -> Tree:
        """The return value with these tensors, or arrays (`Nesting.plain`), by path."""
        leaves = [tensors[path] if isinstance(leaf, ValueSpec) else leaf for path, leaf in self.leaves]
        return unflatten(leaves, self.nesting if any(map(is_tensor, leaves)) else self.nesting.plain)

    def flat(self, outputs: Tree) -> dict[str, Array]:
        """The arrays that carry the tensors of a return value, by path.

        Raises:
            InputError: It is not nested as the model's outputs are.
        """
        leaves, nesting = flatten(outputs)
        if nesting not in (self.nesting, self.nesting.plain):
            raise InputError("the value is not nested as this model's outputs are")
        pairs = zip(self.leaves, leaves, strict=True)
        return {path: carried(leaf) for (path, spec), leaf in pairs if isinstance(spec, ValueSpec)}


@dataclass(frozen=True, slots=True)
class Definition:
    """What a model is.

    Attributes:
        digest: SHA-256 over graph, weights and preprocessing (`split_model.trace.digest`).
        graph: Its layers.
        layer_specs: The tensors of each layer's value, by layer name.
        inputs: What the inputs of a call must be.
        outputs: What it returns.
        places: Each layer's name for people, by its name on the wire.
        rest: The layer of the rest of a `TrunkAndRest`; `None` for other models.
        labels: Class names, if the output is a classification.
        preprocess: How a picture becomes its input; None: the picture's centre, at the smallest scale that covers it.
        torch_version: The version of torch that traced it; other versions may trace another graph.
    """

    digest: str
    graph: LayerGraph
    layer_specs: Mapping[str, tuple[TensorSpec, ...]]
    inputs: ExpectedInputs
    outputs: Returned
    places: Mapping[str, str]
    rest: str | None = None
    labels: tuple[str, ...] | None = None
    preprocess: Preprocess | None = None
    torch_version: str = ""
