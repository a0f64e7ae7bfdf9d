"""Constant folding: nodes that do not depend on the inputs' values are computed once, at load.

Masks, position tables, `new_zeros` and the like have static shapes, so they are constants for every input. Without
folding, Swin's graph has 10^16 closed sets, and every frame computes the same masks again.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from split_model.trace.operators import SHAPE_ONLY, packet
from split_model.trace.trace import Argument, Node, Ref, Trace, refs_of, substitute

__all__ = ["compact", "fold"]


def fold(trace: Trace, device: torch.device) -> Trace:
    """Evaluates constants, inserts them into the arguments that refer to them, and drops unused nodes.

    Constants are evaluated on the CPU, then moved, so that their bits are the same on every device.

    Args:
        trace: As captured.
        device: The device that the model will run on; it replaces the device arguments of operators.

    Returns:
        A trace without constants, whose nodes are the inputs and the operators that depend on them.
    """
    values = _evaluate(trace)
    moved: dict[int, Argument] = {}

    def leaf(value: Argument) -> Argument:
        if isinstance(value, torch.device):
            return device
        if not isinstance(value, Ref) or value.index not in values:
            return value
        if value.index not in moved:
            constant = values[value.index]
            moved[value.index] = constant.to(device) if isinstance(constant, Tensor) else constant
        return moved[value.index]

    nodes = tuple(
        node
        if index in values
        else replace(node, args=substitute(node.args, leaf), kwargs=substitute(node.kwargs, leaf))
        for index, node in enumerate(trace.nodes)
    )
    outputs = tuple(substitute(output, leaf) for output in trace.outputs)
    return compact(Trace(nodes=nodes, inputs=trace.inputs, constants={}, outputs=outputs))


def _evaluate(trace: Trace) -> dict[int, Argument]:
    """The values of all nodes that do not depend on the inputs' values, by node index."""
    values: dict[int, Argument] = dict(trace.constants)
    inputs = {index for index in trace.inputs if index is not None}

    def leaf(value: Argument) -> Argument:
        return values[value.index] if isinstance(value, Ref) else value

    with torch.inference_mode():
        for index, node in enumerate(trace.nodes):
            if index in values or index in inputs or node.target is None:
                continue
            args = _shape_stand_in(trace, node) if packet(node.target) in SHAPE_ONLY else node.args
            if all(ref in values for ref in refs_of((args, node.kwargs))):
                values[index] = node.target(*substitute(args, leaf), **substitute(node.kwargs, leaf))
    return values


def _shape_stand_in(trace: Trace, node: Node) -> tuple[Argument, ...]:
    """The arguments with the first one replaced by an uninitialised tensor of its shape and dtype."""
    first = node.args[0]
    if not isinstance(first, Ref):
        return node.args
    (spec,) = trace.nodes[first.index].specs
    if spec is None:
        return node.args
    return (torch.empty(spec.sizes, dtype=getattr(torch, spec.dtype)), *node.args[1:])


def compact(trace: Trace) -> Trace:
    """Drops the nodes that no output depends on, except inputs, and renumbers the rest."""
    needed = [False] * len(trace.nodes)
    for index in trace.inputs:
        if index is not None:
            needed[index] = True
    for index in refs_of(trace.outputs):
        needed[index] = True
    for index in range(len(trace.nodes) - 1, -1, -1):
        if needed[index]:
            for ref in refs_of((trace.nodes[index].args, trace.nodes[index].kwargs)):
                needed[ref] = True
    kept = [index for index, need in enumerate(needed) if need]
    return renumber(trace, kept, {index: index for index in kept})


def renumber(trace: Trace, kept: list[int], stands_for: Mapping[int, int]) -> Trace:
    """Keeps some nodes.

    Args:
        trace: Without constants.
        kept: Indices of the nodes to keep, increasing.
        stands_for: For every index that a kept node or an output refers to, the kept node that replaces it.
    """
    position = {index: new for new, index in enumerate(kept)}

    def leaf(value: Argument) -> Argument:
        return Ref(position[stands_for[value.index]]) if isinstance(value, Ref) else value

    return Trace(
        nodes=tuple(
            replace(node, args=substitute(node.args, leaf), kwargs=substitute(node.kwargs, leaf))
            for node in (trace.nodes[index] for index in kept)
        ),
        inputs=tuple(None if index is None else position[index] for index in trace.inputs),
        constants={},
        outputs=tuple(substitute(output, leaf) for output in trace.outputs),
    )
