"""`Model`: a definition and an engine that runs its parts: heads, tails, and the whole."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from partitioner import LayerGraph
from pictures import Preprocess
from split_model.cache import SegmentedCache
from split_model.definition import Definition
from split_model.engines.engine import Engine
from split_model.kept.profiles import KeptProfiles
from split_model.parts import check_closed, head_spec, remote_outputs, tail_spec
from split_model.specs import TensorSpec, ValueSpec
from split_model.split import Head, Tail
from split_model.structure import Tree
from split_model.values import Array, Value

__all__ = ["Model", "Original"]

_CACHED_PARTS = 64


class Original(Protocol):
    """What a model was made of, where it is at hand: the caller's module."""

    def __call__(self, inputs: Sequence[Tree]) -> Tree:
        """Runs it whole; gives tensors if given tensors, else arrays."""
        ...

    def nearby(self, inputs: Sequence[Tree], tolerance: float, count: int) -> Iterator[Tree]:
        """Return values whose trunk is slightly off, as arrays; see `TrunkAndRest.nearby`."""
        ...

    def returned(self, outputs: Tree) -> Tree:
        """A return value of arrays as the module returns it, of tensors."""
        ...


class Model:
    """A model that can be split at any layers.

    Args:
        definition: What it is.
        engine: What runs its parts.
        name: Its name on the wire.
        example_inputs: Inputs of a call, in order of position.
        original: The module that it was made of; None where there is none here, as of a model from a file.
        postprocess: Makes a value that JSON can represent from what the module returns.
        device: The device that computes.
        profiles: Where its measured times are kept; None: nowhere.
        extra: Whatever else its model file holds, by name; None for a name that it does not hold.

    Attributes:
        definition: As given.
        engine: As given.
        name: As given.
        example_inputs: As given: tensors of a model that was made of a module, else arrays.
        original: As given.
        postprocess: As given; see `returned`.
        device: As given: `cpu`, or a name that torch knows.
        profiles: As given.
        extra: As given.
    """

    def __init__(
        self,
        definition: Definition,
        engine: Engine,
        *,
        name: str,
        example_inputs: Sequence[Tree],
        original: Original | None = None,
        postprocess: Callable[[Tree], Any] | None = None,
        device: str = "cpu",
        profiles: KeptProfiles | None = None,
        extra: Callable[[str], bytes | None] = lambda _: None,
    ) -> None:
        self.definition = definition
        self.engine = engine
        self.name = name
        self.example_inputs = tuple(example_inputs)
        self.original = original
        self.postprocess = postprocess
        self.device = device
        self.profiles = profiles
        self.extra = extra
        self._heads: SegmentedCache[frozenset[str], Head] = SegmentedCache(_CACHED_PARTS)
        self._tails: SegmentedCache[tuple[frozenset[str], tuple[str, ...]], Tail] = SegmentedCache(_CACHED_PARTS)

    @property
    def digest(self) -> str:
        """SHA-256 over graph, weights and preprocessing (`split_model.trace.digest`)."""
        return self.definition.digest

    @property
    def graph(self) -> LayerGraph:
        """Its layers."""
        return self.definition.graph

    @property
    def inputs(self) -> tuple[ValueSpec, ...]:
        """Its tensor inputs, in the order of the call."""
        return self.definition.inputs.specs

    @property
    def outputs(self) -> tuple[ValueSpec, ...]:
        """Its tensor outputs, in the order of the return value."""
        return self.definition.outputs.specs

    @property
    def layer_specs(self) -> Mapping[str, tuple[TensorSpec, ...]]:
        """The tensors of each layer's value, by layer name."""
        return self.definition.layer_specs

    @property
    def places(self) -> Mapping[str, str]:
        """Each layer's name for people, by its name on the wire, such as `layer2.0.conv1`. No two are equal."""
        return self.definition.places

    @property
    def rest(self) -> str | None:
        """The layer of the rest of a `TrunkAndRest`; `None` for other models."""
        return self.definition.rest

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Class names, if the output is a classification."""
        return self.definition.labels

    @property
    def preprocess(self) -> Preprocess | None:
        """How a picture becomes its input. It is no part of the digest."""
        return self.definition.preprocess

    @property
    def torch_version(self) -> str:
        """The version of torch that traced it; other versions may trace another graph."""
        return self.definition.torch_version

    def __call__(self, *inputs: Tree, **named: Tree) -> Tree:
        """Runs the whole model: the original module where it is at hand, without recording gradients.

        Returns:
            Its outputs, nested as the module returns them: tensors if the inputs are tensors, else arrays.
        """
        ordered = self.in_order(inputs, named)
        if self.original is not None:
            return self.original(ordered)
        head, tail = self.split(self._inputs())
        return tail(head(*ordered))

    def nearby(self, inputs: Sequence[Tree], tolerance: float, count: int) -> Iterator[Tree]:
        """Return values of a model with a rest whose trunk is slightly off; none for other models.

        See `TrunkAndRest.nearby`.
        """
        if self.rest is None:
            return
        if self.original is not None:
            yield from self.original.nearby(inputs, tolerance, count)
            return
        head, tail = self.split(frozenset(self.layer_specs) - {self.rest})
        values = head.run(inputs)
        generator = np.random.default_rng(0)
        for _ in range(count):
            yield tail({name: _off(value, tolerance, generator) for name, value in values.items()})

    def returned(self, outputs: Tree) -> Tree:
        """A return value of arrays as the module returns it, which is what `postprocess` takes."""
        return outputs if self.original is None else self.original.returned(outputs)

    def split(self, edge: frozenset[str]) -> tuple[Head, Tail]:
        """Splits the model.

        Args:
            edge: Names of the layers that run on the edge: all model inputs, and the predecessors of each layer.

        Returns:
            Head and tail; `tail(head(*inputs))` equals the module's return value for `inputs`.

        Raises:
            UnknownLayerError: The graph has no layer of a name.
            NotClosedError: A model input or a predecessor is missing.
        """
        head = self._heads.get(edge, lambda: self._head(edge))
        return head, self.tail(head.sends, self.remote_outputs(edge))

    def in_order(self, inputs: Sequence[Tree], named: Mapping[str, Tree]) -> tuple[Tree, ...]:
        """The arguments of a call, also those by name, in the order of `example_inputs`.

        Raises:
            InputError: A name is unknown, given twice or missing.
        """
        return self.definition.inputs.in_order(inputs, named)

    def check_inputs(self, inputs: Sequence[Tree]) -> None:
        """Checks the arguments of a call, in the order of `example_inputs`: tensors, or arrays in place of them.

        Raises:
            InputError: They are not nested as `example_inputs` are, have another shape or dtype, or another value where
                the export fixed it.
        """
        self.definition.inputs.feed(inputs)

    def walk(self, *inputs: Tree, **named: Tree) -> Iterator[tuple[str, dict[str, Value]]]:
        """Runs the model layer after layer.

        Args:
            inputs: As for a call.
            named: Likewise, those by name.

        Yields:
            Each layer's name, in graph order, with its value and those of the earlier layers that later ones or the
            outputs read: sufficient feeds for a tail.

        Raises:
            InputError: Inputs of the wrong number, shape or dtype.
        """
        values: dict[str, Value] = dict(self.definition.inputs.feed(self.in_order(inputs, named)))
        readers = Counter(name for entry in self.graph.layers for name in entry.inputs)
        readers.update(self.graph.outputs)
        computed = self.engine.walk(dict(values))
        for entry in self.graph.layers:
            if entry.inputs:
                name, values[entry.name] = next(computed)
                if name != entry.name:
                    raise RuntimeError(f"the engine computed {name!r} where {entry.name!r} is next")
            yield entry.name, dict(values)
            readers.subtract(entry.inputs)
            for name in (*entry.inputs, entry.name):
                if readers[name] <= 0:
                    values.pop(name, None)

    def tail(self, feeds: Collection[str], outputs: Sequence[str] = ()) -> Tail:
        """The tail from these layers' values to these outputs.

        Args:
            feeds: Names of the layers whose values are given; may be more than needed.
            outputs: Paths of the wanted outputs; empty means all.

        Raises:
            MissingTensorError: The outputs need a model input that is not among the feeds.
            UnknownLayerError, UnknownOutputError: The model has no layer or output of a name.
        """
        key = (frozenset(feeds), tuple(outputs))
        return self._tails.get(key, lambda: self._tail(*key))

    def warm_up(self, edge: frozenset[str] | None = None) -> None:
        """Runs every layer once on the calling thread.

        A thread's first run takes up to twice as long as the next ones, because it allocates memory and chooses
        kernels. The heads and tails of all splits share both, so after this no frame and no switch is slower. Call it
        on each thread that will run heads or tails.

        Args:
            edge: The split whose head and tail run; None for the one with the model's inputs alone on the edge.
        """
        head, tail = self.split(self._inputs() if edge is None else edge)
        tail.run(head.run(self.example_inputs))

    def remote_outputs(self, edge: Collection[str]) -> tuple[str, ...]:
        """Paths of the outputs that the layers of `edge` do not compute."""
        return remote_outputs(self.definition, edge)

    def assemble(self, values: Mapping[str, Value], outputs: Mapping[str, Array]) -> Tree:
        """Assembles the module's return value.

        Args:
            values: Layers' values, by name; outputs that are missing in `outputs` are computed from them.
            outputs: Computed outputs, by path.

        Returns:
            The return value, of arrays.

        Raises:
            MissingTensorError: An output is not in `outputs` and cannot be computed from `values`.
        """
        missing = tuple(spec.path for spec in self.outputs if spec.path not in outputs)
        local = self.tail(values.keys(), missing).run(values) if missing else {}
        return self.definition.outputs.nested({**local, **outputs})

    def flatten(self, outputs: Tree) -> dict[str, Array]:
        """The arrays that carry the tensors of a return value, by path; it may hold tensors or arrays.

        Raises:
            InputError: It is not nested as the model's outputs are.
        """
        return self.definition.outputs.flat(outputs)

    def _inputs(self) -> frozenset[str]:
        return frozenset(entry.name for entry in self.graph.layers if not entry.inputs)

    def _head(self, edge: frozenset[str]) -> Head:
        check_closed(edge, self.definition)
        spec = head_spec(self.definition, edge)
        return Head(self.definition, spec, self.engine.part(spec), self.device)

    def _tail(self, feeds: frozenset[str], outputs: tuple[str, ...]) -> Tail:
        paths = outputs or tuple(spec.path for spec in self.outputs)
        spec = tail_spec(self.definition, feeds, (), paths)
        return Tail(self.definition, spec, self.engine.part(spec), paths, self.assemble, self.device)


def _off(value: Value, tolerance: float, generator: np.random.Generator) -> Value:
    """A value whose elements are off by at most a part of the largest one, as rounding makes them."""
    if isinstance(value, tuple):
        return tuple(_one_off(array, tolerance, generator) for array in value)
    return _one_off(value, tolerance, generator)


def _one_off(array: Array, tolerance: float, generator: np.random.Generator) -> Array:
    if not np.issubdtype(array.dtype, np.floating):
        return array
    finite = np.abs(array[np.isfinite(array)])
    if not finite.size:
        return array
    noise = generator.uniform(-1.0, 1.0, array.shape) * (tolerance * float(finite.max()))
    return np.add(array, noise, dtype=np.float64).astype(array.dtype)
