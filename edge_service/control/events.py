"""The events that the controller observes, one frozen value each.

Seconds, bytes, bits per second and hertz. Events carry no clock reading; `Controller.observe` takes the time.
`replica` names the server behind the cloud's address that an event is about; empty for the one that answers frames.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True)
class UplinkMeasured:
    """An upload arrived: a frame's tensors (timed by `UploadClock`) or a probe (timed by the receiver).

    Attributes:
        bytes: Bytes that arrived.
        seconds: How long they took, without round trip and server time.
        after_idle: Whether the link was idle for more than 0.3 s before. False for the second half of a probe, which
            measures the rate even if the probe began in slow start.
        by_receiver: Whether it was timed on the receiver's clock. Then no round trip was subtracted, so an upload of
            few bytes is as exact as one of many.
    """

    bytes: int
    seconds: float
    after_idle: bool = False
    by_receiver: bool = False


@dataclass(frozen=True, slots=True)
class UplinkAtLeast:
    """A probe arrived within `seconds`, but a machine was stalled meanwhile: a lower bound of the rate."""

    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class UploadStalled:
    """An upload was given up: `bytes` did not arrive within `seconds`. It is a failure for the breaker."""

    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class UploadLate:
    """An upload is late: `bytes` have not arrived within `seconds` yet. It is no failure, only a slower link."""

    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class DownlinkMeasured:
    """A download arrived: a large answer (timed by `DownloadClock`) or a probe. The attributes are as for the uplink.

    Attributes:
        bytes: Bytes that arrived.
        seconds: How long they took.
        after_idle: Whether the link was idle before, so that slow start may be part of the time.
        by_receiver: Whether it is the second half of a probe, by when slow start is over.
    """

    bytes: int
    seconds: float
    after_idle: bool = False
    by_receiver: bool = False


@dataclass(frozen=True, slots=True)
class DownlinkAtLeast:
    """A download arrived within `seconds`, which other causes than the link may have lengthened: a lower bound."""

    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class DownloadStalled:
    """A download was given up: `bytes` did not arrive within `seconds`. It is a failure for the breaker."""

    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RoundTripMeasured:
    """A small call and its answer took this long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class OverheadMeasured:
    """What one call cost besides head, upload, round trip, queue and tail.

    It includes reading the answer, scheduling, and the time of encoding beyond its prediction.
    """

    seconds: float
    replica: str = ""


@dataclass(frozen=True, slots=True)
class HeadMeasured:
    """A head ran on the edge, without encoding. `predicted_s` is the profile's, at load 1 (`Plan.base_head_s`)."""

    predicted_s: float
    measured_s: float


@dataclass(frozen=True, slots=True)
class TailMeasured:
    """A tail ran in the cloud, decoding included, after it had waited for `queue_s`.

    `predicted_s` is at load 1 (`Plan.base_cloud_s`).
    """

    predicted_s: float
    measured_s: float
    replica: str = ""
    queue_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CloudLoadReported:
    """The cloud reported how many times slower it is now than when it was profiled (in a heartbeat or an answer).

    It also shows that the cloud is alive: after unanswered frames and the breaker's wait, offloading starts again.
    """

    factor: float
    replica: str = ""


@dataclass(frozen=True, slots=True)
class CloudProfiled:
    """The cloud sent its profile, at load 1.

    Attributes:
        cloud_s: Seconds per layer, in graph order.
        decode_s: By encoding, seconds to decode each layer's value; the cloud does not accept a missing encoding.
        takes_packets: Whether the cloud decodes packets of a source.
        replica: The server that answered.
        again: Whether the connection was open before: it is a question about one more replica.
    """

    cloud_s: tuple[float, ...]
    decode_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    takes_packets: bool = False
    replica: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class ReplicaAnswers:
    """The frames' stream is served by this replica: from now on its estimates count."""

    replica: str


@dataclass(frozen=True, slots=True)
class ConnectionReplaced:
    """Frames go by another connection to the same address, which begins in slow start; the old one was not lost."""


@dataclass(frozen=True, slots=True)
class CutEncoded:
    """A cut was encoded: `measured_bytes` is its size when the encodings were measured, `sent_bytes` its size now."""

    encoding: str
    measured_bytes: float
    sent_bytes: float


@dataclass(frozen=True, slots=True)
class PacketsSent:
    """A frame was sent as packets of its source, in a message of so many bytes."""

    bytes: float


@dataclass(frozen=True, slots=True)
class PacketsSeen:
    """A frame went another way; its packets, all since the frame before, are so many bytes."""

    bytes: float


@dataclass(frozen=True, slots=True)
class PictureDecoded:
    """The edge decoded and prepared a frame's picture, all pictures in between included; its slowdown included."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PicturesDecodedThere:
    """The cloud decoded a frame's packets, and prepared the picture."""

    seconds: float


class PacketsRefusal(Enum):
    """For how long the cloud refuses packets."""

    FRAME = "this frame's"
    CLOUD = "until it sends its profile again"
    RUN = "for ever"


@dataclass(frozen=True, slots=True)
class PacketsRefused:
    """The cloud takes no packets; frames are sent otherwise, and nothing else changes.

    Attributes:
        reason: Why, in words.
        for_ever: Whether it stays so when the cloud sends its profile again.
    """

    reason: str
    for_ever: bool = False


PacketsEvent = PacketsSent | PacketsSeen | PictureDecoded | PicturesDecodedThere | PacketsRefused
"""What is observed of the packets of a source."""


@dataclass(frozen=True, slots=True)
class CloudAnswered:
    """The cloud answered a call: a reconnect or a frame."""


@dataclass(frozen=True, slots=True)
class AnswerMissed:
    """A frame was not answered within its deadline, or a reconnect failed: one failure for the breaker."""


@dataclass(frozen=True, slots=True)
class CloudLost:
    """The cloud is lost: connection broken, no heartbeats, draining. Offloading stops at once.

    Attributes:
        reason: Why, in words.
        retry_after_s: When the cloud accepts the next attempt; None if it did not say.
    """

    reason: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class CloudBusy:
    """The cloud refused a frame because it is overloaded, and said when it accepts the next one.

    Cloud and link work: until then frames are computed here, and afterwards they are sent again.
    """

    retry_after_s: float


@dataclass(frozen=True, slots=True)
class SplitImpossible:
    """The cloud refused a frame because its split can never be answered; cloud and link work.

    Attributes:
        edge: Names of the layers that the split has on the edge.
        packets: Whether the frame was sent as packets; then its cut may still be sent as a frame.
    """

    edge: frozenset[str]
    packets: bool = False


@dataclass(frozen=True, slots=True)
class HeartbeatsResumed:
    """Heartbeats arrive again after a pause too short for a loss: measurements of the link during it are void."""


@dataclass(frozen=True, slots=True)
class RateChanged:
    """Frames now arrive at this rate."""

    rate_hz: float


Event = (
    UplinkMeasured
    | UplinkAtLeast
    | UploadStalled
    | UploadLate
    | DownlinkMeasured
    | DownlinkAtLeast
    | DownloadStalled
    | RoundTripMeasured
    | OverheadMeasured
    | HeadMeasured
    | TailMeasured
    | CloudLoadReported
    | CloudProfiled
    | ReplicaAnswers
    | ConnectionReplaced
    | CutEncoded
    | PacketsEvent
    | CloudAnswered
    | AnswerMissed
    | CloudLost
    | CloudBusy
    | SplitImpossible
    | HeartbeatsResumed
    | RateChanged
)
