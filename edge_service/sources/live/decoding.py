"""A live stream's packets to shots: decoded as they come, converted to RGB for the pictures that are taken."""

from __future__ import annotations

from edge_service.frame_image import Shot
from edge_service.sources.pacing import Timed
from edge_service.sources.shots import LostShot, ShotToDecode
from pictures import Packet, PacketDecoder, PictureError, StreamFormat

__all__ = ["DecodedPackets"]


class DecodedPackets:
    """Decodes one stream's packets, in order; for one thread.

    Args:
        stream_format: The stream's. A stream whose format changes begins another one of these.

    Raises:
        PictureError: There is no decoder for it.
    """

    def __init__(self, stream_format: StreamFormat) -> None:
        self._is_intra = stream_format.is_intra
        self._decoder = PacketDecoder(stream_format)
        self._count = 0
        self._joined = False

    def add(self, data: bytes, *, is_keyframe: bool, at_s: float) -> list[Timed[Shot]]:
        """Add the next packet.

        Args:
            data: The packet, with start codes where its codec has them.
            is_keyframe: Whether decoding can begin here. What comes before the first one is left out.
            at_s: When it arrived.

        Returns:
            The pictures that are ready, in display order.
        """
        if not (self._joined or is_keyframe or self._is_intra):
            return []
        self._joined = True
        packet = Packet(self._count, data, is_keyframe)
        self._count += 1
        try:
            return [Timed(at_s, ShotToDecode(make)) for _, make in self._decoder.feed(packet)]
        except PictureError as error:
            self._joined = False  # what refers to this picture would be wrong, silently
            return [Timed(at_s, LostShot(str(error)))]
