"""Says in one line why a trace has no ONNX form, naming the layer and its operator."""

import operator
from collections.abc import Callable
from dataclasses import replace

from split_model.errors import NoOnnxFormError
from split_model.exporting.marked import Traced
from split_model.trace.layering import Layering, layer
from split_model.trace.operators import is_getitem, packet
from split_model.trace.rest import Rest
from split_model.trace.trace import Argument, Node, Ref, Trace, refs_of, substitute

__all__ = ["refuse_dtypes", "refused"]

_UNFIT = frozenset({"bfloat16", "complex64", "complex128"})
"""ONNX has no complex numbers, and ONNX Runtime hardly any operator for bfloat16 on a CPU."""


def refuse_dtypes(trace: Trace, layering: Layering) -> None:
    """Raises NoOnnxFormError if a layer has a dtype that ONNX Runtime does not compute with."""
    for name, specs in layering.specs.items():
        for spec in specs:
            if spec.dtype in _UNFIT:
                node = trace.nodes[layering.node_of[name]]
                raise NoOnnxFormError(f"layer {name}{_operator(node)} makes {spec.dtype}, which has no ONNX form")


def refused(
    trace: Trace, layering: Layering, translate: Callable[[Traced], object], error: Exception
) -> NoOnnxFormError:
    """The error for a trace that the exporter refuses: tries its operators one by one.

    Args:
        trace: The trace.
        layering: Its layers.
        translate: Exports a trace, or raises an exception.
        error: What the exporter said of the whole trace.
    """
    first: dict[object, int] = {}  # the first node with each operator; an export of one takes a second
    for index, node in enumerate(trace.nodes):
        if node.target is not None and not isinstance(node.target, Rest) and not is_getitem(node):
            first.setdefault(node.target, index)
    said = _chain(error)
    for index in sorted(first.values(), key=lambda index: packet(trace.nodes[index].target) not in said):
        node = trace.nodes[index]
        try:
            translate(_alone(trace, index))
        except Exception as reason:  # noqa: BLE001  # the exporter's errors share no base class
            name = trace.nodes[layering.root[index]].name
            return NoOnnxFormError(f"layer {name}{_operator(node)} has no ONNX form: {_first_line(reason)}")
    return NoOnnxFormError(f"the model has no ONNX form: {_first_line(error)}")


def _alone(trace: Trace, index: int) -> Traced:
    """One node as a trace of its own, whose inputs are the values that it reads."""
    node = trace.nodes[index]
    reads = list(dict.fromkeys(refs_of((node.args, node.kwargs))))
    place = {read: position for position, read in enumerate(reads)}
    inputs = [Node(f"input_{position}", specs=trace.nodes[read].specs) for position, read in enumerate(reads)]

    def leaf(value: Argument) -> Argument:
        return Ref(place[value.index]) if isinstance(value, Ref) else value

    moved = replace(node, args=substitute(node.args, leaf), kwargs=substitute(dict(node.kwargs), leaf))
    count = len(node.keep) if node.keep is not None else len(node.specs)
    single = not node.is_tuple
    alone = Trace(
        nodes=(*inputs, moved),
        inputs=tuple(range(len(inputs))),
        constants={},
        outputs=(Ref(len(inputs)),) if single else (),
    )
    if not single:
        parts = tuple(_part(len(inputs), position) for position in range(count))
        refs = tuple(Ref(len(inputs) + 1 + position) for position in range(count))
        alone = replace(alone, nodes=(*alone.nodes, *parts), outputs=refs)
    return Traced(alone, layer(alone), [str(position) for position in range(len(alone.outputs))])


def _part(source: int, position: int) -> Node:
    return Node(f"part_{position}", operator.getitem, (Ref(source), position))


def _operator(node: Node) -> str:
    return f" ({packet(node.target)})" if node.target is not None else ""


def _chain(error: BaseException | None) -> str:
    return "" if error is None else f"{error}{_chain(error.__cause__)}"


def _first_line(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
