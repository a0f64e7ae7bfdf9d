"""One decoder that goes on from picture to picture; what came out beside the picture wanted is kept for the next."""

from collections.abc import Callable, Iterable

from pictures.decoder import PacketDecoder, damage_of
from pictures.errors import PictureError
from pictures.packets import Packet
from pictures.picture import Picture
from pictures.stream_format import StreamFormat

__all__ = ["DecodingOn", "Make"]

Make = Callable[[], Picture]
"""Converts a decoded picture."""


class DecodingOn:
    """A decoder and its place in a stream; for one thread at a time.

    Args:
        stream_format: The stream's.
        begin: Number of the keyframe at which it begins.

    Raises:
        PictureError: There is no decoder for packets of this format.

    Attributes:
        next: Number of the packet that it takes next.
    """

    def __init__(self, stream_format: StreamFormat, begin: int) -> None:
        self.next = begin
        self._decoder: PacketDecoder | None = PacketDecoder(stream_format)
        self._out: dict[int, Make] = {}  # the last picture that was wanted, and those that are shown after it

    @property
    def ended(self) -> bool:
        """Whether it was drained, and takes no more packets."""
        return self._decoder is None

    def has(self, number: int) -> bool:
        """Whether a picture has come out, and is still kept."""
        return number in self._out

    def take(self, number: int) -> Make:
        """A picture that has come out; those shown before it are let go."""
        for other in tuple(self._out):
            if other == number:
                break
            del self._out[other]
        return self._out[number]

    def feed(self, packets: Iterable[Packet], number: int) -> list[tuple[int, str]]:
        """Decode packets until a picture comes out; those shown before it are let go.

        Returns:
            The packets that could not be decoded, or not without damage, and why.
        """
        damaged = []
        if not self.has(number):
            self._out = {}
        for packet in packets:
            if self._decoder is None or self.has(number):
                break
            self.next = packet.number + 1
            try:
                self._came_out(self._decoder.feed(packet), number)
            except PictureError as error:
                damaged.append((packet.number, str(error)))
            else:
                damaged += [(each, damage_of(each)) for each in self._decoder.damaged]
        return damaged

    def drain(self, number: int) -> None:
        """Take out what the decoder holds back, because no packet comes after those it had."""
        if self._decoder is not None:
            self._came_out(self._decoder.drain(), number)
            self._decoder = None

    def _came_out(self, pictures: Iterable[tuple[int, Make]], number: int) -> None:
        for shown, make in pictures:
            if shown == number or self._out:
                self._out[shown] = make
