"""Heads and tails: the two parts of a split model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from partitioner import LayerGraph
from split_model.engines.schedule import Recorder, Schedule
from split_model.errors import MissingTensorError, NotClosedError, UnknownLayerError
from split_model.structure import Tree
from split_model.values import Value

__all__ = ["Head", "Tail", "check_closed"]


@dataclass(frozen=True, slots=True)
class Head:
    """The part of a model that runs on the edge.

    Attributes:
        sends: Names of the layers whose values it returns: those that layers outside read, and outputs.
        node_of: The node of each layer, by name.
        schedule: The operator calls.
        in_order: The arguments of a call, also those by name, in order of position.
        feed: Checks these and returns them by node.
    """

    sends: tuple[str, ...]
    node_of: Mapping[str, int]
    schedule: Schedule
    in_order: Callable[[Sequence[Tree], Mapping[str, Tree]], Sequence[Tree]]
    feed: Callable[[Sequence[Tree]], dict[int, Tensor]]

    def __call__(self, *inputs: Tree, **named: Tree) -> dict[str, Value]:
        """Runs the head on the model's inputs, given as the module takes them.

        Returns:
            Values by layer name, in graph order: those that cross the cut, and outputs computed here.

        Raises:
            InputError: Inputs of the wrong number, shape or dtype.
        """
        return self.run(self.in_order(inputs, named))

    def run(self, inputs: Sequence[Tree], recorder: Recorder | None = None) -> dict[str, Value]:
        """Like a call, with all inputs in order of position; `recorder` receives the time of each layer."""
        values = self.schedule.run(self.feed(inputs), recorder)
        return {name: values[self.node_of[name]] for name in self.sends}


@dataclass(frozen=True, slots=True)
class Tail:
    """The part of a model from some layers' values to some of its outputs.

    Attributes:
        needs: Names of the layers whose values it reads; others are ignored.
        node_of: The node of each layer, by name.
        schedule: The operator calls.
        sources: For each wanted output, by path: its node, or a constant.
        contiguous: Paths of the outputs that the module returns in row-major order; the schedule may use another.
        assemble: `Model.assemble`: makes the return value from the tail's feeds and its computed outputs.
    """

    needs: tuple[str, ...]
    node_of: Mapping[str, int]
    schedule: Schedule
    sources: Mapping[str, int | Tensor]
    contiguous: frozenset[str]
    assemble: Callable[[Mapping[str, Value], Mapping[str, Tensor]], Tree]

    def __call__(self, values: Mapping[str, Value]) -> Tree:
        """Computes the wanted outputs and assembles the return value.

        Args:
            values: A head's return value, by layer name.

        Returns:
            The original module's return value, with the same nesting, shapes and dtypes.

        Raises:
            MissingTensorError: A value is missing; names the layer.
        """
        return self.assemble(values, self.run(values))

    def run(self, feeds: Mapping[str, Value], recorder: Recorder | None = None) -> dict[str, Tensor]:
        """Computes the wanted outputs.

        Args:
            feeds: Values by layer name, of the dtypes and shapes of `model.layer_specs`; never modified.
            recorder: Receives the time of each layer.

        Returns:
            The wanted outputs, by path.

        Raises:
            MissingTensorError: A value is missing; names the layer.
        """
        for name in self.needs:
            if name not in feeds:
                raise MissingTensorError(name)
        values = self.schedule.run({self.node_of[name]: feeds[name] for name in self.needs}, recorder)
        outputs = {
            path: source.clone() if isinstance(source, Tensor) else values[source]
            for path, source in self.sources.items()
        }
        return {path: value.contiguous() if path in self.contiguous else value for path, value in outputs.items()}


def check_closed(edge: frozenset[str], graph: LayerGraph) -> None:
    """Checks that a set of layers can be the edge's part.

    Raises:
        UnknownLayerError: The graph has no layer of a name.
        NotClosedError: A model input, or a predecessor of a layer, is missing.
    """
    unknown = edge - {entry.name for entry in graph.layers}
    if unknown:
        raise UnknownLayerError(min(unknown))
    for entry in graph.layers:
        if not entry.inputs and entry.name not in edge:
            raise NotClosedError(f"the edge must hold every model input; {entry.name!r} is missing")
        if entry.name in edge:
            for name in entry.inputs:
                if name not in edge:
                    raise NotClosedError(f"{entry.name!r} is on the edge, its predecessor {name!r} is not")
