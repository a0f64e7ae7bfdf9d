"""The state of a frame in the pipeline, and the result it ends with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edge_service.cloud.seam import FrameToSend
from edge_service.control import Plan
from edge_service.frame import FrameResult, Outcome, StageTimes
from split_model import Value
from split_model.structure import Tree

if TYPE_CHECKING:  # OpenTelemetry is an extra
    from edge_service.output.tracing import FrameTrace

__all__ = ["Job", "Started"]


@dataclass(slots=True)
class Job:
    """A frame from its submission on.

    Attributes:
        frame_id: counts from 0.
        inputs: the model's inputs.
        submitted_s: when it was submitted, on the monotonic clock.
        started: what is known since its head began; None while it waits.
        trace: records the frame's stages; None if tracing is off.
    """

    frame_id: int
    inputs: tuple[Tree, ...]
    submitted_s: float
    started: Started | None = None
    trace: FrameTrace | None = None

    def result(
        self,
        outcome: Outcome,
        *,
        outputs: Any = None,  # noqa: ANN401 # the module's own return type
        times: StageTimes | None = None,
        error: str | None = None,
        keep_inputs: bool = False,
    ) -> FrameResult:
        """The frame's result, if it ends now; waiting, head and encoding are added to `times`."""
        ended = FrameResult(
            frame_id=self.frame_id,
            outcome=outcome,
            outputs=outputs,
            latency_s=time.monotonic() - self.submitted_s,
            error=error,
            feeds=self.inputs if keep_inputs else None,
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
            switched=started.switched,
            times=replace(
                times or StageTimes(),
                wait_s=max(0.0, started.began_s - self.submitted_s),
                head_s=started.head_s,
                encode_s=started.encode_s,
            ),
        )


@dataclass(slots=True)
class Started:
    """What is known of a frame since its head began.

    Attributes:
        plan: how it is split.
        switched: whether its split differs from that of the frame before it.
        began_s: when its head began.
        head_s: how long its head took.
        values: the head's values.
        frame: the encoded frame.
        encode_s: how long the encoding took.
        sent_s: when it was handed to the link.
        answer_due_s: the deadline of its answer.
        deadline: the timer of `answer_due_s`.
    """

    plan: Plan
    switched: bool
    began_s: float
    head_s: float = 0.0
    values: Mapping[str, Value] | None = None
    frame: FrameToSend | None = None
    encode_s: float = 0.0
    sent_s: float = 0.0
    answer_due_s: float = 0.0
    deadline: asyncio.TimerHandle | None = None
