"""What an encoding costs here: bytes on the wire and seconds, of real values.

Both sides use it: the edge to price each layer's encoding, the cloud to tell what decoding costs it.
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
        size_bytes: Of its `Tensor` messages, together.
        encode_s: Seconds from arrays to messages, without the copy into what is sent.
        decode_s: Seconds from messages to arrays.
    """

    size_bytes: int
    encode_s: float
    decode_s: float


def measure(
    values: Mapping[str, Sequence[tuple[npt.NDArray[Any], str]]],
    encoding: Encoding,
    *,
    most_repeats: int = MAX_REPEATS,
    clock_s: Callable[[], float] = time.thread_time,
) -> dict[str, CodecCost]:
    """Encode and decode layers' values, and say what it cost.

    Each is tried `MIN_REPEATS` times, and up to `most_repeats` times while that takes less than `REPEAT_FOR_S`; the
    least time counts.

    Args:
        values: By layer name its arrays with their dtype names, as for `encode_tensor`.
        encoding: What is wanted; layers to which it does not apply are measured raw.
        most_repeats: At least 1.
        clock_s: Tells the time in seconds. The default is what the thread computes: both ways are one thread's
            arithmetic, and so it is what they take on an idle machine, however busy this one is now.
    """
    costs = {}
    for layer, arrays in values.items():
        size_bytes, encode_s, decode_s = 0, 0.0, 0.0
        for array, dtype in arrays:
            encode = partial(encode_tensor, layer, array, dtype=dtype, encoding=encoding)
            encoded, seconds = _timed(encode, most_repeats, clock_s)
            encode_s += seconds
            decode_s += _timed(partial(decode_tensor, encoded), most_repeats, clock_s)[1]
            size_bytes += encoded.size
        costs[layer] = CodecCost(size_bytes, encode_s, decode_s)
    return costs


def _timed(call: Callable[[], _T], most_repeats: int, clock_s: Callable[[], float]) -> tuple[_T, float]:
    """Return what a call returns and the least of the seconds that it took."""
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
