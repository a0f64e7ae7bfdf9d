"""A layer in front of the model's input: the packets of the source, which the edge or the cloud decodes.

    packets ──► image ──► the model's layers

"Everything in the cloud" then has two forms. Cut after `packets`, the packets are sent and the cloud decodes them. Cut
after `image`, the edge decodes them and sends the frame. So the layer `image` costs on either side what decoding takes
there, and the partitioner needs to know nothing of packets. Outside of the controller the layer does not exist.
"""

import math
from dataclasses import dataclass, replace

from edge_service.control.estimators.packet_costs import PacketPrices
from partitioner import CostProfile, Encoding, Layer, LayerGraph, Partition, PartitionError

PACKETS = "packets"


@dataclass(frozen=True, slots=True)
class PacketLayer:
    """The layer in front of one model.

    Attributes:
        name: The layer's name: `packets`, or one that the model does not use.
        image: The model's input.
        graph: The model with the layer in front.
    """

    name: str
    image: str
    graph: LayerGraph

    @classmethod
    def of(cls, graph: LayerGraph, image: str, size: float) -> "PacketLayer | None":
        """The layer in front of a model.

        Args:
            graph: The model.
            image: The model's input, which the packets hold.
            size: Bytes of a frame's packets, about.

        Returns:
            None where packets cannot take the place of what is sent: the model has other inputs, or nothing but its
            input, or returns it.

        Raises:
            PartitionError: `image` is no input of the model.
        """
        inputs = [graph.layers[i].name for i in graph.structure.inputs]
        if image not in inputs:
            raise PartitionError(f"packets hold {image!r}, which is no input of the model; its inputs are {inputs}")
        if len(inputs) > 1 or len(graph) == 1 or image in graph.outputs:
            return None
        name, number = PACKETS, 0
        while name in graph.structure.position:
            number += 1
            name = f"{PACKETS}_{number}"
        first, *others = graph.layers
        layers = (Layer(name, (), math.ceil(size)), replace(first, inputs=(name,)), *others)
        return cls(name, image, LayerGraph(layers, graph.outputs, graph.max_message_bytes))

    def costs(self, model: CostProfile, prices: PacketPrices, *, always_decodes: bool) -> CostProfile:
        """The times of the layers, of the model's own times.

        An edge that always decodes does so in the layer that it has in every split.
        """
        first_s, image_s = (prices.edge_s, 0.0) if always_decodes else (0.0, prices.edge_s)
        return CostProfile(
            (first_s, model.edge_s[0] + image_s, *model.edge_s[1:]),
            (0.0, model.cloud_s[0] + prices.cloud_s, *model.cloud_s[1:]),
        )

    def encodings(self, plain: tuple[Encoding, ...], prices: PacketPrices) -> tuple[Encoding, ...]:
        """The encodings of what is sent; packets are sent as they are, so they belong to raw, or else to the first."""
        names = [each.name for each in plain]
        own = "raw" if "raw" in names else names[0]
        return tuple(
            Encoding(
                each.name,
                (prices.bytes if each.name == own else math.inf, *each.output_bytes),
                (0.0, *each.encode_s),
                (0.0, *each.decode_s),
            )
            for each in plain
        )

    @property
    def raw(self) -> Encoding:
        """The raw encoding of the model itself."""
        whole = Encoding.raw(self.graph)
        return replace(
            whole,
            output_bytes=whole.output_bytes[1:],
            encode_s=whole.encode_s[1:],
            decode_s=whole.decode_s[1:],
        )

    @property
    def decoded(self) -> frozenset[str]:
        """The split that sends the frame, which the edge decodes."""
        return frozenset({self.name, self.image})

    def sends_packets(self, split: Partition) -> bool:
        """Whether a split of the longer graph sends packets."""
        return split.cut == (self.name,)

    def outward(self, split: Partition, prices: PacketPrices, cloud_load: float) -> Partition:
        """A split of the longer graph as one of the model: without the layer, and with `packets` as an encoding."""
        edge = self.of_model(split.edge)
        if not self.sends_packets(split):
            return replace(split, edge=edge)
        decode_s = min(prices.cloud_s * cloud_load, split.cloud_s)
        return replace(split, edge=edge, cut=(self.image,), encoding=PACKETS, decode_s=decode_s)

    def of_model(self, edge: frozenset[str]) -> frozenset[str]:
        """The model's layers on the edge: without this one, and with the model's input, which is always there."""
        return edge - {self.name} | {self.image}

    def inward(self, split: Partition) -> Partition:
        """A split of the model as one of the longer graph."""
        return replace(split, edge=split.edge | {self.name})
