"""Codec timing: the bytes and the seconds that an encoding costs on this machine, measured on real values.

The edge uses it to price each layer in each encoding, the cloud to report its decoding times.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy.typing as npt

from split_wire.codec import decode_tensor, encode_tensor
from split_wire.encodings import Encoding

MIN_REPEATS = 3
MAX_REPEATS = 7
REPEAT_FOR_S = 0.005

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CodecCost:
    """The cost of one layer's value in one encoding.

    Attributes:
        size_bytes: Bytes of its `Tensor` messages, together.
        encode_s: Seconds from arrays to messages, without the copy into the sent bytes.
        decode_s: Seconds from messages to arrays; 0 if that was not measured.
    """

    size_bytes: int
    encode_s: float
    decode_s: float


def measure(
    values: Mapping[str, Sequence[tuple[npt.NDArray[Any], str]]],
    encoding: Encoding,
    *,
    most_repeats: int = MAX_REPEATS,
    decodes: bool = True,
    clock_s: Callable[[], float] = time.thread_time,
) -> dict[str, CodecCost]:
    """Encode and decode layers' values, and return the costs by layer.

    Each step is repeated until it has run `MIN_REPEATS` times and for `REPEAT_FOR_S` seconds, at most `most_repeats`
    times; the least time counts.

    Args:
        values: By layer name its arrays with their dtype names, as for `encode_tensor`.
        encoding: The wanted encoding; layers to which it does not apply are measured raw.
        most_repeats: At least 1.
        decodes: Whether decoding is measured, too.
        clock_s: Returns the time in seconds. The default is the thread's CPU time: encoding and decoding use one
            thread, so this is their time on an idle machine, however busy this one is now.
    """
    costs = {}
    for layer, arrays in values.items():
        size_bytes, encode_s, decode_s = 0, 0.0, 0.0
        for array, dtype in arrays:
            encode = partial(encode_tensor, layer, array, dtype=dtype, encoding=encoding)
            encoded, seconds = _timed(encode, most_repeats, clock_s)
            encode_s += seconds
            if decodes:
                decode_s += _timed(partial(decode_tensor, encoded), most_repeats, clock_s)[1]
            size_bytes += encoded.size
        costs[layer] = CodecCost(size_bytes, encode_s, decode_s)
    return costs


def _timed(call: Callable[[], _T], most_repeats: int, clock_s: Callable[[], float]) -> tuple[_T, float]:
    """Repeat a call; return its result and its least time in seconds."""
    least_s = spent_s = 0.0
    for repeat in range(most_repeats):
        began_s = clock_s()
        result = call()
        took_s = clock_s() - began_s
        least_s = min(least_s, took_s) if repeat else took_s
        spent_s += took_s
        if repeat + 1 >= MIN_REPEATS and spent_s >= REPEAT_FOR_S:
            break
    return result, least_s
