"""Judges each sample of the uplink: whether it is the rate, a bound of the rate, or nothing.

Laws:

- an upload that only the link limited measures the link's rate;
- an upload that something else limited too (TCP's slow start, the call itself, a stalled machine) looks slower than the
  link, never faster: it is a lower bound of the rate;
- an upload that has not arrived is an upper bound of the rate (`UploadClock` reports those).

A sample passes these steps in turn:

    probe_sample   a probe was read: does the time of the call count, the receiver's time, or neither?
    slow_started   did the connection's window limit the upload?
    evidence       are time and size enough for a rate?
"""

import math
from dataclasses import dataclass

from edge_service.control.events import DownlinkMeasured, UplinkAtLeast, UplinkMeasured

# In slow start the measured rate is too low, and for a lower rate the window would suffice; so ask for twice as much.
WINDOW_MARGIN = 2.0

_FEW_BYTES = 16_000  # the time of fewer bytes is partly latency
_LONG_S = 0.05  # so long that latency hardly matters; on a busy machine a call costs some 20 ms
_CALL_COST_RATIO = 1.15  # the most that a probe's call takes, over its bytes and the round trip, on an open window
_STALL_RATIO = 2.0  # if the whole call is that much slower than its second half, a machine was stalled
_SLOWEST_BPS = 1e3
_FASTEST_BPS = 1e12


def probe_sample(
    size: int, call_s: float, received_bytes: int, received_s: float, *, window_is_open: bool
) -> UplinkMeasured | UplinkAtLeast | None:
    """Judges a probe that was read.

    On an open window the whole call is timed, as for a frame: a busy receiver reads late, and its second half then
    looks too fast. The call has a cost of its own. If the receiver's time explains the call up to that cost, the
    receiver's time counts. If the call took much longer, a machine was stalled, and the call only bounds the rate.

    In slow start the second half counts, on the receiver's clock: by then the window has grown.

    Args:
        size: Bytes of the probe.
        call_s: Seconds of the call, without the round trip.
        received_bytes: Bytes of the second half.
        received_s: How long they took, on the receiver's clock.
        window_is_open: Whether the connection was out of slow start when the probe began.

    Returns:
        None if a time is not positive.
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


def slow_started(sample: UplinkMeasured | DownlinkMeasured, window_bytes: float, rtt_s: float) -> bool:
    """Whether the connection's window limited an upload, or a download.

    It did not if the window was larger than the upload, or larger than the link needs at this rate. By the second half
    of a probe, the window has grown by at least half of the bytes before it.

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
        suffices = True  # earlier uploads had opened the window
    return not suffices


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an upload's size and time prove.

    Attributes:
        s_per_byte: Seconds per byte, within what is possible on any link.
        slow_started: Slow start is part of the time.
        is_latency: Few bytes in a short time: most of the time may be latency.
        is_small: Few bytes: one such upload does not replace a bound.
        is_unresolved: The time was too short to distinguish from jitter.
    """

    s_per_byte: float
    slow_started: bool
    is_latency: bool
    is_small: bool
    is_unresolved: bool

    @property
    def is_lower_bound(self) -> bool:
        """Whether the link is at least this fast, and may be faster."""
        return self.slow_started or self.is_latency or self.is_unresolved


def evidence(
    sample_bytes: int, seconds: float, *, slow_started: bool, by_receiver: bool, resolution_s: float
) -> Evidence | None:
    """Judges an upload by its size and time.

    Args:
        sample_bytes: Bytes that arrived.
        seconds: How long they took, without round trip and server time.
        slow_started: Whether slow start is part of the time.
        by_receiver: Whether the receiver timed it: then it contains no latency, however few the bytes.
        resolution_s: Shorter times cannot be distinguished from jitter.

    Returns:
        None if bytes or seconds are not positive and finite.
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
    """Whether these can be the bytes and seconds of an upload: positive and finite."""
    return math.isfinite(seconds) and seconds > 0.0 and sample_bytes > 0


def clamped(s_per_byte: float) -> float:
    """Seconds per byte within what is possible on any link."""
    return min(max(s_per_byte, 8.0 / _FASTEST_BPS), 8.0 / _SLOWEST_BPS)
