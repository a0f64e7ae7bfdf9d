"""The packets of a source by groups, each from a keyframe on: sent as they are, or decoded when a picture is asked for.

A source's thread adds packets; any thread may read. Pictures are decoded by a decoder that goes on from the last one
that was asked for, or begins at the last keyframe before the picture, whichever is less work.

A picture holds the groups that it needs, so it can be decoded for as long as somebody has it. Only a group that is too
large for memory loses its first packets: a decoder goes along then, and older pictures can be decoded no more.
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pictures.errors import PictureError
from pictures.groups.decoding_on import DecodingOn
from pictures.groups.group import Group
from pictures.packets import Packet
from pictures.picture import Picture
from pictures.stream_format import StreamFormat

__all__ = ["Compressed", "PacketHistory"]

_MOST_BYTES = 64 * 1024 * 1024
_MOST_PACKETS = 2000
_GROUPS = 3  # who sends packets may lie a group behind, and the first pictures of a group may need the one before
_MOST_LATE = 16  # H.264 and H.265 hold back no more pictures


class PacketHistory:
    """The last packets of one stream; safe to use from several threads.

    Args:
        stream_format: The stream's. A source whose format changes begins another history.
        most_bytes: The most that a group may have before it loses its first packets,
        most_packets: and the most packets.

    Attributes:
        format: The stream's format.
        delay: How many packets more the decoder needs before it gives a picture out; it grows if it proves too small.
        ended: Whether no more packets come; set it when the source ends.
    """

    def __init__(
        self, stream_format: StreamFormat, *, most_bytes: int = _MOST_BYTES, most_packets: int = _MOST_PACKETS
    ) -> None:
        self.format = stream_format
        self.delay = stream_format.reorder
        self.ended = False
        self._most_bytes = most_bytes
        self._most_packets = most_packets
        self._groups: deque[Group] = deque(maxlen=_GROUPS)
        self._count = 0
        self._lock = threading.Lock()  # of the groups; taken within `_decoding`, never around it
        self._decoding = threading.Lock()
        self._decoder: DecodingOn | None = None

    def add(
        self,
        data: bytes,
        *,
        is_keyframe: bool,
        is_leading: bool = False,
        is_disposable: bool = False,
        base: int | None = None,
        damage: str = "",
    ) -> int:
        """Add the next packet, and return its number.

        Args:
            data: Its bytes.
            is_keyframe: Whether decoding can begin here.
            is_leading: Whether its picture is shown before that of the last keyframe.
            is_disposable: Whether no other picture refers to it.
            base: Number of the packet before which its picture refers to nothing, if that is not the last keyframe.
            damage: Why it cannot be decoded, if that is known.
        """
        with self._lock:
            packet = Packet(self._count, data, is_keyframe)
            self._count += 1
            if is_keyframe or not self._groups:
                self._groups.append(Group(packet.number, is_keyframe))
            group = self._groups[-1]
            group.packets.append(packet)
            group.bytes += len(data)
            if is_leading:
                group.leading.add(packet.number)
            if base is not None:
                group.bases[packet.number] = base
            if is_disposable:
                group.disposable.add(packet.number)
            if damage:
                group.note(packet.number, damage)
        if self._too_large(group):
            self._shorten(group)
        return packet.number

    def keyframe(self, number: int) -> int | None:
        """The number of the keyframe from which a picture can be decoded; None if it is not kept."""
        wanted = Compressed(self, number, number)
        return None if wanted.is_cut_off else wanted.start

    def between(self, first: int, last: int) -> Sequence[Packet] | None:
        """The packets from one number to another, both included; None if some are not kept."""
        with self._lock:
            found = [packet for group in self._groups for packet in group.within(first, last)]
        return found if len(found) == last - first + 1 else None

    def picture(self, number: int, through: int) -> Picture:
        """Decode the picture of a packet; blocks.

        Args:
            number: Its packet.
            through: The last packet that the decoder needs to give it out.

        Raises:
            PictureError: It cannot be decoded.
        """
        return Compressed(self, number, through).picture()

    def holding(self, number: int, through: int) -> tuple[Group, ...]:
        """The groups that a picture needs, as far as they are kept."""
        with self._lock:
            groups = [group for group in self._groups if group.first <= through]
        own = max((i for i, group in enumerate(groups) if group.first <= number), default=0)
        if own > 0 and number in groups[own].leading:
            own -= 1
        return tuple(groups[own:])

    def packets_of(self, groups: Iterable[Group], first: int, last: int) -> list[Packet]:
        """Those of a picture's packets that it still holds."""
        with self._lock:
            return [packet for group in groups for packet in group.within(first, last)]

    def work(self, wanted: "Compressed") -> int:
        """How many packets would have to be decoded for a picture now."""
        decoder = self._decoder
        if decoder is not None and decoder.has(wanted.number):
            return 0
        goes_on = decoder is not None and self._goes_on(decoder, wanted)
        return wanted.through + 1 - (decoder.next if decoder is not None and goes_on else wanted.start)

    def decoded(self, wanted: "Compressed") -> Picture:
        """As `picture`, of one that holds its packets."""
        with self._decoding:
            decoder = self._decoder
            if decoder is not None and not decoder.has(wanted.number) and self._goes_on(decoder, wanted):
                self._decode(decoder, wanted)
            is_there = decoder is not None and decoder.has(wanted.number)
            if not is_there and wanted.damage is None and not wanted.is_cut_off:
                decoder = DecodingOn(self.format, wanted.start)
                if not self._is_irreplaceable():
                    self._decoder = decoder
                self._decode(decoder, wanted)
            if wanted.damage is not None:
                raise PictureError(wanted.damage)
            if decoder is None or not decoder.has(wanted.number):
                gone = (
                    "its packets are not kept any more" if wanted.is_cut_off else "the decoder gives nothing out for it"
                )
                raise PictureError(f"packet {wanted.number} cannot be decoded: {gone}")
            make = decoder.take(wanted.number)
        return make()

    def _decode(self, decoder: DecodingOn, wanted: "Compressed") -> None:
        """Decode on to a picture; it may not come out."""
        self._feed(decoder, wanted.packets(decoder.next) or (), wanted)
        while not decoder.has(wanted.number) and decoder.next <= wanted.through + _MOST_LATE:
            later = self.between(decoder.next, decoder.next)
            if later is None:
                break
            self._feed(decoder, later, wanted)
            if decoder.has(wanted.number):
                self.delay += decoder.next - 1 - wanted.through
        if not decoder.has(wanted.number) and (self.ended or not self._is_irreplaceable()):
            decoder.drain(wanted.number)

    def _feed(self, decoder: DecodingOn, packets: Iterable[Packet], wanted: "Compressed") -> None:
        for number, reason in decoder.feed(packets, wanted.number):
            wanted.note_damage(number, reason)
        for number, reason in decoder.made_up:
            wanted.note_damage(number, reason, made_up=True)

    def _goes_on(self, decoder: DecodingOn, wanted: "Compressed") -> bool:
        """Whether a decoder should go on from where it is; else one begins at the picture's keyframe."""
        if wanted.damage is not None or decoder.ended or decoder.next > wanted.through + (not wanted.is_complete):
            return False
        return wanted.is_cut_off or decoder.next >= wanted.start

    def _too_large(self, group: Group) -> bool:
        return len(group.packets) > 1 and (group.bytes > self._most_bytes or len(group.packets) > self._most_packets)

    def _is_irreplaceable(self) -> bool:
        """Whether the decoder has had packets of the last group that nobody has any more."""
        with self._lock:
            return bool(self._groups) and self._groups[-1].begin > self._groups[-1].first

    def _shorten(self, group: Group) -> None:
        """Forget a group's first packets, once the decoder has had them."""
        with self._decoding:
            while self._too_large(group):
                oldest = group.packets[0]
                if oldest.number == group.first and (self._decoder is None or self._decoder.next <= oldest.number):
                    self._decoder = DecodingOn(self.format, oldest.number)
                if self._decoder is not None and self._decoder.next == oldest.number:
                    for number, reason in self._decoder.feed((oldest,), -1):
                        group.note(number, reason)
                    for number, reason in self._decoder.made_up:
                        group.note(number, reason, made_up=True)
                with self._lock:
                    group.forget_first()


@dataclass(frozen=True, slots=True, eq=False)
class Compressed:
    """A picture that is still compressed. It holds the packets that decoding it needs.

    Attributes:
        history: Has its packets.
        number: The packet that holds it.
        through: The last packet that a decoder needs to give it out.
        is_complete: Whether a decoder gives it out after these packets. False at a stream's end: the decoder has to be
            told that nothing follows.
    """

    history: PacketHistory
    number: int
    through: int
    is_complete: bool = True
    delay: int = field(default=0, init=False)
    _groups: tuple[Group, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "delay", self.history.delay)
        object.__setattr__(self, "_groups", self.history.holding(self.number, self.through))

    @property
    def start(self) -> int:
        """Number of the keyframe at which decoding can begin."""
        return self._groups[0].first if self._groups else self.number

    @property
    def is_cut_off(self) -> bool:
        """Whether the keyframe is not kept, so that only a decoder that has had it can go on."""
        return not self._groups or self._groups[0].begin > self._groups[0].first

    @property
    def damage(self) -> str | None:
        """Why it cannot be decoded, if that is known: its packet, or one that it refers to, is damaged."""
        found = (group.damage(self.number) for group in self._groups if group.first <= self.number)
        return next((reason for reason in found if reason is not None), None)

    def is_damaged(self, first: int) -> bool:
        """Whether it is known of a packet, from a number to the last one needed, that it cannot be decoded."""
        known = [number for group in self._groups for number in (*group.damaged, *group.lost)]
        return any(first <= number <= self.through for number in known)

    def note_damage(self, number: int, reason: str, *, made_up: bool = False) -> None:
        """A packet cannot be decoded, so what refers to it in its group cannot either; see `Group.note`."""
        for group in self._groups:
            if group.first <= number <= group.packets[-1].number:
                group.note(number, reason, made_up=made_up)

    def packets(self, first: int) -> Sequence[Packet] | None:
        """The packets from a number to the last one needed; None if some are not kept."""
        found = self.history.packets_of(self._groups, first, self.through)
        if len(found) == self.through - first + 1:
            return found
        return self.history.between(first, self.through)

    def bytes_since(self, before: "Compressed") -> int | None:
        """Bytes of the packets after those of an earlier picture; from its keyframe on, if that comes later.

        Returns:
            None where the pictures do not belong together, or packets are not kept.
        """
        if before.history is not self.history:
            return None
        first = max(before.through + 1, self.start)
        packets = self.packets(first) if first <= self.through else ()
        return None if packets is None else sum(len(packet.data) for packet in packets)

    def picture(self) -> Picture:
        """Decode it; blocks.

        Raises:
            PictureError: It cannot be decoded.
        """
        return self.history.decoded(self)
