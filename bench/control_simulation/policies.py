"""Who chooses the split of a frame in the control simulation: the real controller, fixed splits, and oracles."""

from bench.control_simulation.models import SimulatedModel, Split
from bench.control_simulation.world import Choice, Job, World
from edge_service.control import (
    AnswerMissed,
    CloudAnswered,
    CloudLoadReported,
    CloudProfiled,
    Controller,
    ControllerConfig,
    HeadMeasured,
    OverheadMeasured,
    Phase,
    Plan,
    RoundTripMeasured,
    TailMeasured,
    UplinkMeasured,
    UploadClock,
    UploadStalled,
)
from edge_service.control.conditions import Conditions
from edge_service.control.planner import Planner

_SLOWEST_BPS = 1e3


class Blind:
    """A policy that measures nothing."""

    def watches(self) -> bool:
        """See `Policy`."""
        return False


class Fixed(Blind):
    """Always the same split, however long an answer takes."""

    def __init__(self, split: Split) -> None:
        self._choice = Choice(split)

    def choose(self, now_s: float, world: World) -> Choice:  # noqa: ARG002 - the same whatever happens
        """See `Policy`."""
        return self._choice


class Clairvoyant(Blind):
    """Knows the link's future and every queue, and ends each frame as early as possible.

    Greedy: it does not sacrifice a frame for those after it. With `spares_stages` it takes, where it can, only splits
    that keep every stage busy for less than a period; the better of the two is the oracle of a run.
    """

    def __init__(self, model: SimulatedModel, *, spares_stages: bool) -> None:
        self._model = model
        self._spares_stages = spares_stages
        self._cloud_free_s = 0.0

    def choose(self, now_s: float, world: World) -> Choice:
        """See `Policy`; asked twice for a frame, so it only remembers what it answered last."""
        priced = [(*self._ends_s(split, now_s, world), split) for split in self._model.splits]
        if self._spares_stages:
            spared = [entry for entry in priced if entry[1] * world.rate_hz < 1.0]
            priced = spared or [min(priced, key=lambda entry: entry[1])]
        return Choice(min(priced, key=lambda entry: entry[0])[2])

    def _ends_s(self, split: Split, now_s: float, world: World) -> tuple[float, float]:
        """When the frame's result is there, and how long its slowest stage is busy."""
        head_s = max(now_s, world.worker_free_s) + split.edge_s
        if not split.remote:
            return head_s, split.edge_s
        began_s = max(head_s + world.encode_s, world.link_free_s)
        ended_s = world.uplink.time_after(began_s, split.sent_bytes)
        tail_s = max(ended_s + world.rtt_s / 2, world.cloud_free_s) + split.cloud_s
        return tail_s + world.rtt_s / 2, max(split.edge_s, ended_s - began_s, split.cloud_s)


class KnowsRate(Blind):
    """The real planner, told the link's true mean rate of the last `window_s`: what estimating perfectly would give.

    Args:
        model: The model.
        window_s: Of the trace's past; its own step where shorter.
        config: Of the planner.
    """

    def __init__(self, model: SimulatedModel, window_s: float, config: ControllerConfig) -> None:
        self._model = model
        self._window_s = window_s
        self._planner = Planner(model.graph, model.edge_s, config)
        self._planner.cloud_profiled(model.cloud_s, {})

    def choose(self, now_s: float, world: World) -> Choice:
        """See `Policy`."""
        began_s = max(0.0, now_s - self._window_s)
        bps = 8.0 * world.uplink.bytes_between(began_s, now_s) / (now_s - began_s)
        fixed_s = world.rtt_s + world.encode_s
        conditions = Conditions(Phase.OFFLOADING, max(bps, _SLOWEST_BPS), fixed_s, 1.0, 1.0, world.rate_hz)
        return choice_of(self._planner.plan(conditions, now_s), self._model)


class Adaptive:
    """The real `Controller` and `UploadClock`, wired as in `edge_service.pipeline` and `edge_service.cloud`."""

    def __init__(self, model: SimulatedModel, rate_hz: float, config: ControllerConfig | None = None) -> None:
        self._model = model
        self.controller = Controller(model.graph, model.edge_s, config, rate_hz)
        self.switches = 0
        self._uploads = UploadClock()
        self._connected = False
        self._last_edge: frozenset[str] | None = None

    def watches(self) -> bool:
        """See `Policy`."""
        return True

    def choose(self, now_s: float, world: World) -> Choice:  # noqa: ARG002 - it knows only what it was told
        """See `Policy`."""
        return choice_of(self.controller.plan(now_s), self._model)

    def head_ran(self, job: Job, now_s: float) -> None:
        """Counts switches and tells the head's time."""
        plan, edge = plan_of(job), job.split.edge
        self.switches += self._last_edge is not None and edge != self._last_edge
        self._last_edge = edge
        if plan.base_head_s > 0:
            self.controller.observe(HeadMeasured(plan.base_head_s, job.split.edge_s), now_s)

    def sent(self, job: Job, now_s: float) -> None:
        """Notes an upload's beginning."""
        self._uploads.sent(job.frame_id, int(job.split.sent_bytes), now_s)

    def answered(self, job: Job, now_s: float, server_s: float) -> None:
        """As `Pipeline._measure`."""
        observe = self.controller.observe
        for sample in self._uploads.answered(job.frame_id, now_s, server_s=server_s, rtt_s=self._rtt_s(now_s)):
            observe(sample, now_s)
        observe(CloudAnswered(), now_s)
        observe(CloudLoadReported(1.0), now_s)
        if plan_of(job).base_cloud_s > 0:
            observe(TailMeasured(plan_of(job).base_cloud_s, job.split.cloud_s), now_s)
        observe(OverheadMeasured(0.001), now_s)

    def overdue(self, job: Job, now_s: float) -> None:
        """As `Pipeline._overdue`."""
        cloud_s = job.split.cloud_s
        stalled, _ = self._uploads.lost(job.frame_id, now_s, server_s=cloud_s, rtt_s=self._rtt_s(now_s))
        self.controller.observe(AnswerMissed() if stalled is None else stalled, now_s)
        self._uploads.restart()

    def late(self, oldest: Job, now_s: float) -> None:
        """As `Pipeline._watch_uploads`."""
        late = self._uploads.late(now_s, server_s=oldest.split.cloud_s, rtt_s=self._rtt_s(now_s))
        if late is not None:
            self.controller.observe(late, now_s)

    def heartbeat(self, now_s: float) -> None:
        """The stream's sign of life."""
        self.controller.observe(CloudLoadReported(1.0), now_s)

    def ping_due(self, now_s: float) -> bool:
        """As `CloudLink._measure`; the first time it connects."""
        if not self._connected and self.controller.reconnect_due(now_s):
            self._connected = True
            self.controller.observe(CloudProfiled(self._model.cloud_s), now_s)
        return self.controller.ping_due(now_s)

    def pinged(self, seconds: float, now_s: float) -> None:
        """A round trip."""
        self.controller.observe(RoundTripMeasured(seconds), now_s)

    def probe_due(self, now_s: float) -> int | None:
        """Bytes to probe with."""
        return self.controller.probe_due(now_s)

    def probed(self, size: float, seconds: float | None, now_s: float) -> None:
        """The second half of a probe by the receiver's clock, or none in time."""
        if seconds is None:
            self.controller.observe(UploadStalled(int(size), 5.0), now_s)
        else:
            self.controller.observe(UplinkMeasured(int(size), seconds, by_receiver=True), now_s)

    def _rtt_s(self, now_s: float) -> float:
        return self.controller.state(now_s).rtt_s or 0.0


def choice_of(plan: Plan, model: SimulatedModel) -> Choice:
    """A plan as the world takes it."""
    split = _split_of(model, plan.partition.edge)
    return Choice(split, plan.deadline_s, plan.in_flight, plan.partition.bottleneck_s, plan)


def plan_of(job: Job) -> Plan:
    """The plan a frame of the controller runs with."""
    if job.choice is None or job.choice.plan is None:
        raise RuntimeError("only frames that were planned are observed")
    return job.choice.plan


def _split_of(model: SimulatedModel, edge: frozenset[str]) -> Split:
    known = next((split for split in model.splits if split.edge == edge), None)
    return known or model.split_of(edge)
