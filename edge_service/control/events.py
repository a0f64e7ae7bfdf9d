"""What the controller is told: frozen values, one per thing that can be observed.

Seconds, bytes, bits per second and hertz. Nothing here carries a clock reading; `Controller.observe` takes the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UplinkMeasured:
    """An upload arrived: a frame's tensors (timed passively, see `UploadClock`) or a probe (the receiver's clock).

    Attributes:
        bytes: Bytes that arrived.
        seconds: How long they took, without round trip and server time.
        after_idle: The link was idle for more than 0.3 s before. False for the second half of a probe, which is
            right even out of slow start.
        by_receiver: Timed on the receiver's clock: no round trip was subtracted, so few bytes tell as well as many.
    """

    bytes: int
    seconds: float
    after_idle: bool = False
    by_receiver: bool = False


@dataclass(frozen=True, slots=True)
class UplinkAtLeast:
    """A probe arrived within `seconds`, but one of the machines stood still meanwhile: the rate is at least that."""

    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class UploadStalled:
    """An upload was given up: `bytes` have not arrived within `seconds`. Counts as a failure for the breaker."""

    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class UploadLate:
    """An upload is still under way: `bytes` have not arrived within `seconds`. No failure, only a slower link."""

    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RoundTripMeasured:
    """A small call and its answer took this long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class OverheadMeasured:
    """What one call cost besides head, upload, round trip, queue and tail.

    The answer's way back, scheduling, and what encoding took beyond its price.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class HeadMeasured:
    """A head ran on the edge, encoding left out. `predicted_s` is the profile's, at load 1 (`Plan.base_head_s`)."""

    predicted_s: float
    measured_s: float


@dataclass(frozen=True, slots=True)
class TailMeasured:
    """A tail was decoded and ran in the cloud. `predicted_s` is at load 1 (`Plan.base_cloud_s`)."""

    predicted_s: float
    measured_s: float


@dataclass(frozen=True, slots=True)
class CloudLoadReported:
    """The cloud said how many times slower it is now than when it was profiled (a heartbeat, an answer).

    Also a sign of life: after unanswered frames, and after the breaker's wait, it starts offloading again.
    """

    factor: float


@dataclass(frozen=True, slots=True)
class CloudProfiled:
    """The cloud is there and sent what it measured, at load 1.

    Attributes:
        cloud_s: Seconds per layer, in graph order.
        decode_s: By encoding, seconds to decode each layer's value; an encoding that is missing is not accepted.
    """

    cloud_s: tuple[float, ...]
    decode_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CutEncoded:
    """A cut was encoded: its layers took `measured_bytes` when they were measured, and `sent_bytes` now."""

    encoding: str
    measured_bytes: float
    sent_bytes: float


@dataclass(frozen=True, slots=True)
class CloudAnswered:
    """The cloud answered a call: a reconnect, a frame, anything."""


@dataclass(frozen=True, slots=True)
class AnswerMissed:
    """A frame was not answered within its deadline, or a reconnect failed: one failure for the breaker."""


@dataclass(frozen=True, slots=True)
class CloudLost:
    """The cloud is gone: connection broken, silence on the stream, draining. Offloading stops at once.

    Attributes:
        reason: Why, in words.
        retry_after_s: When it said that a next attempt is welcome; None where it said nothing.
    """

    reason: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class CloudBusy:
    """The cloud refused a frame because it has too much to do, and said when the next one is welcome.

    Nothing is wrong with it or with the link: until then frames are done here, and then they are sent again.
    """

    retry_after_s: float


@dataclass(frozen=True, slots=True)
class HeartbeatsResumed:
    """Heartbeats come again after a pause too short for a loss: what was measured of the link in it is void."""


@dataclass(frozen=True, slots=True)
class RateChanged:
    """Frames now come at this rate."""

    rate_hz: float


Event = (
    UplinkMeasured
    | UplinkAtLeast
    | UploadStalled
    | UploadLate
    | RoundTripMeasured
    | OverheadMeasured
    | HeadMeasured
    | TailMeasured
    | CloudLoadReported
    | CloudProfiled
    | CutEncoded
    | CloudAnswered
    | AnswerMissed
    | CloudLost
    | CloudBusy
    | HeartbeatsResumed
    | RateChanged
)
