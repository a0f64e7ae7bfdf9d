"""Who chooses the split of a frame in the control simulation: the real controller, and oracles."""

from collections.abc import Callable

from bench.control_simulation.jobs import Choice
from bench.control_simulation.models import SimulatedModel, Split
from bench.control_simulation.world import HEARTBEAT_S, World
from edge_service import AgentConfig
from edge_service.control import Controller, ControllerConfig, Flow, Phase, Plan
from edge_service.control.conditions import Conditions
from edge_service.control.planner import Planner

_SLOWEST_BPS = 1e3


class Clairvoyant:
    """Knows the link's future and every queue, and ends each frame as early as possible.

    Greedy: it does not sacrifice a frame for those after it. With `spares_stages` it takes, where it can, only splits
    that keep every stage busy for less than a period; the better of the two is the oracle of a run.
    """

    def __init__(self, model: SimulatedModel, *, spares_stages: bool) -> None:
        self._splits = model.splits
        self._spares_stages = spares_stages

    def __call__(self, now_s: float, world: World) -> Choice:
        priced = [(*self._ends_s(split, now_s, world), split) for split in self._splits]
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


class KnowsRate:
    """The real planner, told the link's true mean rate of the last `window_s`: what estimating perfectly would give."""

    def __init__(self, model: SimulatedModel, window_s: float) -> None:
        self._model = model
        self._window_s = window_s
        self._planner = Planner(model.graph, model.costs.edge_s, ControllerConfig(hysteresis=0.0))
        self._planner.cloud_profiled(model.costs.cloud_s, {})

    def __call__(self, now_s: float, world: World) -> Choice:
        began_s = max(0.0, now_s - self._window_s)
        bps = 8.0 * world.uplink.bytes_between(began_s, now_s) / (now_s - began_s)
        fixed_s = world.rtt_s + world.encode_s
        conditions = Conditions(Phase.OFFLOADING, max(bps, _SLOWEST_BPS), fixed_s, 1.0, 1.0, world.rate_hz)
        return choice_of(planned(self._planner, lambda: self._planner.plan(conditions, now_s), now_s), self._model)


class Adaptive:
    """The real `Controller` behind the real `Flow`, which the world tells what an edge sees."""

    def __init__(self, model: SimulatedModel, rate_hz: float) -> None:
        self._model = model
        self._controller = Controller(model.graph, model.costs.edge_s, None, rate_hz)
        self.flow = Flow(self._controller, silence_s=AgentConfig().silence_s, heartbeat_s=HEARTBEAT_S)

    def __call__(self, now_s: float, world: World) -> Choice:  # noqa: ARG002 - it knows only what it was told
        return choice_of(planned(self._controller, lambda: self._controller.plan(now_s), now_s), self._model)


def planned(planner: Planner | Controller, plan: Callable[[], Plan], now_s: float) -> Plan:
    """A plan after the work that is due in the background, which takes no time here."""
    made = plan()
    while (job := planner.work_due(now_s)) is not None:
        planner.work_ended(job, job.run(), now_s)
        made = plan()
    return made


def choice_of(plan: Plan, model: SimulatedModel) -> Choice:
    return Choice(model.split_of(plan.partition.edge), plan.in_flight, plan)
