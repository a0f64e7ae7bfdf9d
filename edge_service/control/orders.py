"""What `Flow` returns: orders for its shells, and records of frames and probes under way."""

import math
from dataclasses import dataclass
from enum import Enum

from edge_service.control.estimators.uplink_samples import probe_sample
from edge_service.control.events import DownlinkAtLeast, DownlinkMeasured, UplinkAtLeast, UplinkMeasured
from edge_service.control.plan import Plan
from edge_service.control.stage_times import StageTimes

ProbeSample = UplinkMeasured | UplinkAtLeast | DownlinkMeasured | DownlinkAtLeast


class Duty(Enum):
    """What the connection needs now."""

    NOTHING = "nothing"
    CONNECT = "connect"
    GIVE_UP = "give up"
    MEASURE = "measure"


@dataclass(frozen=True, slots=True)
class FinishHere:
    """An order: these frames get no answer, so run their tails on the edge.

    Attributes:
        frame_ids: The frames, in the order in which they were handed over.
        reason: Why, in words.
        renew: Whether to cancel the frames' stream first, so that no stale frame is sent later.
    """

    frame_ids: tuple[int, ...]
    reason: str
    renew: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe under way.

    Attributes:
        bytes: Its size.
        began_s: When it began.
        window_is_open: Whether the connection was out of slow start then.
        down: Whether it measures the downlink; else the uplink.
    """

    bytes: int
    began_s: float
    window_is_open: bool
    down: bool = False

    def sample(self, call_s: float, received_bytes: int, received_s: float) -> ProbeSample | None:
        """What it measured; see `probe_sample`."""
        sample = probe_sample(self.bytes, call_s, received_bytes, received_s, window_is_open=self.window_is_open)
        if sample is None or not self.down:
            return sample
        if isinstance(sample, UplinkAtLeast):
            return DownlinkAtLeast(sample.bytes, sample.seconds)
        return DownlinkMeasured(sample.bytes, sample.seconds, sample.after_idle, sample.by_receiver)


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame that was handed over.

    Attributes:
        plan: How it is split.
        encode_s: How long its encoding took.
        sent_s: When it was handed over.
        timeout_s: How long its answer is awaited after that.
        bytes: Bytes of its message.
        longer_s: How much longer its upload takes than planned: for packets, which vary in size.
    """

    plan: Plan
    encode_s: float
    sent_s: float
    timeout_s: float
    bytes: int
    longer_s: float = 0.0

    @property
    def upload_s(self) -> float:
        """How long its upload was expected to take; infinite if the uplink was unknown."""
        return 8.0 * self.bytes / self.plan.uplink_bps if self.plan.uplink_bps else math.inf


@dataclass(frozen=True, slots=True)
class Answered:
    """A frame whose answer arrived at `answered_s` and is not read yet; `times` are its stages until then."""

    sent: Sent
    answered_s: float
    times: StageTimes
    replica: str = ""


def longer_upload_s(plan: Plan, size: int) -> float:
    """How much longer than planned packets of so many bytes take; keyframes are many times larger than the mean."""
    if not plan.packets or not plan.uplink_bps:
        return 0.0
    return max(0.0, 8.0 * (size - plan.measured_bytes) / plan.uplink_bps)


def answer_timeout_s(plan: Plan, frames_ahead: int) -> float:
    """How long to wait for a frame's answer: each frame ahead of it takes at most the time of the slowest stage."""
    return plan.deadline_s + frames_ahead * plan.partition.bottleneck_s
