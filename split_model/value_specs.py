"""`ValueSpec`: the tensors in a model's inputs and outputs, read from its trace."""

from dataclasses import dataclass

from torch import Tensor

from split_model.trace.capture import Capture
from split_model.trace.layering import Layering
from split_model.trace.trace import Ref, TensorSpec, Trace

__all__ = ["ValueSpec", "input_specs", "output_specs"]


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


def input_specs(captured: Capture, trace: Trace) -> tuple[ValueSpec, ...]:
    """The tensors that a model takes, in the order of the call."""
    specs = []
    for path, index in zip(captured.input_paths, trace.inputs, strict=True):
        if index is not None:
            node = trace.nodes[index]
            specs += [ValueSpec(path, node.name, spec.dtype, spec.shape) for spec in node.specs if spec is not None]
    return tuple(specs)


def output_specs(captured: Capture, trace: Trace, layering: Layering) -> tuple[ValueSpec, ...]:
    """The tensors that it returns, in the order of the return value."""
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
