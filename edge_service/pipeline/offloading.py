"""The way of frames that need a cloud: to the one of their plan, then to another, or else finished here.

    planned for a cloud ─► answered ─────────────────────────────► offloaded
                              └── lost, draining, busy, no answer ─► another cloud, if it is expected to be in time
                                                                        └── else the tail runs here ─► local_fallback

Each frame is at one cloud at a time, and at none twice. So it ends exactly once, and after as many tries as there are
clouds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence

from edge_service.cloud.seam import Cloud
from edge_service.cloud.uplink_turns import UplinkTurns
from edge_service.control import Controller, Flow, OneCloud, Plan, StageTimes
from edge_service.errors import CloudError
from edge_service.frame import Outcome
from edge_service.log import log
from edge_service.parts import Parts
from edge_service.pipeline.job import Job, Started
from edge_service.pipeline.local_tails import FrameListener, LocalTails
from edge_service.pipeline.offload import Offload
from edge_service.pipeline.prepared_parts import PreparedParts
from split_model.structure import Tree
from split_wire import limits

__all__ = ["Offloading"]


class Offloading:
    """The transfer and tail stages, with one cloud or several.

    Args:
        parts: the parts of the run.
        clouds: encode and receive frames; in the order in which the controller counts them.
        listener: receives each frame's end.
        prepared: knows whether a tail that runs here is ready.
    """

    def __init__(self, parts: Parts, clouds: Sequence[Cloud], listener: FrameListener, prepared: PreparedParts) -> None:
        self._model = parts.model
        self._controller = parts.controller
        self._listener = listener
        self._local = LocalTails(parts, listener, prepared)
        self._moving: set[asyncio.Task[None]] = set()
        self._turns = UplinkTurns(lambda: any(each.under_way for each in self._offloads))
        self._offloads: list[Offload] = []
        for i, cloud in enumerate(clouds):
            seen: Controller | OneCloud = parts.controller
            if len(clouds) > 1:
                seen = OneCloud(parts.controller, i)
            flow = Flow(seen, silence_s=parts.config.silence_s, heartbeat_s=limits.HEARTBEAT_INTERVAL_S)
            name = parts.cloud_name(i) if len(clouds) > 1 else ""
            self._offloads.append(Offload(parts, cloud, flow, self, seen, name, self._turns))

    @property
    def under_way(self) -> int:
        """Frames that were handed over and have no result yet."""
        return sum(each.under_way for each in self._offloads) + self._local.under_way + len(self._moving)

    @property
    def cloud_error(self) -> CloudError | None:
        """Why no cloud is in use; None if one is."""
        errors = [each.cloud_error for each in self._offloads]
        return None if None in errors else errors[0]

    async def start(self) -> None:
        """Connects to the clouds, all at the same time.

        Raises:
            CloudError: a cloud is required and none can be reached.
        """
        outcomes = await asyncio.gather(*(each.start() for each in self._offloads), return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        for error in errors:
            if not isinstance(error, CloudError):
                raise error
        if errors and len(errors) == len(outcomes):
            raise errors[0]

    async def close(self) -> None:
        """Ends the background work; frames still under way get no result."""
        for task in self._moving:
            task.cancel()
        await asyncio.gather(*self._moving, return_exceptions=True)
        await self._local.close()
        for each in self._offloads:
            await each.close()

    def packets_ready(self, job: Job) -> bool | Collection[int]:
        """Whether a frame can be sent as packets of its source; with several clouds, to which of them."""
        if len(self._offloads) == 1:
            return self._offloads[0].packets_ready(job)
        return [i for i, each in enumerate(self._offloads) if each.packets_ready(job)]

    def begins(self, job: Job, plan: Plan) -> None:
        """A frame is started."""
        self._offloads[0].begins(job, plan)  # sizes of packets are the source's, not a cloud's

    async def hand_over(self, job: Job, started: Started, wanted: Sequence[str]) -> None:
        """Encodes a frame and queues it for the cloud of its plan; see `Offload.hand_over`."""
        await self._offloads[started.plan.cloud].hand_over(job, started, wanted)

    # --- ends of frames -----------------------------------------------------------------------------------------

    def offloaded(self, job: Job, outputs: Tree, times: StageTimes) -> None:
        """A cloud answered a frame."""
        self._listener.ended(job, Outcome.OFFLOADED, outputs=outputs, times=times)

    def failed(self, job: Job, reason: str) -> None:
        """A frame cannot have a result."""
        self._listener.ended(job, Outcome.FAILED, error=reason)

    def made_room(self) -> None:
        """Fewer frames are in flight."""
        self._turns.made_room()
        self._listener.made_room()

    def given_back(self, job: Job, reason: str, *, elsewhere: bool) -> None:
        """A cloud does not answer a frame: another one gets it, or it is finished here."""
        started = job.started
        if elsewhere and started is not None and len(self._offloads) > 1 and self._moves(job, started):
            return
        self._local.run(job, reason)

    def _moves(self, job: Job, started: Started) -> bool:
        """Sends a frame to another cloud; returns whether one is expected to answer it in time."""
        before, now_s = started.plan, time.monotonic()
        started.tried.add(before.cloud)
        ready = [i for i, each in enumerate(self._offloads) if before.packets and each.packets_ready(job)]
        plan = self._controller.elsewhere(
            before, started.tried, started.answer_due_s - now_s, now_s, packets_ready=ready
        )
        if plan is None:
            return False
        started.plan, started.packets = plan, None
        other = self._offloads[plan.cloud]
        is_same = not plan.packets and plan.partition.encoding == before.partition.encoding
        sent = started.frame if is_same and other.speaks_like(self._offloads[before.cloud]) else None
        wanted = self._model.remote_outputs(plan.partition.edge)
        log.debug("a frame goes to another cloud", frame=job.frame_id, cloud=plan.cloud)
        task = asyncio.create_task(other.take_over(job, started, wanted, sent=sent), name=f"moving-{job.frame_id}")
        self._moving.add(task)
        task.add_done_callback(self._moved)
        return True

    def _moved(self, task: asyncio.Task[None]) -> None:
        self._moving.discard(task)
        self.made_room()
