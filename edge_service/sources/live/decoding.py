"""A live stream's packets to shots: decoded as they come, or left as packets until somebody needs a picture."""

from __future__ import annotations

from edge_service.frame_image import Shot
from edge_service.sources.pacing import Timed
from edge_service.sources.packet_shots import PacketShots, takes_packets
from edge_service.sources.shots import LostShot, ShotToDecode
from pictures import Packet, PacketDecoder, PictureError, StreamFormat

__all__ = ["DecodedPackets", "shots_of"]


def shots_of(stream_format: StreamFormat, *, as_packets: bool) -> DecodedPackets | PacketShots:
    """What makes shots of one stream's packets. A stream whose format changes begins another one.

    Args:
        stream_format: The stream's.
        as_packets: Whether pictures stay compressed where they can.

    Raises:
        PictureError: There is no decoder for it.
    """
    return (PacketShots if as_packets and takes_packets(stream_format) else DecodedPackets)(stream_format)


class DecodedPackets:
    """Decodes one stream's packets, in order; converts to RGB the pictures that are taken. For one thread.

    Args:
        stream_format: The stream's.

    Raises:
        PictureError: There is no decoder for it.
    """

    def __init__(self, stream_format: StreamFormat) -> None:
        self._is_intra = stream_format.is_intra
        self._decoder = PacketDecoder(stream_format)
        self._count = 0
        self._joined = False

    def add(
        self,
        data: bytes,
        is_keyframe: bool,  # as packets have it
        pts_s: float | None = None,
        dts_s: float | None = None,
        *,
        at_s: float,
    ) -> list[Timed[Shot]]:
        """Take the next packet.

        Args:
            data: Its bytes, with start codes where its codec has them.
            is_keyframe: Whether decoding can begin here. What comes before the first one is left out.
            pts_s: Not needed: a decoder knows the order of display.
            dts_s: Likewise.
            at_s: When it arrived.

        Returns:
            The shots that it completes, in display order.
        """
        del pts_s, dts_s
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

    def end(self) -> list[Timed[Shot]]:
        """No packet follows; what the decoder still holds is old."""
        return []
