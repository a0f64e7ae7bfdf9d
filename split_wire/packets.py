"""Packets of a compressed source in place of a frame: written as a tensor, and checked when they are read.

Nothing here decodes. `split.proto` says what a session of packets is; `split_wire.limits` has the bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from split_wire import limits, split_pb2
from split_wire.codec import EncodedTensor, decoded_bytes
from split_wire.encodings import WIRE, Encoding
from split_wire.errors import CodecError, WireError
from split_wire.packing import Buffer
from split_wire.wire import Level, Separator

__all__ = ["PacketsToSend", "WireFormat", "is_packets", "packets_tensor", "read_packets"]

_PACKETS = Level(data=3)
_ROTATIONS = (0, 90, 180, 270)
_SQUARE = (1, 1)
_MOST_FFMPEG = 255  # FFmpeg's ranges and matrices have numbers below 20


@dataclass(frozen=True, slots=True)
class WireFormat:
    """What a decoder must know beyond the packets, and how the picture becomes the frame.

    Attributes:
        codec: FFmpeg's name of the decoder, or `still`.
        preprocess: How the picture becomes the frame, in the text form of `pictures.Preprocess`.
        extradata: The codec's parameter sets.
        width: In pixels, as coded; 0 if unknown.
        height: In pixels, as coded; 0 if unknown.
        colour_range: FFmpeg's number (AVColorRange).
        colour_space: FFmpeg's number (AVColorSpace).
        rotation: Degrees counter-clockwise that make the picture upright: 0, 90, 180 or 270.
        aspect: Numerator and denominator of a pixel's width over its height, before the rotation.
        mirrored: Whether left and right are exchanged before the rotation.
        reorder: How many pictures a decoder holds back; 0 if unknown.
    """

    codec: str
    preprocess: str
    extradata: bytes = b""
    width: int = 0
    height: int = 0
    colour_range: int = 0
    colour_space: int = 2
    rotation: int = 0
    aspect: tuple[int, int] = _SQUARE
    mirrored: bool = False
    reorder: int = 0


@dataclass(frozen=True, slots=True)
class PacketsToSend:
    """The packets of one frame.

    Attributes:
        format: Where a session begins; None: these continue it.
        first: Number of the first packet, or of the next one if there is none.
        packets: Consecutive, in decoding order; the first of a session is a keyframe. Views of the message if received.
        shown: Number of the packet whose picture is the frame.
        digest: `pictures.pixels_digest` of the frame; empty where it is not to be checked.
    """

    format: WireFormat | None
    first: int
    packets: Sequence[Buffer]
    shown: int
    digest: bytes = b""

    @property
    def end(self) -> int:
        """The number after the last packet's."""
        return self.first + len(self.packets)


def is_packets(tensor: EncodedTensor) -> bool:
    """Whether a tensor is sent as packets; it need not be valid."""
    return tensor.meta.encoding == WIRE[Encoding.PACKETS]


def packets_tensor(layer: str, shape: Sequence[int], packets: PacketsToSend) -> EncodedTensor:
    """Write packets in place of a frame.

    Args:
        layer: The model's input.
        shape: Of the frame, [1, 3, H, W].
        packets: Its packets.

    Raises:
        CodecError: They exceed a limit of the contract; a server would refuse them.
    """
    _check(packets)
    message = split_pb2.Packets(
        format=None if packets.format is None else _message_of(packets.format),
        first=packets.first,
        packets=[bytes(packet) for packet in packets.packets],
        shown=packets.shown,
        digest=packets.digest,
    )
    meta = split_pb2.Tensor(name=layer, dtype=split_pb2.DATA_TYPE_UINT8, shape=shape, encoding=WIRE[Encoding.PACKETS])
    tensor = EncodedTensor(meta, message.SerializeToString())
    decoded_bytes(tensor)
    return tensor


def read_packets(tensor: EncodedTensor) -> PacketsToSend:
    """Read a tensor that `is_packets`; nothing is allocated before its limits are checked.

    Raises:
        CodecError: The tensor or its packets are invalid.
    """
    decoded_bytes(tensor)
    separator = Separator(bytes(tensor.data))
    try:
        parsed = split_pb2.Packets.FromString(separator.separate(_PACKETS))
        packets = PacketsToSend(
            format=_format_of(parsed.format) if parsed.HasField("format") else None,
            first=parsed.first,
            packets=tuple(separator.data(mark) for mark in parsed.packets),
            shown=parsed.shown,
            digest=parsed.digest,
        )
        _check(packets)
    except (CodecError, WireError, DecodeError) as error:
        raise CodecError(f"tensor {tensor.name!r}: its packets cannot be read: {error}") from error
    return packets


def _message_of(known: WireFormat) -> split_pb2.PacketFormat:
    return split_pb2.PacketFormat(
        codec=known.codec,
        extradata=known.extradata,
        width=known.width,
        height=known.height,
        colour_range=known.colour_range,
        colour_space=known.colour_space,
        rotation=known.rotation,
        aspect_width=known.aspect[0],
        aspect_height=known.aspect[1],
        preprocess=known.preprocess,
        mirrored=known.mirrored,
        reorder=known.reorder,
    )


def _format_of(message: split_pb2.PacketFormat) -> WireFormat:
    return WireFormat(
        codec=message.codec,
        preprocess=message.preprocess,
        extradata=message.extradata,
        width=message.width,
        height=message.height,
        colour_range=message.colour_range,
        colour_space=message.colour_space,
        rotation=message.rotation,
        aspect=(message.aspect_width, message.aspect_height)
        if message.aspect_width or message.aspect_height
        else (1, 1),
        mirrored=message.mirrored,
        reorder=message.reorder,
    )


def _check(packets: PacketsToSend) -> None:
    first, end, shown = packets.first, packets.end, packets.shown
    count, size = len(packets.packets), sum(len(packet) for packet in packets.packets)
    _expect(count <= limits.MAX_PACKETS, f"{count} packets", f"at most {limits.MAX_PACKETS}")
    _expect(all(len(packet) for packet in packets.packets), "an empty packet", "each to have a byte or more")
    _expect(size <= limits.MAX_CUT_BYTES, f"packets of {size} bytes", f"at most {limits.MAX_CUT_BYTES}")
    _expect(first >= 0, f"packets from number {first} on", "0 or more")
    _expect(end <= limits.MAX_PACKET_NUMBER, f"packets up to {end}", f"numbers up to {limits.MAX_PACKET_NUMBER}")
    _expect(0 <= shown < end, f"picture {shown} of packets that end before {end}", "one of them")
    _expect(
        len(packets.digest) in (0, limits.PIXELS_DIGEST_BYTES),
        f"a digest of {len(packets.digest)} bytes",
        f"{limits.PIXELS_DIGEST_BYTES}, or none",
    )
    if packets.format is not None:
        _expect(first <= shown, f"a session from {first} on with picture {shown}", "a picture of the session")
        _check_format(packets.format)


def _check_format(known: WireFormat) -> None:
    _expect_length("codec", len(known.codec.encode()), 1, limits.MAX_CODEC_BYTES)
    _expect_length("preprocess", len(known.preprocess.encode()), 1, limits.MAX_PREPROCESS_BYTES)
    _expect_length("extradata", len(known.extradata), 0, limits.MAX_EXTRADATA_BYTES)
    _expect(
        0 <= known.width <= limits.MAX_CODED_SIDE
        and 0 <= known.height <= limits.MAX_CODED_SIDE
        and known.width * known.height <= limits.MAX_CODED_PIXELS,
        f"a coded picture of {known.width} by {known.height}",
        f"at most {limits.MAX_CODED_SIDE} on a side and {limits.MAX_CODED_PIXELS} pixels",
    )
    _expect(known.rotation in _ROTATIONS, f"a rotation of {known.rotation} degrees", "0, 90, 180 or 270")
    wide, high = known.aspect
    _expect(
        0 < wide <= limits.MAX_ASPECT * high and 0 < high <= limits.MAX_ASPECT * wide,
        f"pixels of {wide} to {high}",
        f"at most {limits.MAX_ASPECT} to 1",
    )
    _expect(
        0 <= known.colour_range <= _MOST_FFMPEG and 0 <= known.colour_space <= _MOST_FFMPEG,
        f"range {known.colour_range} and matrix {known.colour_space}",
        f"FFmpeg's numbers, up to {_MOST_FFMPEG}",
    )
    reorder = known.reorder
    _expect(0 <= reorder <= limits.MAX_REORDER, f"{reorder} pictures held back", f"at most {limits.MAX_REORDER}")


def _expect_length(name: str, length: int, least: int, most: int) -> None:
    _expect(least <= length <= most, f"{name} of {length} bytes", f"{least} to {most}")


def _expect(holds: bool, found: str, expected: str) -> None:
    if not holds:
        raise CodecError(f"{found}; expected {expected}")
