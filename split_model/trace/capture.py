"""Capture: exports a module with torch.export and reads the result as a `Trace`.

The export is functionalised (`run_decompositions({})`), because plain export keeps in-place operators, and a schedule
that runs part of a graph must not change a value that is read elsewhere.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind
from torch.utils import _pytree as pytree

from split_model import structure
from split_model.arguments import Arguments
from split_model.errors import UnsupportedModelError
from split_model.specs import TensorSpec
from split_model.structure import Tree
from split_model.trace.export import export
from split_model.trace.operators import draws_random, packet
from split_model.trace.refusals import DIVIDE, place_in_trace
from split_model.trace.trace import Argument, Node, Ref, Trace

__all__ = ["Capture", "capture"]

_Leaf = Callable[[Argument], Argument]


@dataclass(frozen=True, slots=True)
class Capture:
    """A traced model with the nesting of its arguments and of its return value.

    Attributes:
        trace: The trace, before folding.
        input_names: The names of the arguments, in order of position.
        input_paths: One per leaf of the arguments, non-tensors included.
        output_paths: One per leaf of the return value, `None` and numbers included.
        output_nesting: The nesting of the return value.
        contiguous_outputs: Paths of the tensors that the module returns in row-major order.
    """

    trace: Trace
    input_names: tuple[str, ...]
    input_paths: tuple[str, ...]
    output_paths: tuple[str, ...]
    output_nesting: structure.Nesting
    contiguous_outputs: frozenset[str]


def capture(
    module: nn.Module,
    inputs: Sequence[Tree],
    *,
    arguments: Arguments | None = None,
    outputs: Tree = None,
) -> Capture:
    """Exports a module for inputs of exactly these shapes and dtypes.

    Args:
        module: The module, which should have run before: `split_model.faithful.witness` says why.
        inputs: Example inputs, in order of position, none of which share memory: the exporter merges those that do.
        arguments: How the module takes them; by default, all by position.
        outputs: What the module returns for them; by default it is made of what the exporter saw.

    Raises:
        UnsupportedModelError: torch.export cannot trace the module; or the trace draws random numbers, keeps state
            between calls, or has shapes that depend on values.
    """
    arguments = Arguments() if arguments is None else arguments
    args, kwargs = arguments.separate(inputs)
    program = export(module, args, kwargs)
    trace = _read(program)
    names = [*_argument_names(module, program)[: len(args)], *arguments.keywords]
    if outputs is None:
        outputs = pytree.tree_unflatten(list(range(len(trace.outputs))), program.call_spec.out_spec)
    output_paths = structure.paths_of(outputs)
    returned = _returned(program)
    if len(returned) != len(output_paths):
        raise UnsupportedModelError(f"the model returns {len(output_paths)} values, and its export {len(returned)}")
    return Capture(
        trace=trace,
        input_names=tuple(names[: len(inputs)]),
        input_paths=structure.paths_of(inputs, top=names),
        output_paths=output_paths,
        output_nesting=structure.flatten(outputs)[1],
        contiguous_outputs=frozenset(
            path for path, value in zip(output_paths, returned, strict=True) if _is_contiguous(value)
        ),
    )


def _argument_names(module: nn.Module, program: torch.export.ExportedProgram) -> list[str]:
    signature = program.module_call_graph[0].signature
    names = getattr(signature, "forward_arg_names", None)
    if names:
        return list(names)
    return list(inspect.signature(module.forward).parameters)


def _read(program: torch.export.ExportedProgram) -> Trace:
    signature = program.graph_signature
    sources = {spec.arg.name: spec for spec in signature.input_specs}
    inputs = [
        None if isinstance(spec.arg, ConstantArgument) else spec.arg.name
        for spec in signature.input_specs
        if spec.kind is InputKind.USER_INPUT
    ]
    index_of: dict[str, int] = {}
    nodes: list[Node] = []
    constants: dict[int, Any] = {}
    outputs: tuple[Any, ...] = ()

    def leaf(value: Argument) -> Argument:
        return Ref(index_of[value.name]) if isinstance(value, torch.fx.Node) else value

    for node in program.graph.nodes:
        if node.op == "output":
            outputs = tuple(_map(value, leaf) for value in _returned(program))
            continue
        if node.op == "placeholder":
            source = sources[node.name]
            if isinstance(source.arg, ConstantArgument):
                continue
            if source.kind is not InputKind.USER_INPUT:
                constants[len(nodes)] = _constant(program, source.target)
        elif node.op == "get_attr":
            constants[len(nodes)] = getattr(program.graph_module, node.target)
        index_of[node.name] = len(nodes)
        made = _node(node, leaf)
        if node.op == "placeholder" and len(nodes) in constants:  # a constant keeps its name in the module
            made = replace(made, name=str(sources[node.name].target))
        nodes.append(made)
    if signature.buffers_to_mutate:
        names = ", ".join(sorted(signature.buffers_to_mutate.values()))
        raise UnsupportedModelError(
            f"the model changes its buffers when it runs ({names}); is it in training mode? call .eval() before it is "
            "loaded or exported; take state as an input, and return it"
        )
    return Trace(
        nodes=tuple(nodes),
        inputs=tuple(None if name is None else index_of[name] for name in inputs),
        constants=constants,
        outputs=outputs,
    )


def _returned(program: torch.export.ExportedProgram) -> list[Argument]:
    """The leaves of the return value, as the exporter's nodes and literals."""
    kept = [spec.kind is OutputKind.USER_OUTPUT for spec in program.graph_signature.output_specs]
    (values,) = program.graph.output_node().args
    return [value for value, keep in zip(values, kept, strict=True) if keep]


def _is_contiguous(value: Argument) -> bool:
    traced = value.meta.get("val") if isinstance(value, torch.fx.Node) else None
    return isinstance(traced, Tensor) and traced.is_contiguous()


def _map(value: Argument, leaf: _Leaf) -> Argument:
    if isinstance(value, tuple | list):  # torch.fx's immutable lists included
        mapped = [_map(part, leaf) for part in value]
        return tuple(mapped) if isinstance(value, tuple) else mapped
    if isinstance(value, Mapping):
        return {key: _map(part, leaf) for key, part in value.items()}
    return leaf(value)


def _constant(program: torch.export.ExportedProgram, target: str) -> Argument:
    return program.state_dict[target] if target in program.state_dict else program.constants[target]


def _node(node: torch.fx.Node, leaf: _Leaf) -> Node:
    if node.op != "call_function":
        value = node.meta.get("val")
        return Node(node.name, specs=(_spec(node, value),) if isinstance(value, Tensor) else ())
    value = node.meta.get("val")
    tensors = list(value) if isinstance(value, tuple | list) else [value]
    made = Node(
        name=node.name,
        target=node.target,  # type: ignore[arg-type]  # a call_function's target is callable; fx's type covers all ops
        args=tuple(_map(list(node.args), leaf)),
        kwargs=_map(dict(node.kwargs), leaf),
        is_tuple=isinstance(value, tuple | list),
        place=_place(node),
    )
    if draws_random(made):
        raise UnsupportedModelError(
            f"the model draws random numbers ({node.target}{place_in_trace(node)}); {_without_chance(made)}"
        )
    if any(not isinstance(tensor, Tensor | None) for tensor in tensors):
        raise UnsupportedModelError(
            f"a number or size depends on values ({node.name}: {node.target}{place_in_trace(node)}); drop .item() or "
            f"compute with tensors, or {DIVIDE}"
        )
    return replace(made, specs=tuple(_spec(node, tensor) for tensor in tensors))


def _place(node: torch.fx.Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path, _ = next(reversed(stack.values()), ("", None))
    return str(path)


def _without_chance(node: Node) -> str:
    if "dropout" in packet(node.target) or "attention" in packet(node.target) or "training" in str(node.target):
        return "call .eval() before the model is loaded or exported, and give F.dropout training=self.training"
    return "take the noise as an input, or use the mean in its place"


def _spec(node: torch.fx.Node, tensor: Tensor | None) -> TensorSpec | None:
    if tensor is None:
        return None
    if any(not isinstance(size, int) for size in tensor.shape):
        raise UnsupportedModelError(
            f"the shape of {node.name} depends on values{place_in_trace(node)}; use torch.where in place of a boolean "
            f"index or nonzero, or {DIVIDE}"
        )
    return TensorSpec.of(tensor)
