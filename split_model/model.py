"""`Model`: a module with its graph of layers, its heads and its tails."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from partitioner import LayerGraph
from split_model import structure
from split_model.cache import SegmentedCache
from split_model.engines.in_place import overwrites
from split_model.engines.layout import channels_last
from split_model.engines.packing import pack
from split_model.engines.schedule import Program
from split_model.errors import InputError, NotClosedError, UnknownLayerError, UnknownOutputError
from split_model.split import Head, Tail
from split_model.structure import Tree
from split_model.trace.capture import Capture
from split_model.trace.digest import digest_of
from split_model.trace.folding import fold
from split_model.trace.fusion import fuse
from split_model.trace.layering import Layering, layer
from split_model.trace.pruning import prune
from split_model.trace.rest import capture_whole, rest_of
from split_model.trace.trace import Ref, TensorSpec, Trace
from split_model.trunk_and_rest import TrunkAndRest
from split_model.values import Value

__all__ = ["Model", "ValueSpec"]

_CACHED_SCHEDULES = 64


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
    def sizes(self) -> tuple[int, ...]:
        """The shape, with 0, the least possible, for sizes that depend on values."""
        return TensorSpec(self.dtype, self.shape).sizes


class Model:
    """A module in evaluation mode, with its graph of layers.

    Args:
        module: The module; it is moved to `device`.
        example_inputs: Positional arguments of a call; they fix the shapes.
        name: Its name on the wire.
        device: The device that it runs on.
        labels: Class names, if the output is a classification.
        postprocess: Makes a value that JSON can represent from the module's return value.

    Attributes:
        name: As given.
        digest: SHA-256 over graph, weights and preprocessing (`split_model.trace.digest`).
        graph: Its layers.
        inputs: Its tensor inputs, in the order of the call.
        outputs: Its tensor outputs, in the order of the return value.
        layer_specs: The tensors of each layer's value, by layer name.
        example_inputs: As given, on `device`.
        labels: As given.
        postprocess: As given.
        rest: The layer of the rest of a `TrunkAndRest`; `None` for other modules.
        device: As given.
        torch_version: The version of torch that traced it; other versions may trace another graph.

    Raises:
        UnsupportedModelError: The module cannot be exported, or has no fixed dataflow graph.
    """

    def __init__(
        self,
        module: nn.Module,
        example_inputs: tuple[Tree, ...],
        *,
        name: str,
        device: torch.device | str = "cpu",
        labels: tuple[str, ...] | None = None,
        postprocess: Callable[[Tree], Any] | None = None,
    ) -> None:
        self.name = name
        self.device = torch.device(device)
        self.labels = labels
        self.postprocess = postprocess
        self.torch_version = torch.__version__
        captured = capture_whole(module, example_inputs)
        self.digest = digest_of(captured, module.state_dict())
        self._module = module.to(self.device)
        self.example_inputs = tuple(_to(value, self.device) for value in example_inputs)
        trace = _runnable(captured, self.device)
        layering = layer(trace)
        rest = rest_of(trace)
        self.rest = None if rest is None else rest.name
        self.graph: LayerGraph = layering.graph
        self.layer_specs: Mapping[str, tuple[TensorSpec, ...]] = layering.specs
        self._node_of = layering.node_of
        packed = pack(trace, self.device)
        self._program = Program(packed, layering.root, self.device, overwrites(trace), channels_last(packed))
        self._input_nesting, self._output_nesting = captured.input_nesting, captured.output_nesting
        self._input_nodes, self._output_paths, self._output_leaves = trace.inputs, captured.output_paths, trace.outputs
        self._contiguous_outputs = captured.contiguous_outputs
        self.inputs = _input_specs(captured, trace)
        self.outputs = _output_specs(captured, trace, layering)
        self._layer_of_output = {spec.path: spec.layer for spec in self.outputs}
        self._heads: SegmentedCache[frozenset[str], Head] = SegmentedCache(_CACHED_SCHEDULES)
        self._tails: SegmentedCache[tuple[frozenset[str], tuple[str, ...]], Tail] = SegmentedCache(_CACHED_SCHEDULES)

    def __call__(self, *inputs: Tree) -> Tree:
        """Runs the whole original module, without recording gradients."""
        with torch.inference_mode():
            return self._module(*(_to(value, self.device) for value in inputs))

    def nearby(self, inputs: Sequence[Tree], tolerance: float, count: int) -> Iterator[Tree]:
        """Return values of a `TrunkAndRest` whose trunk is slightly off; none for other modules.

        See `TrunkAndRest.nearby`.
        """
        if isinstance(self._module, TrunkAndRest):
            with torch.inference_mode():
                given = tuple(_to(value, self.device) for value in inputs)
                yield from self._module.nearby(self._module.trunk(*given), tolerance, count)

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

    def walk(self, *inputs: Tree) -> Iterator[tuple[str, dict[str, Value]]]:
        """Runs the model one layer at a time.

        Args:
            inputs: As for a call.

        Yields:
            Each layer's name, in graph order, with its value and those of the earlier layers that later ones or the
            outputs read: sufficient feeds for a tail.

        Raises:
            InputError: Inputs of the wrong number, shape or dtype.
        """
        fed = self._feed(inputs)
        readers = Counter(name for entry in self.graph.layers for name in entry.inputs)
        readers.update(self.graph.outputs)
        values: dict[str, Value] = {
            entry.name: fed[self._node_of[entry.name]] for entry in self.graph.layers if not entry.inputs
        }
        for entry in self.graph.layers:
            if entry.inputs:
                node, there = self._node_of[entry.name], {self._node_of[name]: values[name] for name in values}
                values[entry.name] = self._program.schedule(tuple(there), (node,)).run(there)[node]
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

    def warm_up(self) -> None:
        """Runs every layer once on the calling thread.

        A thread's first run takes up to twice as long as the next ones, because it allocates memory and chooses
        kernels. The heads and tails of all splits share both, so after this no frame and no switch is slower. Call it
        on each thread that will run heads or tails.
        """
        head, tail = self.split(frozenset(layer.name for layer in self.graph.layers if not layer.inputs))
        tail(head(*self.example_inputs))

    def remote_outputs(self, edge: Collection[str]) -> tuple[str, ...]:
        """Paths of the outputs that the layers of `edge` do not compute."""
        return tuple(spec.path for spec in self.outputs if spec.layer is not None and spec.layer not in edge)

    def assemble(self, values: Mapping[str, Value], outputs: Mapping[str, Tensor]) -> Tree:
        """Assembles the module's return value.

        Args:
            values: Layers' values, by name; outputs that are missing in `outputs` are computed from them.
            outputs: Computed outputs, by path.

        Raises:
            MissingTensorError: An output is not in `outputs` and cannot be computed from `values`.
        """
        missing = tuple(spec.path for spec in self.outputs if spec.path not in outputs)
        local = self.tail(values.keys(), missing).run(values) if missing else {}
        leaves = [
            outputs[path] if path in outputs else local.get(path, leaf)
            for path, leaf in zip(self._output_paths, self._output_leaves, strict=True)
        ]
        return structure.unflatten(leaves, self._output_nesting)

    def flatten(self, outputs: Tree) -> dict[str, Tensor]:
        """The tensors of a return value, by path.

        Raises:
            InputError: It is not nested as the model's outputs are.
        """
        leaves, nesting = structure.flatten(outputs)
        if nesting != self._output_nesting:
            raise InputError("the value is not nested as this model's outputs are")
        pairs = zip(self._output_paths, leaves, strict=True)
        return {path: leaf for path, leaf in pairs if isinstance(leaf, Tensor)}

    def plain_trace(self) -> Trace:
        """The nodes that heads and tails run, with the same indices but unpacked weights.

        Each call traces the model again, which takes seconds; keeping the trace would keep a second copy of the
        weights.
        """
        return _runnable(capture_whole(self._module, self.example_inputs), self.device)

    def _head(self, edge: frozenset[str]) -> Head:
        self._check_closed(edge)
        outputs = set(self.graph.outputs)
        crossing = {name for entry in self.graph.layers if entry.name not in edge for name in entry.inputs}
        sends = tuple(
            entry.name
            for entry in self.graph.layers
            if entry.name in edge and (entry.name in crossing or entry.name in outputs)
        )
        inputs = [index for index in self._input_nodes if index is not None]
        schedule = self._program.schedule(inputs, [self._node_of[name] for name in sends])
        return Head(sends, self._node_of, schedule, self._feed)

    def _tail(self, feeds: frozenset[str], outputs: tuple[str, ...]) -> Tail:
        for name in sorted(feeds):
            if name not in self._node_of:
                raise UnknownLayerError(name)
        known = tuple(self._layer_of_output)
        for path in outputs:
            if path not in self._layer_of_output:
                raise UnknownOutputError(path, known)
        leaf_of = dict(zip(self._output_paths, self._output_leaves, strict=True))
        leaves = {path: leaf_of[path] for path in outputs or known}
        sources = {path: leaf.index if isinstance(leaf, Ref) else leaf for path, leaf in leaves.items()}
        wanted = list(dict.fromkeys(source for source in sources.values() if isinstance(source, int)))
        schedule = self._program.schedule([self._node_of[name] for name in feeds], wanted)
        needs = tuple(self._program.instructions[index].name for index in schedule.feeds)
        return Tail(needs, self._node_of, schedule, sources, self._contiguous_outputs, self.assemble)

    def _check_closed(self, edge: frozenset[str]) -> None:
        unknown = edge - self._node_of.keys()
        if unknown:
            raise UnknownLayerError(min(unknown))
        for entry in self.graph.layers:
            if not entry.inputs and entry.name not in edge:
                raise NotClosedError(f"the edge must hold every model input; {entry.name!r} is missing")
            if entry.name in edge:
                for name in entry.inputs:
                    if name not in edge:
                        raise NotClosedError(f"{entry.name!r} is on the edge, its predecessor {name!r} is not")

    def _feed(self, inputs: Sequence[Tree]) -> dict[int, Tensor]:
        leaves, nesting = structure.flatten(tuple(inputs))
        if nesting != self._input_nesting:
            expected = ", ".join(spec.path for spec in self.inputs)
            raise InputError(f"expected the inputs {expected}, nested as in example_inputs; got {len(leaves)} values")
        pairs = zip(leaves, self._input_nodes, strict=True)
        tensors = [(leaf, index) for leaf, index in pairs if index is not None]
        for (tensor, _), spec in zip(tensors, self.inputs, strict=True):
            _check_input(tensor, spec)
        return {index: tensor for tensor, index in tensors}


def _runnable(captured: Capture, device: torch.device) -> Trace:
    return fuse(prune(fold(captured.trace, device)))


def _check_input(value: object, spec: ValueSpec) -> None:
    expected = f"input {spec.path!r} must be {spec.dtype} {list(spec.shape)}"
    if not isinstance(value, Tensor):
        raise InputError(f"{expected}; got {type(value).__name__}")
    found = TensorSpec.of(value)
    if (found.dtype, found.shape) != (spec.dtype, spec.shape):
        raise InputError(f"{expected}; got {found.dtype} {list(found.shape)}")


def _to(value: Tree, device: torch.device) -> Tree:
    leaves, nesting = structure.flatten(value)
    return structure.unflatten([leaf.to(device) if isinstance(leaf, Tensor) else leaf for leaf in leaves], nesting)


def _input_specs(captured: Capture, trace: Trace) -> tuple[ValueSpec, ...]:
    specs = []
    for path, index in zip(captured.input_paths, trace.inputs, strict=True):
        if index is not None:
            node = trace.nodes[index]
            specs += [ValueSpec(path, node.name, spec.dtype, spec.shape) for spec in node.specs if spec is not None]
    return tuple(specs)


def _output_specs(captured: Capture, trace: Trace, layering: Layering) -> tuple[ValueSpec, ...]:
    specs = []
    for path, leaf in zip(captured.output_paths, trace.outputs, strict=True):
        if isinstance(leaf, Ref):
            root = trace.nodes[layering.root[leaf.index]].name
            found = trace.nodes[leaf.index].specs
            specs += [ValueSpec(path, root, spec.dtype, spec.shape) for spec in found if spec is not None]
        elif isinstance(leaf, Tensor):
            spec = TensorSpec.of(leaf)
            specs.append(ValueSpec(path, None, spec.dtype, spec.shape))
    return tuple(specs)
