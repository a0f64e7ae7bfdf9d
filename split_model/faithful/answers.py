"""Ways to ask a split model: cut in two places, or as the plain trace, without anything that changes rounding."""

from collections.abc import Callable, Mapping, Sequence

import torch

from partitioner import LayerGraph
from split_model import structure
from split_model.engines.schedules.schedule import Program
from split_model.faithful.witness import Answer
from split_model.specs import TensorSpec
from split_model.split import Head, Tail
from split_model.structure import Nesting, Tree
from split_model.trace.capture import Capture
from split_model.trace.folding import fold
from split_model.trace.trace import Argument, Ref

__all__ = ["answers_of", "plain_answer", "program_answer", "tolerance_of"]

_TOLERANCE = 1e-4
"""That of verification, in `edge_service.output.verify`."""
_COARSE = {"float16": 1e-2, "bfloat16": 5e-2}
_ON_DEVICES = 1e-2  # where convolutions may round to TF32


def answers_of(split: Callable[[frozenset[str]], tuple[Head, Tail]], graph: LayerGraph) -> list[Answer]:
    """The model cut behind its inputs, and in the middle of its layers."""
    inputs = frozenset(entry.name for entry in graph.layers if not entry.inputs)
    half = inputs.union(entry.name for entry in graph.layers[: len(graph.layers) // 2])
    return [_through(split, inputs), _through(split, half)]


def plain_answer(captured: Capture, device: torch.device) -> Answer:
    """The traced graph, whose constants are folded and whose operators run as they were traced.

    It is made when it is asked, which is seldom.
    """

    def answer(inputs: Sequence[Tree]) -> Tree:
        trace = fold(captured.trace, device)
        program = Program(trace, range(len(trace.nodes)), device, {}, frozenset())
        return program_answer(program, trace.inputs, trace.outputs, captured.output_nesting)(inputs)

    return answer


def program_answer(
    program: Program, inputs: Sequence[int | None], outputs: Sequence[Argument], nesting: Nesting
) -> Answer:
    """A program from the model's inputs to some of its values.

    Args:
        program: The nodes, ready to run.
        inputs: The node of each leaf of the inputs; `None` for what is no tensor.
        outputs: The leaves of the answer: `Ref`s to nodes, and literals.
        nesting: How these are nested.
    """
    given = [node for node in inputs if node is not None]
    wanted = list(dict.fromkeys(leaf.index for leaf in outputs if isinstance(leaf, Ref)))
    schedule = program.schedule(given, wanted)

    def answer(values: Sequence[Tree]) -> Tree:
        pairs = zip(structure.flatten(tuple(values))[0], inputs, strict=True)
        found = schedule.run({node: leaf for leaf, node in pairs if node is not None})
        return structure.unflatten([found[leaf.index] if isinstance(leaf, Ref) else leaf for leaf in outputs], nesting)

    return answer


def tolerance_of(specs: Mapping[str, tuple[TensorSpec, ...]], device: torch.device) -> float:
    """How far an output may be off: more where layers compute in half precision, or on another device."""
    dtypes = {spec.dtype for layer in specs.values() for spec in layer}
    coarse = [tolerance for dtype, tolerance in _COARSE.items() if dtype in dtypes]
    return max(_TOLERANCE, *coarse, _ON_DEVICES if device.type != "cpu" else 0.0)


def _through(split: Callable[[frozenset[str]], tuple[Head, Tail]], edge: frozenset[str]) -> Answer:
    def answer(inputs: Sequence[Tree]) -> Tree:
        head, tail = split(edge)
        return tail(head(*inputs))

    return answer
