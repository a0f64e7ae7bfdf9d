"""The ways to send a frame: each takes a clip and tells bytes, processor seconds at both ends, and what arrives."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import av
import numpy as np
from PIL import Image

from bench.frames import h264
from bench.frames.clip import Clip, Frame, decoded, picture_at, timed
from split_wire import Encoding, available, decode_tensor, encode_tensor


@dataclass(slots=True)
class Sent:
    """What a way did with a clip, an entry for each frame.

    Attributes:
        size_bytes: Bytes sent.
        encode_s: Seconds on the edge, beyond what making the frame takes.
        decode_s: Seconds in the cloud, from the bytes to the model's frame.
        arrived: The model's frames in the cloud.
    """

    size_bytes: list[int] = field(default_factory=list)
    encode_s: list[float] = field(default_factory=list)
    decode_s: list[float] = field(default_factory=list)
    arrived: list[Frame] = field(default_factory=list)

    def add(self, size_bytes: int, encode_s: float, decode_s: float, frame: Frame) -> None:
        self.size_bytes.append(size_bytes)
        self.encode_s.append(encode_s)
        self.decode_s.append(decode_s)
        self.arrived.append(frame)


Way = Callable[[Clip], Sent]


def on_the_wire(encoding: Encoding, clip: Clip) -> Sent:
    """The frame alone, in one of the project's own encodings."""
    sent = Sent()
    for frame in clip.frames:
        encode_s, tensor = timed(partial(encode_tensor, "frame", frame, encoding=encoding))
        decode_s, arrived = timed(partial(decode_tensor, tensor))
        sent.add(tensor.size, encode_s, decode_s, arrived)
    return sent


def as_file(kind: str, options: Mapping[str, object], clip: Clip) -> Sent:
    """The frame alone, as a picture file of Pillow."""
    sent = Sent()
    for frame in clip.frames:
        encode_s, data = timed(partial(_saved, frame, kind, options))
        decode_s, arrived = timed(partial(_loaded, data))
        sent.add(len(data), encode_s, decode_s, arrived)
    return sent


def _saved(frame: Frame, kind: str, options: Mapping[str, object]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame[0].transpose(1, 2, 0))).save(file, kind, **options)
    return file.getvalue()


def _loaded(data: bytes) -> Frame:
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))[np.newaxis]


def as_h264(crf: float, clip: Clip) -> Sent:
    """The source's picture, encoded again as a stream; the cloud makes the frame of what arrives."""
    sent = Sent()
    encoder, decoder = h264.Encoder(clip.pictures[0], crf, clip.rate_hz), h264.Decoder()
    for picture in clip.pictures:
        encode_s, data = timed(partial(encoder.encode, picture))
        decode_s, arrived = timed(partial(_frame_of_packet, clip, decoder, data))
        sent.add(len(data), encode_s, decode_s, arrived)
    return sent


def _frame_of_packet(clip: Clip, decoder: h264.Decoder, data: bytes) -> Frame:
    return clip.frame_of(decoder.decode(data))


def source_packets(clip: Clip) -> Sent:
    """The source's own packets, all of them, so that any picture can be decoded; the cloud makes the frame.

    A frame waits for the packets up to the one after which the decoder gives its picture out.
    """
    sent = Sent()
    pictures = decoded(clip.path)
    before_bytes = 0
    for time_s in clip.times_s:
        decode_s, (read_bytes, arrived) = timed(partial(_frame_at, clip, pictures, time_s))
        sent.add(read_bytes - before_bytes, 0.0, decode_s, arrived)
        before_bytes = read_bytes
    return sent


def _frame_at(clip: Clip, pictures: Iterator[tuple[int, float, av.VideoFrame]], time_s: float) -> tuple[int, Frame]:
    read_bytes, picture = picture_at(pictures, time_s)
    return read_bytes, clip.frame_of(picture)


_EVERY: Mapping[str, Way] = {
    "raw": partial(on_the_wire, Encoding.RAW),
    "zstd": partial(on_the_wire, Encoding.ZSTD),
    "differences": partial(on_the_wire, Encoding.DIFFERENCES_ZSTD),
    "webp": partial(on_the_wire, Encoding.WEBP),
    "jpeg_xl": partial(on_the_wire, Encoding.JPEG_XL),
    "png": partial(as_file, "PNG", {}),
    "jpeg95": partial(as_file, "JPEG", {"quality": 95, "subsampling": 0}),
    "jpeg90": partial(on_the_wire, Encoding.JPEG),
    "jpeg75": partial(as_file, "JPEG", {"quality": 75}),
    "h264_18": partial(as_h264, 18.0),
    "h264_23": partial(as_h264, 23.0),
    "h264_28": partial(as_h264, 28.0),
    "packets": source_packets,
}

WAYS: Mapping[str, Way] = {
    name: way for name, way in _EVERY.items() if name != Encoding.JPEG_XL or available(Encoding.JPEG_XL)
}
"""By name, in the order of the page's table; JPEG XL where it is installed."""
