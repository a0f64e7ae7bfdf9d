"""What one upload says of the uplink: its rate, a bound of its rate, or nothing. Every sample is judged here.

Laws:

- an upload that the link alone held up measures the link's rate;
- an upload that something else held up as well (TCP's slow start, the call itself, a machine that stood still) looks
  slower than the link is, never faster: it says how fast the link is at least;
- an upload that has not arrived says how fast the link is at most (`UploadClock` tells those).

Questions in the order in which a sample meets them:

    probe_sample   a probe was read: is its time the whole call's, the receiver's, or nobody's?
    slow_started   did the connection's window hold the upload up?
    evidence       do time and size suffice to call it a rate?
"""

import math
from dataclasses import dataclass

from edge_service.control.events import UplinkAtLeast, UplinkMeasured

# Slow start makes the rate look lower, and at a lower rate the first window would do: the truth may be twice as much.
WINDOW_MARGIN = 2.0

_FEW_BYTES = 16_000  # fewer measure latency as well as the rate
_LONG_S = 0.05  # so long that latency hardly matters; on a busy machine a call costs some 20 ms
_CALL_COST_RATIO = 1.15  # the most that a probe's call takes beside its bytes and the round trip, on an open window
_STALL_RATIO = 2.0  # a whole call that much slower than its second half: one of the machines stood still
_SLOWEST_BPS = 1e3
_FASTEST_BPS = 1e12


def probe_sample(
    size: int, call_s: float, received_bytes: int, received_s: float, *, window_is_open: bool
) -> UplinkMeasured | UplinkAtLeast | None:
    """Judges a probe that was read.

    On an open window the whole call is timed, as a frame's is: a receiver that reads late, as a busy one does, makes
    its half look fast. The call has a cost of its own, so where the receiver's time explains the call up to that cost,
    the receiver's time counts. A call that took much longer was held up by a machine, and only bounds the rate.

    In slow start the second half counts, on the receiver's clock: its window has grown.

    Args:
        size: Bytes of the probe.
        call_s: Seconds of the call, without the round trip.
        received_bytes: Bytes of the second half.
        received_s: How long these took, on the receiver's clock.
        window_is_open: Whether the connection was out of slow start when the probe began.

    Returns:
        None where the times make no sense.
    """
    if window_is_open and call_s > 0:
        by_receiver_s = size * received_s / max(received_bytes, 1)
        if call_s <= _STALL_RATIO * by_receiver_s:
            seconds = min(call_s, max(by_receiver_s, call_s / _CALL_COST_RATIO))
            return UplinkMeasured(size, seconds, after_idle=True)
        return UplinkAtLeast(size, call_s)
    if received_s > 0:
        return UplinkMeasured(received_bytes, received_s, by_receiver=True)
    return None


def slow_started(sample: UplinkMeasured, window_bytes: float, rtt_s: float) -> bool:
    """Whether the connection's window held an upload up.

    It did not where the window was larger than the upload, or than the link needs at this rate. The second half of a
    probe begins in a window that has grown by half of the bytes before it, at least.

    Args:
        sample: The upload.
        window_bytes: The window when it began.
        rtt_s: The round trip.
    """
    if sample.by_receiver:
        suffices = sample.bytes * rtt_s <= (window_bytes + sample.bytes / 2.0) * sample.seconds
    elif sample.after_idle:
        fits = sample.bytes <= window_bytes
        suffices = fits or WINDOW_MARGIN * sample.bytes * rtt_s <= window_bytes * sample.seconds
    else:
        suffices = True  # the uploads before it had opened the window
    return not suffices


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an upload's size and time are worth.

    Attributes:
        s_per_byte: Seconds per byte, within what is possible on any link.
        slow_started: Slow start is in the time.
        is_latency: Few bytes in a short time: most of the time may be latency.
        is_small: Few bytes: one such upload does not replace a bound.
        is_unresolved: The time was too short to be told from jitter.
    """

    s_per_byte: float
    slow_started: bool
    is_latency: bool
    is_small: bool
    is_unresolved: bool

    @property
    def is_lower_bound(self) -> bool:
        """Whether the link is at least so fast, and may be faster."""
        return self.slow_started or self.is_latency or self.is_unresolved


def evidence(
    sample_bytes: int, seconds: float, *, slow_started: bool, by_receiver: bool, resolution_s: float
) -> Evidence | None:
    """Judges an upload by its size and time.

    Args:
        sample_bytes: Bytes that arrived.
        seconds: How long they took, without round trip and server time.
        slow_started: Whether slow start is in the time.
        by_receiver: Whether the receiver timed it: then there is no latency in it, however few the bytes.
        resolution_s: Shorter times cannot be told from jitter.

    Returns:
        None where the numbers make no sense.
    """
    if not makes_sense(sample_bytes, seconds):
        return None
    is_small = not by_receiver and sample_bytes < _FEW_BYTES
    return Evidence(
        s_per_byte=clamped(max(seconds, resolution_s) / sample_bytes),
        slow_started=slow_started,
        is_latency=is_small and seconds < _LONG_S,
        is_small=is_small,
        is_unresolved=seconds < resolution_s,
    )


def makes_sense(sample_bytes: int, seconds: float) -> bool:
    """Whether these can be bytes and seconds of an upload."""
    return math.isfinite(seconds) and seconds > 0.0 and sample_bytes > 0


def clamped(s_per_byte: float) -> float:
    """Seconds per byte within what is possible on any link."""
    return min(max(s_per_byte, 8.0 / _FASTEST_BPS), 8.0 / _SLOWEST_BPS)
