"""The inputs of the fuzzers: valid messages, the corpus, and random mutants of both, reproducible from a seed."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from split_wire import EncodedTensor, Encoding, encode_tensor, split_pb2
from split_wire.frames import TailRequest, TimedRequest, write_request, write_stream_request, write_timed_request
from split_wire.packets import PacketsToSend, WireFormat, packets_tensor

__all__ = ["CORPUS", "TARGETS", "mutants", "seeds"]

CORPUS = Path(__file__).parents[1] / "tests/fuzz/corpus"
TARGETS = ("RunTail", "StreamTails", "Probe")
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x22, 0x32)
_WHOLE = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
_MOST_BYTES = 64 * 1024


def seeds(target: str, model: str, digest: str, layers: Sequence[str]) -> list[bytes]:
    """Return valid messages of a method, and the corpus's.

    Args:
        target: One of `TARGETS`.
        model: The served model.
        digest: Its digest.
        layers: Names of layers; the first takes uint8 [1, 3, 64, 64].
    """
    kept = [path.read_bytes() for path in sorted(CORPUS.glob(f"{target.lower()}-*"))]
    if target == "Probe":
        return [*kept, *(split_pb2.ProbeRequest(filler=bytes(size)).SerializeToString() for size in (0, 1, 4096))]
    frame = np.arange(3 * 64 * 64, dtype=np.uint8).reshape(1, 3, 64, 64)
    small = np.linspace(-1, 1, 24 * 16 * 16, dtype=np.float32).reshape(1, 24, 16, 16)
    tensors = [encode_tensor(layers[0], frame, encoding=encoding) for encoding in (Encoding.RAW, Encoding.JPEG)]
    tensors += [encode_tensor(layer, small, encoding=encoding) for layer in layers[1:4] for encoding in Encoding]
    requests = [TailRequest(model, digest, number, (tensor,)) for number, tensor in enumerate(tensors)]
    requests.append(TailRequest(model, digest, 99, tuple(tensors), outputs=("out",)))
    if target == "RunTail":
        return [*kept, *map(write_request, requests)]
    requests += [TailRequest(model, digest, 100, (tensor,)) for tensor in _packets(layers[0], frame)]
    return [*kept, *(write_timed_request(TimedRequest(write_stream_request(one), 5.0)) for one in requests)]


def _packets(layer: str, frame: npt.NDArray[np.uint8]) -> Iterator[EncodedTensor]:
    """Yield a session of packets: its beginning, and a request that continues it."""
    written = io.BytesIO()
    Image.fromarray(frame[0].transpose(1, 2, 0)).save(written, "PNG")
    begun = WireFormat("still", "stretch,nearest", width=64, height=64)
    for known, first in ((begun, 0), (None, 1)):
        packets = PacketsToSend(known, first, (written.getvalue(),), first, bytes(16) if first else b"")
        yield packets_tensor(layer, frame.shape, packets)


def mutants(pool: Sequence[bytes], dice: random.Random) -> Iterator[bytes]:
    """Yield mutants without end: each is a message of the pool, changed up to six times."""
    while True:
        message = bytearray(dice.choice(pool))
        for _ in range(dice.randint(0, 6)):
            _change(message, pool, dice)
        yield bytes(message[:_MOST_BYTES])


def _change(message: bytearray, pool: Sequence[bytes], dice: random.Random) -> None:
    # Most of a message is tensors' data, where changes reach little code; so half of the changes go to its first bytes.
    reach = min(len(message), 160) if dice.random() < 0.5 else len(message)
    place = dice.randrange(reach + 1) if reach else 0
    match dice.randrange(8):
        case 0 if message:
            message[min(place, len(message) - 1)] ^= 1 << dice.randrange(8)
        case 1 if message:
            message[min(place, len(message) - 1)] = dice.choice(_EDGES)
        case 2:
            del message[place : place + dice.choice((1, 2, 8, 64, 4096))]
        case 3:
            message[place:place] = dice.randbytes(dice.choice((1, 2, 8, 64)))
        case 4:
            message[place:place] = message[place : place + dice.choice((2, 16, 256))]
        case 5:
            other = dice.choice(pool)
            begin = dice.randrange(len(other) + 1)
            message[place:place] = other[begin : begin + dice.choice((8, 64, 4096))]
        case 6:
            message[place:place] = _varint(dice.choice(_WHOLE))
        case _:
            del message[place:]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
