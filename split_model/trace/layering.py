"""Layering: the layers of a folded trace, as a `LayerGraph`.

A layer is an input, or an operator that computes new data. An operator that only relabels memory and keeps every
element is no layer: it runs with the layers that read it, on either side of a cut, and the value that crosses the cut
is that of the layer it relabels.
"""

from dataclasses import dataclass

from partitioner import Layer, LayerGraph
from split_model.errors import UnsupportedModelError
from split_model.specs import TensorSpec
from split_model.trace.operators import RELABELLING, is_getitem, packet
from split_model.trace.trace import Node, Trace, refs_of

__all__ = ["Layering", "layer"]

SENDABLE = frozenset(
    {
        *("bool", "uint8", "int8", "int16", "int32", "int64"),
        *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    }
)
"""Dtypes that the wire carries, complex ones as pairs of floats."""


@dataclass(frozen=True, slots=True)
class Layering:
    """Layers of a trace.

    Attributes:
        graph: One layer per node that computes data, in execution order.
        root: For each node, the node of the layer whose elements it has; a layer's node is its own root.
        node_of: The node index of each layer, by name.
        specs: The tensors of each layer's value, by layer name.
    """

    graph: LayerGraph
    root: tuple[int, ...]
    node_of: dict[str, int]
    specs: dict[str, tuple[TensorSpec, ...]]


def layer(trace: Trace) -> Layering:
    """Finds the layers of a folded, pruned trace.

    Raises:
        UnsupportedModelError: No output depends on an input, or a layer's dtype cannot be sent.
    """
    root: list[int] = []
    layers: list[Layer] = []
    node_of: dict[str, int] = {}
    specs: dict[str, tuple[TensorSpec, ...]] = {}
    for index, node in enumerate(trace.nodes):
        sources = list(dict.fromkeys(root[ref] for ref in refs_of((node.args, node.kwargs))))
        if len(sources) == 1 and _only_relabels(node, trace):
            root.append(sources[0])
            continue
        root.append(index)
        node_of[node.name] = index
        specs[node.name] = _sendable(node)
        names = tuple(trace.nodes[source].name for source in sources)
        layers.append(Layer(node.name, names, node.bytes))
    outputs = tuple(dict.fromkeys(trace.nodes[root[ref]].name for ref in refs_of(trace.outputs)))
    if not outputs:
        raise UnsupportedModelError("no output of the model depends on its inputs: there is nothing to split")
    return Layering(LayerGraph(tuple(layers), outputs), tuple(root), node_of, specs)


def _only_relabels(node: Node, trace: Trace) -> bool:
    source = next(refs_of(node.args), None)
    if source is None:
        return False
    if is_getitem(node):
        return True
    name = packet(node.target)
    before = trace.nodes[source]
    if name in {"aten._to_copy", "aten.to", "aten.copy"}:  # a change of device or layout, not of dtype
        return node.specs == before.specs
    if name in {"aten.pad", "aten.constant_pad_nd"}:  # Swin pads by 0
        return not any(node.args[1])
    return name in RELABELLING and node.elements >= before.elements


def _sendable(node: Node) -> tuple[TensorSpec, ...]:
    specs = tuple(spec for spec in node.specs if spec is not None)
    for spec in specs:
        if spec.dtype not in SENDABLE:
            raise UnsupportedModelError(
                f"layer {node.name} makes {spec.dtype} tensors, which cannot be sent; the wire carries "
                + ", ".join(sorted(SENDABLE))
            )
    return specs
