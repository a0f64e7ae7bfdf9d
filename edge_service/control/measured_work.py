"""What a frame's own work tells of both machines, as events: encoding, head and tail.

Decoding a video takes as long as its pictures need. So the decoder's seconds are told apart from those of layers, which
tell the load.
"""

from collections.abc import Iterator

from edge_service.control.events import (
    CutEncoded,
    Event,
    HeadMeasured,
    PacketsSent,
    PictureDecoded,
    PicturesDecodedThere,
    TailMeasured,
)
from edge_service.control.plan import Plan
from edge_service.control.stage_times import ServerTimes


def encoded(plan: Plan, tensor_bytes: int) -> Event:
    """A frame's cut, or its packets, were encoded into so many bytes."""
    if plan.packets:
        return PacketsSent(tensor_bytes)
    return CutEncoded(plan.partition.encoding, plan.measured_bytes, tensor_bytes)


def head_ran(plan: Plan, head_s: float, decoded_s: float) -> Iterator[Event]:
    """A head took `head_s`, of which decoding and preparing the picture took `decoded_s`."""
    if decoded_s > 0:
        yield PictureDecoded(decoded_s)
    if plan.base_head_s > 0:
        yield HeadMeasured(plan.base_head_s, head_s - decoded_s)


def tail_ran(plan: Plan, server: ServerTimes) -> Iterator[Event]:
    """A tail ran in the cloud."""
    if plan.packets:
        yield PicturesDecodedThere(server.decode_s)
    if plan.base_cloud_s > 0:
        measured_s = server.compute_s + (0.0 if plan.packets else server.decode_s)
        yield TailMeasured(plan.base_cloud_s, measured_s, server.replica, server.queue_s)
