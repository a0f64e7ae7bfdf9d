"""The model as a directed acyclic graph of layers.

Laws: layers are in topological order; names are distinct; a layer without inputs is a model input; every output names a
layer. A graph that breaks one of them cannot be built.
"""

import graphlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from partitioner.errors import PartitionError


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: a vertex of the graph, with the one tensor (or tuple of tensors) that it makes.

    Attributes:
        name: Distinct within the graph.
        inputs: Names of the distinct layers it reads, each once even where it is read twice (``x + x``); none for a
            model input.
        output_bytes: Size of its value on the wire, in bytes; 0 or more.
        sendable: Whether its value can be sent at all, up or, as an output, down. If not (it is too large for a
            message), a split that would send it takes forever.

    Raises:
        PartitionError: An input is repeated, or the size is not a finite number of at least 0.
    """

    name: str
    inputs: tuple[str, ...]
    output_bytes: int
    sendable: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise PartitionError(f"layer name {self.name!r}: expected a non-empty string")
        if is_text(self.inputs):
            raise PartitionError(
                f"layer {self.name!r}: inputs must be a tuple of names, not the string {self.inputs!r}"
            )
        repeated = first_repeated(self.inputs)
        if repeated is not None:
            raise PartitionError(
                f"layer {self.name!r}: input {repeated!r} is repeated; name each distinct predecessor once"
            )
        check_number(self.output_bytes, f"layer {self.name!r}: output_bytes")


@dataclass(frozen=True, slots=True)
class Structure:
    """A graph by position instead of by name; position i is ``layers[i]``.

    Attributes:
        position: Position of each name.
        predecessors: Positions read by each layer.
        successors: Positions that read each layer, ascending.
        inputs: Positions of the model inputs.
        outputs: Positions of the model outputs, ascending.
        kept: Positions, ascending, of the layers that are on the edge in every split that can be sent: the model
            inputs, and the outputs whose values cannot be sent, with all layers before them.
    """

    position: Mapping[str, int]
    predecessors: tuple[tuple[int, ...], ...]
    successors: tuple[tuple[int, ...], ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    kept: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LayerGraph:
    """The layers of a model and which of them are its outputs.

    Attributes:
        layers: In topological order; at least one.
        outputs: Names of the layers whose values the model returns, each once; at least one.
        max_message_bytes: The most that can be sent at once, in one direction, before any encoding. A split that would
            send more takes forever.
        structure: The same by position; derived.

    Raises:
        PartitionError: A name is repeated or unknown, the order is not topological, there is a cycle, there are no
            outputs, or the limit is not a number of at least 0. The message names the layer.

    Example:
        >>> graph = LayerGraph((Layer("image", (), 600), Layer("conv", ("image",), 100)), outputs=("conv",))
        >>> len(graph)
        2
        >>> LayerGraph((Layer("a", ("b",), 1), Layer("b", ("a",), 1)), outputs=("b",))
        Traceback (most recent call last):
        partitioner.errors.PartitionError: cycle: 'a' -> 'b' -> 'a'
    """

    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    max_message_bytes: float = math.inf
    structure: Structure = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        repeated = first_repeated(tuple(layer.name for layer in self.layers))
        if repeated is not None:
            raise PartitionError(f"layer {repeated!r} is repeated: names must be distinct")
        if self.max_message_bytes != math.inf:
            check_number(self.max_message_bytes, "max_message_bytes")
        object.__setattr__(self, "structure", _structure(self.layers, self.outputs))

    def __len__(self) -> int:
        return len(self.layers)


def _structure(layers: tuple[Layer, ...], outputs: tuple[str, ...]) -> Structure:
    position = {layer.name: i for i, layer in enumerate(layers)}
    predecessors = tuple(tuple(_predecessor(layer, name, position) for name in layer.inputs) for layer in layers)
    for i, sources in enumerate(predecessors):
        if sources and max(sources) >= i:
            _raise_order(layers, i, max(sources))
    successors: list[list[int]] = [[] for _ in layers]
    for i, sources in enumerate(predecessors):
        for source in sources:
            successors[source].append(i)
    inputs = tuple(i for i, sources in enumerate(predecessors) if not sources)
    found = _outputs(outputs, position)
    return Structure(
        position=position,
        predecessors=predecessors,
        successors=tuple(map(tuple, successors)),
        inputs=inputs,
        outputs=found,
        kept=_kept(predecessors, (*inputs, *(i for i in found if not layers[i].sendable))),
    )


def _kept(predecessors: tuple[tuple[int, ...], ...], there: tuple[int, ...]) -> tuple[int, ...]:
    """Returns these layers and all before them, ascending."""
    kept, following = set(there), list(there)
    while following:
        new = [source for source in predecessors[following.pop()] if source not in kept]
        kept.update(new)
        following += new
    return tuple(sorted(kept))


def _predecessor(layer: Layer, name: str, position: Mapping[str, int]) -> int:
    if name not in position:
        raise PartitionError(f"layer {layer.name!r} reads {name!r}, which is not a layer of the graph")
    return position[name]


def _outputs(outputs: tuple[str, ...], position: Mapping[str, int]) -> tuple[int, ...]:
    if is_text(outputs):
        raise PartitionError(f"outputs must be a tuple of names, not the string {outputs!r}")
    if not outputs:
        last = f"; the last layer is {list(position)[-1]!r}" if position else " and no layers"
        raise PartitionError(f"the graph has no outputs{last}: name at least one layer")
    for name in outputs:
        if name not in position:
            raise PartitionError(f"output {name!r} is not a layer of the graph")
    repeated = first_repeated(outputs)
    if repeated is not None:
        raise PartitionError(f"output {repeated!r} is repeated: name each layer once")
    return tuple(sorted(position[name] for name in outputs))


def _raise_order(layers: tuple[Layer, ...], reader: int, read: int) -> None:
    """Raises the error for a cycle, or for layers in the wrong order."""
    try:
        graphlib.TopologicalSorter({layer.name: layer.inputs for layer in layers}).prepare()
    except graphlib.CycleError as error:
        cycle = " -> ".join(map(repr, error.args[1]))
        raise PartitionError(f"cycle: {cycle}") from error
    raise PartitionError(
        f"layer {layers[reader].name!r} stands before {layers[read].name!r}, which it reads: "
        "layers must be in topological order"
    )


def is_text(names: object) -> bool:
    """Returns whether this is a string: it would pass for a sequence of names, its letters."""
    return isinstance(names, str)


def first_repeated(names: tuple[str, ...]) -> str | None:
    """Returns the first name that occurred before, or None."""
    if len(set(names)) == len(names):
        return None
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # add is always falsy


def are_numbers(values: Collection[float]) -> bool:
    """Returns whether all are finite and at least 0: in a tenth of the time that naming each of them would take."""
    try:
        return all(map(math.isfinite, values)) and min(values, default=0.0) >= 0.0
    except (TypeError, OverflowError):
        return False


def check_number(value: float, what: str) -> None:
    """Raises `PartitionError` unless `value` is a finite number of at least 0; `what` begins the message."""
    try:
        valid = math.isfinite(value) and value >= 0
    except (TypeError, OverflowError) as error:
        raise PartitionError(f"{what} is {value!r}: expected a finite number of at least 0") from error
    if not valid:
        raise PartitionError(f"{what} is {value!r}: expected a finite number of at least 0")
