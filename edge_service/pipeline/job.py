"""The state of a frame in the pipeline, and the result it ends with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge_service.cloud.packet_session import FramePackets
from edge_service.cloud.seam import FrameToSend
from edge_service.control import Controller, OneCloud, Plan, measured_work
from edge_service.frame import FrameResult, Outcome, StageTimes
from edge_service.frame_image import FrameImage
from edge_service.inputs import Inputs, arrays_of_inputs
from edge_service.log import log
from pictures import PictureError
from split_model import Value
from split_model.structure import Tree

if TYPE_CHECKING:  # OpenTelemetry is an extra
    from edge_service.output.tracing import FrameTrace

__all__ = ["Job", "Started", "head_ran", "picture_lost"]


@dataclass(slots=True)
class Job:
    """A frame from its submission on.

    Attributes:
        frame_id: counts from 0.
        inputs: the model's inputs; a source's picture until somebody needs its pixels.
        image: the source's picture; None for a frame that was submitted as arrays.
        submitted_s: when it was submitted, on the monotonic clock.
        started: what is known since its head began; None while it waits.
        trace: records the frame's stages; None if tracing is off.
    """

    frame_id: int
    inputs: Inputs
    submitted_s: float
    started: Started | None = None
    trace: FrameTrace | None = None
    image: FrameImage | None = field(init=False)

    def __post_init__(self) -> None:
        self.image = next((value for value in self.inputs if isinstance(value, FrameImage)), None)

    def arrays(self, clock: Callable[[], float] = time.thread_time) -> tuple[Tree, ...]:
        """The model's inputs; decodes the picture the first time, which blocks.

        Args:
            clock: measures how long decoding takes.

        Raises:
            PictureError: the picture cannot be decoded.
        """
        began_s = clock()
        waits = self.image is not None and not self.image.is_decoded
        self.inputs = made = arrays_of_inputs(self.inputs)
        if waits and self.started is not None:
            self.started.picture_s = clock() - began_s
        return made

    def result(
        self,
        outcome: Outcome,
        *,
        outputs: Tree = None,
        times: StageTimes | None = None,
        error: str | None = None,
        keep_inputs: bool = False,
        cloud: str | None = None,
    ) -> FrameResult:
        """The frame's result, if it ends now; waiting, head and encoding are added to `times`."""
        ended = FrameResult(
            frame_id=self.frame_id,
            outcome=outcome,
            outputs=outputs,
            latency_s=time.monotonic() - self.submitted_s,
            error=error,
            feeds=self._feeds() if keep_inputs else None,
        )
        started = self.started
        if started is None:
            return ended
        plan = started.plan
        return replace(
            ended,
            partition=plan.partition,
            mode=plan.mode.value,
            keeps_up=plan.keeps_up,
            max_rate_hz=plan.max_rate_hz,
            uplink_bps=plan.uplink_bps,
            downlink_bps=plan.downlink_bps,
            sent_bytes=0 if started.frame is None else started.frame.size,
            cloud=cloud,
            switched=started.switched,
            times=replace(
                times or StageTimes(),
                wait_s=max(0.0, started.began_s - self.submitted_s),
                head_s=started.head_s,
                encode_s=started.encode_s,
            ),
        )

    def _feeds(self) -> tuple[Tree, ...] | None:
        """The inputs; None if they are a picture that nobody has decoded."""
        arrays = tuple(value for value in self.inputs if not isinstance(value, FrameImage))
        return arrays if len(arrays) == len(self.inputs) else None


@dataclass(slots=True)
class Started:
    """What is known of a frame since its head began.

    Attributes:
        plan: how it is split.
        switched: whether its split differs from that of the frame before it.
        began_s: when its head began.
        head_s: how long its head took.
        picture_s: the part of it that decoding the picture took, without the slowdown; 0 if it was decoded before.
        values: the head's values; None while it has not run, as for a frame that is sent as packets.
        packets: the packets that it is sent as, or None.
        frame: the encoded frame.
        encode_s: how long the encoding took.
        sent_s: when it was handed to the link.
        answer_due_s: the deadline of its answer.
        deadline: the timer of `answer_due_s`.
        tried: the clouds that have not answered it.
        moved_s: how long it was at these, until the one of its plan now got it.
    """

    plan: Plan
    switched: bool
    began_s: float
    head_s: float = 0.0
    picture_s: float = 0.0
    packets: FramePackets | None = None
    values: Mapping[str, Value] | None = None
    frame: FrameToSend | None = None
    encode_s: float = 0.0
    sent_s: float = 0.0
    answer_due_s: float = 0.0
    deadline: asyncio.TimerHandle | None = None
    tried: set[int] = field(default_factory=set)
    moved_s: float = 0.0


def picture_lost(job: Job, error: PictureError) -> None:
    """Logs why a frame has no pixels; the source tells of each kind of reason once, and counts the others."""
    log.debug("a picture is lost", frame=job.frame_id, reason=str(error))


def head_ran(controller: Controller | OneCloud, started: Started, slowdown: float) -> None:
    """Reports a head's time, and the part of it that decoding the picture took."""
    decoded_s = min(started.picture_s * slowdown, started.head_s)
    for event in measured_work.head_ran(started.plan, started.head_s, decoded_s):
        controller.observe(event, time.monotonic())
