"""Measures what a source's packets cost: their bytes from frame to frame, and the seconds to decode them here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from time import thread_time

from edge_service.control import PacketCosts
from edge_service.frame_image import FrameImage
from pictures import PictureError

__all__ = ["measure_packet_costs"]


def measure_packet_costs(
    images: Sequence[FrameImage], layer: str, *, rate_hz: float, wanted_hz: float, always_decodes: bool = False
) -> PacketCosts | None:
    """Measures the packets of frames that follow each other, and decodes them.

    Args:
        images: The frames, not decoded yet.
        layer: The model's input, which they become.
        rate_hz: Of these frames.
        wanted_hz: Of the run's frames.
        always_decodes: Whether the edge will decode every frame, however it is sent.

    Returns:
        None where the source's pictures cannot be sent as packets.
    """
    pictures = [image.compressed for image in images if image.compressed is not None]
    sizes = [size for before, after in pairwise(pictures) if (size := after.bytes_since(before)) is not None]
    if not sizes or len(pictures) < len(images):
        return None
    seconds = [taken_s for image in images if (taken_s := _decoding_s(image)) is not None]
    if len(seconds) < 2:
        return None
    is_intra = all(picture.history.format.is_intra for picture in pictures)
    more = 1.0 if is_intra else rate_hz / wanted_hz
    decode_s = sum(seconds[1:]) / (len(seconds) - 1)  # the first one's time is that of opening a decoder
    return PacketCosts(layer, more * sum(sizes) / len(sizes), more * decode_s, always_decodes)


def _decoding_s(image: FrameImage) -> float | None:
    began_s = thread_time()
    try:
        image.array()
    except PictureError:
        return None
    return thread_time() - began_s
