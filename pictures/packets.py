"""A packet: one coded picture of a stream, by number."""

from dataclasses import dataclass

__all__ = ["Packet"]


@dataclass(frozen=True, slots=True)
class Packet:
    """One coded picture.

    Attributes:
        number: Counts the stream's packets in decoding order; it is the name of the picture that the packet holds.
        data: The bytes.
        is_keyframe: Whether decoding can begin here.
    """

    number: int
    data: bytes
    is_keyframe: bool
