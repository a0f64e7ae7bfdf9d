"""`Model`: a module with its graph of layers, its heads and its tails."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from partitioner import LayerGraph
from pictures import Preprocess
from split_model import structure
from split_model.arguments import Arguments, arguments_of, expected_inputs
from split_model.cache import SegmentedCache
from split_model.engines.in_place import overwrites
from split_model.engines.layout import channels_last
from split_model.engines.packing import pack
from split_model.engines.schedule import Program
from split_model.errors import InputError, UnknownLayerError, UnknownOutputError
from split_model.faithful.answers import answers_of, plain_answer, program_answer, tolerance_of
from split_model.faithful.fresh_inputs import apart
from split_model.faithful.reference import Reference
from split_model.faithful.witness import Answer, Witness, witnessed
from split_model.split import Head, Tail, check_closed
from split_model.structure import Tree
from split_model.trace.capture import Capture, capture
from split_model.trace.digest import digest_of
from split_model.trace.folding import fold
from split_model.trace.fusion import fuse
from split_model.trace.layering import layer
from split_model.trace.parts import refuse_untraceable_parts, uncompiled
from split_model.trace.places import places_of, root_of
from split_model.trace.pruning import prune
from split_model.trace.rest import rest_of, with_rest
from split_model.trace.trace import Ref, TensorSpec, Trace
from split_model.trunk_and_rest import TrunkAndRest
from split_model.value_specs import input_specs, output_specs
from split_model.values import Value

__all__ = ["Model"]

_CACHED_SCHEDULES = 64


class Model:
    """A module in evaluation mode, with its graph of layers.

    Args:
        module: The module; it is left as it is. Of one that `torch.compile` returned, the module that it was made of.
        example_inputs: Positional arguments of a call, or a mapping of keyword arguments; they fix the shapes, and the
            values of what is no tensor.
        name: Its name on the wire.
        device: The device that heads and tails run on.
        labels: Class names, if the output is a classification.
        postprocess: Makes a value that JSON can represent from the module's return value.
        keywords: Names of the last example inputs, if the module takes these by keyword.
        evaluate: Whether the module runs in evaluation mode, whatever its own mode is.
        preprocess: How a picture becomes its input; None: the picture's centre, at the smallest scale that covers it.

    Attributes:
        name: As given.
        digest: SHA-256 over graph, weights and preprocessing (`split_model.trace.digest`).
        graph: Its layers.
        inputs: Its tensor inputs, in the order of the call.
        outputs: Its tensor outputs, in the order of the return value.
        layer_specs: The tensors of each layer's value, by layer name.
        example_inputs: Copies of those given, in order of position, on `device`.
        labels: As given.
        postprocess: As given.
        preprocess: As given. It is no part of the digest.
        rest: The layer of the rest of a `TrunkAndRest`; `None` for other modules.
        places: Each layer's name for people, by its name on the wire: its place in the module, such as
            `backbone.layer2.0.conv1`. No two are equal.
        device: As given.
        torch_version: The version of torch that traced it; other versions may trace another graph.

    Raises:
        UnsupportedModelError: The module cannot be exported, has no fixed dataflow graph, keeps state between calls, or
            answers other inputs otherwise than its trace.
    """

    def __init__(
        self,
        module: nn.Module,
        example_inputs: Tree | Sequence[Tree] | Mapping[str, Tree],
        *,
        name: str,
        device: torch.device | str = "cpu",
        labels: tuple[str, ...] | None = None,
        postprocess: Callable[[Tree], Any] | None = None,
        keywords: tuple[str, ...] = (),
        evaluate: bool = False,
        preprocess: Preprocess | None = None,
    ) -> None:
        self.name = name
        self.device = torch.device(device)
        self.labels = labels
        self.postprocess = postprocess
        self.preprocess = preprocess
        self.torch_version = torch.__version__
        module = uncompiled(module)
        refuse_untraceable_parts(module)
        arguments, examples = arguments_of(example_inputs, keywords)
        self._module = module
        self._reference = Reference(module, arguments, self.device, evaluate)
        traced = module.trunk if isinstance(module, TrunkAndRest) else module  # a rest has no graph, and no one answer
        with self._reference.mode(), witnessed(replace(self._reference, module=traced), examples) as witness:
            self._captured = captured = _capture(traced, arguments, witness)
            if isinstance(module, TrunkAndRest):
                self._captured = with_rest(captured, module.rest, witness.outputs)
            self.digest = digest_of(self._captured, module.state_dict())
            self.example_inputs = tuple(_to(value, self.device) for value in witness.examples)
            trace = self.plain_trace()
            self._prepare(self._captured, trace)
            tolerance = tolerance_of(self.layer_specs, self.device)
            witness.compare(self._answers(trace, captured), plain_answer(captured, self.device), tolerance)

    def _answers(self, trace: Trace, traced: Capture) -> Sequence[Answer]:
        """Ways to ask for what was traced: the model, or of a `TrunkAndRest` the trunk, which the rest reads."""
        rest = rest_of(trace)
        if rest is None:
            return answers_of(self.split, self.graph)
        return [program_answer(self._program, self._expected.nodes, rest.args, traced.output_nesting)] * 2

    def _prepare(self, captured: Capture, trace: Trace) -> None:
        """From a trace to what heads and tails are made of; the trace has its constants folded."""
        layering = layer(trace)
        rest = rest_of(trace)
        self.rest = None if rest is None else rest.name
        self.graph: LayerGraph = layering.graph
        self.layer_specs: Mapping[str, tuple[TensorSpec, ...]] = layering.specs
        self.places: Mapping[str, str] = places_of(trace, layering, root_of(self._module))
        self._node_of = layering.node_of
        packed = pack(trace, self.device)
        self._program = Program(packed, layering.root, self.device, overwrites(trace), channels_last(packed))
        self._expected = expected_inputs(captured.input_names, captured.input_paths, self.example_inputs, trace.inputs)
        self._output_paths, self._output_leaves = captured.output_paths, trace.outputs
        self._output_nesting, self._contiguous_outputs = captured.output_nesting, captured.contiguous_outputs
        self.inputs = input_specs(captured, trace)
        self.outputs = output_specs(captured, trace, layering)
        self._layer_of_output = {spec.path: spec.layer for spec in self.outputs}
        self._heads: SegmentedCache[frozenset[str], Head] = SegmentedCache(_CACHED_SCHEDULES)
        self._tails: SegmentedCache[tuple[frozenset[str], tuple[str, ...]], Tail] = SegmentedCache(_CACHED_SCHEDULES)

    def __call__(self, *inputs: Tree, **named: Tree) -> Tree:
        """Runs the whole original module, without recording gradients."""
        return self._reference(self.in_order(inputs, named))

    def nearby(self, inputs: Sequence[Tree], tolerance: float, count: int) -> Iterator[Tree]:
        """Return values of a `TrunkAndRest` whose trunk is slightly off; none for other modules.

        See `TrunkAndRest.nearby`.
        """
        if isinstance(self._module, TrunkAndRest):
            trunk = replace(self._reference, module=self._module.trunk)
            with self._reference.mode(), torch.no_grad():
                yield from self._module.nearby(trunk(inputs), tolerance, count)

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
        return self._expected.in_order(inputs, named)

    def check_inputs(self, inputs: Sequence[Tree]) -> None:
        """Checks the arguments of a call, in the order of `example_inputs`.

        Raises:
            InputError: They are not nested as `example_inputs` are, have another shape or dtype, or another value where
                the export fixed it.
        """
        self._expected.feed(inputs)

    def walk(self, *inputs: Tree, **named: Tree) -> Iterator[tuple[str, dict[str, Value]]]:
        """Runs the model one layer at a time.

        Args:
            inputs: As for a call.
            named: Likewise, those by name.

        Yields:
            Each layer's name, in graph order, with its value and those of the earlier layers that later ones or the
            outputs read: sufficient feeds for a tail.

        Raises:
            InputError: Inputs of the wrong number, shape or dtype.
        """
        fed = self._expected.feed(self.in_order(inputs, named))
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

        Each call folds and fuses the weights again; keeping the trace would keep a second copy of them.
        """
        return fuse(prune(fold(self._captured.trace, self.device)))

    def _head(self, edge: frozenset[str]) -> Head:
        check_closed(edge, self.graph)
        outputs = set(self.graph.outputs)
        crossing = {name for entry in self.graph.layers if entry.name not in edge for name in entry.inputs}
        sends = tuple(
            entry.name
            for entry in self.graph.layers
            if entry.name in edge and (entry.name in crossing or entry.name in outputs)
        )
        inputs = [index for index in self._expected.nodes if index is not None]
        schedule = self._program.schedule(inputs, [self._node_of[name] for name in sends])
        return Head(sends, self._node_of, schedule, self._expected.in_order, self._expected.feed)

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


def _capture(module: nn.Module, arguments: Arguments, witness: Witness) -> Capture:
    try:
        return capture(module, apart(witness.examples), arguments=arguments, outputs=witness.outputs)
    finally:
        witness.exported()


def _to(value: Tree, device: torch.device) -> Tree:
    return structure.map_leaves(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, value)
