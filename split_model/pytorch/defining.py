"""Makes a model's `Definition` of its trace."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from pictures import Preprocess
from split_model import structure
from split_model.arguments import ExpectedInputs
from split_model.definition import Definition, Returned
from split_model.pytorch.tensors import array_of
from split_model.specs import TensorSpec, ValueSpec
from split_model.structure import Tree
from split_model.trace.capture import Capture
from split_model.trace.layering import Layering
from split_model.trace.rest import rest_of
from split_model.trace.trace import Argument, Ref, Trace

__all__ = ["definition_of"]


def definition_of(
    captured: Capture,
    trace: Trace,
    layering: Layering,
    examples: Sequence[Tree],
    *,
    digest: str,
    places: Mapping[str, str],
    labels: tuple[str, ...] | None,
    preprocess: Preprocess | None,
    torch_version: str,
) -> Definition:
    """What the model of a trace is.

    Args:
        captured: The capture, before any pass.
        trace: Its trace after the passes.
        layering: The layers of that trace.
        examples: The example inputs, in order of position.
        digest: Its digest.
        places: Its layers' names for people.
        labels: Its class names.
        preprocess: How a picture becomes its input.
        torch_version: The version that traced it.
    """
    rest = rest_of(trace)
    return Definition(
        digest=digest,
        graph=layering.graph,
        layer_specs=layering.specs,
        inputs=_inputs(captured, trace, examples),
        outputs=_outputs(captured, trace, layering),
        places=places,
        rest=None if rest is None else rest.name,
        labels=labels,
        preprocess=preprocess,
        torch_version=torch_version,
    )


def _inputs(captured: Capture, trace: Trace, examples: Sequence[Tree]) -> ExpectedInputs:
    leaves, nesting = structure.flatten(tuple(examples))
    wanted = (TensorSpec.of(leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves)
    layers = tuple(None if index is None else trace.nodes[index].name for index in trace.inputs)
    return ExpectedInputs(captured.input_names, nesting, tuple(zip(captured.input_paths, wanted, strict=True)), layers)


def _outputs(captured: Capture, trace: Trace, layering: Layering) -> Returned:
    paths = captured.output_paths
    leaves = tuple(
        (path, _leaf(path, value, trace, layering)) for path, value in zip(paths, trace.outputs, strict=True)
    )
    constants = {
        path: array_of(value).copy()
        for path, value in zip(paths, trace.outputs, strict=True)
        if isinstance(value, Tensor)
    }
    return Returned(captured.output_nesting, leaves, constants)


def _leaf(path: str, value: Argument, trace: Trace, layering: Layering) -> ValueSpec | object:
    if isinstance(value, Ref):
        (spec,) = (spec for spec in trace.nodes[value.index].specs if spec is not None)
        return ValueSpec(path, trace.nodes[layering.root[value.index]].name, spec.dtype, spec.shape)
    if isinstance(value, Tensor):
        spec = TensorSpec.of(value)
        return ValueSpec(path, None, spec.dtype, spec.shape)
    literal: object = value
    return literal
