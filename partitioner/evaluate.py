"""What one split costs: the definition that every solver minimises.

With S the layers on the edge (DADS, section II-B; the fixed time and the downlink are added here)::

    Te(S) = sum of edge seconds in S          Tc(S) = sum of cloud seconds outside S
    Tt(S) = 8 bytes_up(S) / uplink + 8 bytes_down(S) / downlink
    bytes_up(S)   = bytes of every layer in S with a successor outside S, each once
    bytes_down(S) = bytes of every output outside S

If a layer's value cannot be sent, or all that goes one way is larger than a message, Tt(S) is infinite.

An encoding (see `partitioner.encodings`) replaces the bytes that go up. Each layer that crosses then adds its seconds
of encoding to Te, and of decoding to Tc.

S is feasible when it holds every model input and is closed: with a layer, it holds all the layer's predecessors.

Reference: C. Hu, W. Bao, D. Wang, F. Liu, "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge",
IEEE INFOCOM 2019, doi:10.1109/INFOCOM.2019.8737614.
"""

import math
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.errors import PartitionError
from partitioner.graph import LayerGraph
from partitioner.partition import Partition


def evaluate(
    graph: LayerGraph, costs: CostProfile, link: Link, edge: Collection[str], encoding: Encoding | None = None
) -> Partition:
    """Prices one split.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        edge: Names of the layers on the edge: every model input, and with a layer all its predecessors.
        encoding: The encoding of the cut; None for raw, the graph's bytes without encoding time. If a tensor of the cut
            may not use it, or it cannot be sent at all, `transfer_s` is inf.

    Returns:
        The split with its times, each sum correctly rounded. Nothing is minimised, so `lower_bound_s` is 0.

    Raises:
        PartitionError: `edge` names an unknown layer, lacks a model input or is not closed; or the costs or the
            encoding do not fit.

    Example:
        >>> from partitioner import Layer
        >>> graph = LayerGraph((Layer("image", (), 1000), Layer("conv", ("image",), 10)), outputs=("conv",))
        >>> costs = CostProfile(edge_s=(0.0, 0.5), cloud_s=(0.0, 0.1))
        >>> evaluate(graph, costs, Link(uplink_bps=8e4), {"image"}).latency_s
        0.2
    """
    costs.check(graph)
    if encoding is not None:
        encoding.check(graph)
    return price(graph, costs, link, feasible_positions(graph, edge), encoding)


def feasible_positions(graph: LayerGraph, edge: Collection[str]) -> frozenset[int]:
    """Returns the positions of the layers in `edge`, or raises `PartitionError` when it is not a feasible split."""
    structure = graph.structure
    for name in edge:
        if name not in structure.position:
            raise PartitionError(f"the split names {name!r}, which is not a layer of the graph")
    inside = frozenset(structure.position[name] for name in edge)
    for i in structure.inputs:
        if i not in inside:
            raise PartitionError(f"the split lacks {graph.layers[i].name!r}: model inputs are always on the edge")
    for i in sorted(inside):
        for source in structure.predecessors[i]:
            if source not in inside:
                raise PartitionError(
                    f"the split is not closed: {graph.layers[i].name!r} is on the edge and reads "
                    f"{graph.layers[source].name!r}, which is in the cloud"
                )
    return inside


def price(
    graph: LayerGraph,
    costs: CostProfile,
    link: Link,
    inside: AbstractSet[int],
    encoding: Encoding | None = None,
    *,
    edge_load: float = 1.0,
    cloud_load: float = 1.0,
) -> Partition:
    """Prices the split that has the layers at the positions `inside` on the edge; they must be feasible."""
    sides = Sides.of(graph, inside)
    encoding = Encoding.raw(graph) if encoding is None else encoding
    return sides.price(costs, link, encoding, edge_load=edge_load, cloud_load=cloud_load)


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """A feasible split by what depends on the graph alone, for pricing it with many numbers.

    Attributes:
        edge: Names of the layers on the edge.
        cut: Names of the layers whose tensors are sent.
        here: Positions of the layers on the edge.
        away: Positions of the layers in the cloud.
        sent: Positions of the layers whose tensors are sent.
        bytes_down: Bytes of the outputs that come down.
        fits: Whether what goes up fits in a message, and what comes down.
    """

    edge: frozenset[str]
    cut: tuple[str, ...]
    here: tuple[int, ...]
    away: tuple[int, ...]
    sent: tuple[int, ...]
    bytes_down: float
    fits: bool

    @classmethod
    def of(cls, graph: LayerGraph, inside: AbstractSet[int]) -> "Sides":
        """Returns the split that has the layers at these positions on the edge."""
        layers = graph.layers
        sent = crossing(graph, inside)
        returned = [i for i in graph.structure.outputs if i not in inside]
        return cls(
            edge=frozenset(layers[i].name for i in inside),
            cut=tuple(layers[i].name for i in sent),
            here=tuple(inside),
            away=tuple(i for i in range(len(layers)) if i not in inside),
            sent=sent,
            bytes_down=math.fsum(layers[i].output_bytes for i in returned),
            fits=fits_message(graph, sent) and fits_message(graph, returned),
        )

    def price(
        self, costs: CostProfile, link: Link, encoding: Encoding, *, edge_load: float = 1.0, cloud_load: float = 1.0
    ) -> Partition:
        """Prices the split."""
        bytes_up = math.fsum(encoding.output_bytes[i] for i in self.sent)
        encode_s = math.fsum(encoding.encode_s[i] for i in self.sent)
        decode_s = math.fsum(encoding.decode_s[i] for i in self.sent)
        return Partition(
            edge=self.edge,
            cut=self.cut,
            edge_s=(math.fsum(map(costs.edge_s.__getitem__, self.here)) + encode_s) * edge_load,
            # Infinite bytes over an infinite rate would be NaN.
            transfer_s=link.transfer_s(bytes_up, self.bytes_down)
            if self.fits and math.isfinite(bytes_up)
            else math.inf,
            cloud_s=(math.fsum(map(costs.cloud_s.__getitem__, self.away)) + decode_s) * cloud_load,
            fixed_s=link.fixed_s if self.away else 0.0,
            lower_bound_s=0.0,
            encoding=encoding.name if self.away else "raw",
            encode_s=encode_s * edge_load,
            decode_s=decode_s * cloud_load,
        )


def fits_message(graph: LayerGraph, positions: Collection[int]) -> bool:
    """Returns whether the values of these layers can be sent together, in one direction."""
    layers = [graph.layers[i] for i in positions]
    return all(layer.sendable for layer in layers) and (
        graph.max_message_bytes == math.inf
        or math.fsum(layer.output_bytes for layer in layers) <= graph.max_message_bytes
    )


def crossing(graph: LayerGraph, inside: AbstractSet[int]) -> tuple[int, ...]:
    """Returns the positions of the layers whose tensors are sent, ascending: inside, with a successor outside."""
    successors = graph.structure.successors
    return tuple(i for i in sorted(inside) if any(reader not in inside for reader in successors[i]))
