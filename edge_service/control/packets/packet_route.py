"""The way of frames that are sent as packets: what it costs now, and whether the cloud takes them."""

from edge_service.control.estimators.packet_costs import PacketCosts, PacketEstimates
from edge_service.control.events import (
    PacketsEvent,
    PacketsRefused,
    PacketsSeen,
    PacketsSent,
    PictureDecoded,
    PicturesDecodedThere,
)
from edge_service.control.packets.packet_layer import PacketLayer
from partitioner import CostProfile, Encoding, LayerGraph, Partition


class PacketRoute:
    """One source's packets, for one model.

    Args:
        graph: The model.
        packets: The source's packets, as measured.

    Raises:
        PartitionError: The packets hold no input of the model.

    Attributes:
        layer: The layer in front of the model; None if its frames can only be decoded on the edge.
        estimates: What packets cost now.
    """

    def __init__(self, graph: LayerGraph, packets: PacketCosts) -> None:
        self.layer = PacketLayer.of(graph, packets.layer, packets.bytes_per_frame)
        self.estimates = PacketEstimates(packets)
        self._position = graph.structure.position[packets.layer]
        self._always_decodes = packets.always_decodes
        self._taken = False
        self._refused_for_ever = False

    @property
    def usable(self) -> bool:
        """Whether frames can be sent as packets, apart from gaps in a source."""
        return self.layer is not None and self._taken and not self._refused_for_ever

    def observe(self, event: PacketsEvent, edge_load: float, cloud_load: float, now_s: float) -> None:
        """Takes one event; the loads, which its seconds were measured under, are no part of what is believed."""
        match event:
            case PacketsSent(size) | PacketsSeen(size):
                self.estimates.sized(size, now_s)
            case PictureDecoded(seconds):
                self.estimates.decoded(seconds / edge_load, now_s)
            case PicturesDecodedThere(seconds):
                self.estimates.decoded_there(seconds / cloud_load, now_s)
            case PacketsRefused(for_ever=for_ever):
                self.refused(for_ever=for_ever)

    def profiled(self, *, taken: bool) -> None:
        """The cloud said whether it takes packets."""
        self._taken = taken

    def compared(self, model: CostProfile) -> None:
        """The cloud's times of the model are new: it is expected to decode as much faster as it computes."""
        whole_s = sum(model.edge_s)
        self.estimates.compared(sum(model.cloud_s) / whole_s if whole_s > 0.0 else 1.0)

    def refused(self, *, for_ever: bool) -> None:
        """The cloud takes no packets, until its next profile at least."""
        self._taken = False
        self._refused_for_ever = self._refused_for_ever or for_ever

    def costs(self, model: CostProfile, layer: PacketLayer | None) -> CostProfile:
        """The times of the graph with that layer in front, or of the model itself, whose pictures the edge decodes."""
        prices = self.estimates.prices
        if layer is not None:
            return layer.costs(model, prices, always_decodes=self._always_decodes)
        edge_s = list(model.edge_s)
        edge_s[self._position] += prices.edge_s
        return CostProfile(tuple(edge_s), model.cloud_s)

    def encodings(self, model: tuple[Encoding, ...], layer: PacketLayer) -> tuple[Encoding, ...]:
        """The encodings of the graph with that layer in front."""
        return layer.encodings(model, self.estimates.prices)

    def picture_s(self, split: Partition, edge_load: float, *, packets: bool) -> float:
        """Seconds of a split's edge_s that go into decoding the picture."""
        if packets and not self._always_decodes:
            return 0.0
        return min(self.estimates.prices.edge_s * edge_load, split.edge_s)
