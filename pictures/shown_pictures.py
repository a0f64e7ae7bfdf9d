"""Which of a decoder's pictures are kept until a frame asks for them.

A decoder gives pictures out in display order, and frames ask for some of them in that order: what lies before the one
asked for is dropped, what lies behind is kept for later frames. The last one asked for is kept too, since a source that
is slower than its frames shows it again. Only what is asked for is converted to RGB.
"""

from collections import deque
from collections.abc import Callable, Iterable

from pictures.decoder import PacketDecoder
from pictures.errors import PictureError, PicturePendingError
from pictures.packets import Packet
from pictures.picture import Picture

__all__ = ["ShownPictures"]

_MOST_KEPT = 18  # behind the one asked for lie at most the 16 that a decoder holds back, and the one being decoded
_MOST_AWAITED = 64


class ShownPictures:
    """The pictures of one session. For one thread at a time.

    Args:
        decoder: The session's, fresh.
    """

    def __init__(self, decoder: PacketDecoder) -> None:
        self._decoder = decoder
        self._kept: deque[tuple[int, Callable[[], Picture]]] = deque()
        self._awaited: deque[int] = deque(maxlen=_MOST_AWAITED)  # fed, and not given out yet

    def feed(self, packets: Iterable[Packet], shown: int) -> None:
        """Decode packets.

        Args:
            packets: The next ones.
            shown: The picture that will be asked for.

        Raises:
            PictureError: One cannot be decoded, or only in part, so that later pictures would be wrong.
        """
        for packet in packets:
            self._awaited.append(packet.number)
            given_out = self._decoder.feed(packet)
            for _, reason in self._decoder.made_up:
                raise PictureError(reason)
            for number, make in given_out:
                if number in self._awaited:
                    self._awaited.remove(number)
                self._kept.append((number, make))
                self._drop(shown)

    def picture(self, number: int) -> Picture:
        """The picture of a packet.

        Raises:
            PicturePendingError: The decoder needs later packets before it gives it out.
            PictureError: It cannot be decoded, or lies before the one that was asked for last.
        """
        self._drop(number)
        if self._kept and self._kept[0][0] == number:
            return self._kept[0][1]()
        if number in self._awaited:
            self._kept.clear()  # what was given out lies before it
            raise PicturePendingError(f"picture {number} needs later packets before it can be decoded")
        raise PictureError(f"picture {number} is not one that these packets show")

    def _drop(self, shown: int) -> None:
        """Drop what lies before a picture, once it is there."""
        place = next((place for place, (number, _) in enumerate(self._kept) if number == shown), None)
        for _ in range(place or 0):
            self._kept.popleft()
        while len(self._kept) > _MOST_KEPT:
            if place is None:
                self._kept.popleft()
            else:
                del self._kept[1]
