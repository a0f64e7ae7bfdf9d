"""Frames that are sent as packets of their source, as splits of a graph with one layer more.

* `packet_layer`: the graph, its costs, and its splits as those of the model;
* `packet_route`: what packets cost now, and whether they can be sent.
"""

from edge_service.control.packets.packet_layer import PACKETS, PacketLayer
from edge_service.control.packets.packet_route import PacketRoute

__all__ = ["PACKETS", "PacketLayer", "PacketRoute"]
