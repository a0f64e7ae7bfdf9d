"""Heads and tails: the two parts of a split model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from split_model.definition import Definition
from split_model.engines.engine import Part, PartSpec, Recorder, Results
from split_model.errors import MissingTensorError
from split_model.structure import Tree, flatten
from split_model.values import Array, Value, carried, is_tensor

__all__ = ["Head", "Tail"]


@dataclass(frozen=True, slots=True)
class Head:
    """The part of a model that runs on the edge.

    Attributes:
        definition: The model.
        spec: The part.
        part: What runs it.
        device: The device of returned tensors.
    """

    definition: Definition
    spec: PartSpec
    part: Part
    device: str = "cpu"

    @property
    def sends(self) -> tuple[str, ...]:
        """Names of the layers whose values it returns: those that layers outside read, and outputs."""
        return self.spec.layers

    def __call__(self, *inputs: Tree, **named: Tree) -> dict[str, Any]:
        """Runs the head on the model's inputs, given as the module takes them.

        Returns:
            Values by layer name, in graph order: those that cross the cut, and outputs computed here; tensors, or
            tuples of them, if the inputs are tensors, else arrays.

        Raises:
            InputError: Inputs of the wrong number, shape or dtype.
        """
        ordered = self.definition.inputs.in_order(inputs, named)
        values = self.run(ordered)
        if not any(is_tensor(leaf) for leaf in flatten(tuple(ordered))[0]):
            return dict(values)
        from split_model.pytorch.tensors import tensors_of  # noqa: PLC0415  # torch is there, as the inputs are its

        specs = self.definition.layer_specs
        return {name: tensors_of(value, specs[name], self.device) for name, value in values.items()}

    def run(self, inputs: Sequence[Tree], recorder: Recorder | None = None) -> dict[str, Value]:
        """Like a call, with all inputs in order of position, but gives arrays.

        Args:
            inputs: Tensors, or arrays in place of them.
            recorder: Receives the time of each layer, where the engine can tell it.
        """
        feeds = self.definition.inputs.feed(inputs)
        found = self.part.run(feeds, recorder).layers if self.spec.computes else feeds
        return {name: found[name] for name in self.sends}


@dataclass(frozen=True, slots=True)
class Tail:
    """The part of a model from some layers' values to some of its outputs.

    Attributes:
        definition: The model.
        spec: The part.
        part: What runs it.
        paths: The paths of the wanted outputs, constant ones included.
        assemble: `Model.assemble`: makes the return value from the tail's feeds and its computed outputs.
        device: The device of returned tensors.
    """

    definition: Definition
    spec: PartSpec
    part: Part
    paths: tuple[str, ...]
    assemble: Callable[[Mapping[str, Value], Mapping[str, Array]], Tree]
    device: str = "cpu"

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the layers whose values it reads; others are ignored."""
        return self.spec.feeds

    def __call__(self, values: Mapping[str, Any]) -> Tree:
        """Computes the wanted outputs and assembles the return value.

        Args:
            values: A head's return value, by layer name.

        Returns:
            The original module's return value, with the same nesting, shapes and dtypes; of tensors, if the values are
            tensors, else of arrays.

        Raises:
            MissingTensorError: A value is missing; names the layer.
        """
        arrays = {name: _carried(value) for name, value in values.items()}
        outputs = self.assemble(arrays, self.run(arrays))
        if not any(is_tensor(leaf) for leaf in flatten(tuple(values.values()))[0]):
            return outputs
        from split_model.pytorch.tensors import as_module_returns  # noqa: PLC0415  # torch is there, see above

        return as_module_returns(self.definition, outputs, self.device)

    def run(self, feeds: Mapping[str, Value], recorder: Recorder | None = None) -> dict[str, Array]:
        """Computes the wanted outputs.

        Args:
            feeds: Values by layer name, of the dtypes and shapes of `model.layer_specs`: arrays, or tensors in place of
                them; never modified.
            recorder: Receives the time of each layer, where the engine can tell it.

        Returns:
            The wanted outputs, by path.

        Raises:
            MissingTensorError: A value is missing; names the layer.
        """
        return self.results(feeds, recorder).outputs

    def results(self, feeds: Mapping[str, Value], recorder: Recorder | None = None) -> Results:
        """Like `run`, with how long the run waited for its engine."""
        for name in self.needs:
            if name not in feeds:
                raise MissingTensorError(name)
        given = {name: _carried(feeds[name]) for name in self.needs}
        computed = self.part.run(given, recorder) if self.spec.computes else Results({}, {})
        constants = self.definition.outputs.constants
        outputs = {p: constants[p].copy() if p in constants else computed.outputs[p] for p in self.paths}
        return computed._replace(outputs=outputs)


def _carried(value: Any) -> Value:  # noqa: ANN401  # a tensor, an array, or several
    return tuple(carried(part) for part in value) if isinstance(value, tuple | list) else carried(value)
