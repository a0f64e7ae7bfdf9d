"""Who chooses the split of a frame in the control simulation: the real controller, fixed splits, and oracles."""

from bench.control_simulation.jobs import Choice
from bench.control_simulation.models import SimulatedModel, Split
from bench.control_simulation.world import HEARTBEAT_S, World
from edge_service import AgentConfig
from edge_service.control import Controller, ControllerConfig, Flow, Phase, Plan
from edge_service.control.conditions import Conditions
from edge_service.control.planner import Planner

_SLOWEST_BPS = 1e3


class Fixed:
    """Always the same split, however long an answer takes."""

    def __init__(self, split: Split) -> None:
        self._choice = Choice(split)

    def choose(self, now_s: float, world: World) -> Choice:  # noqa: ARG002 - the same whatever happens
        """See `Policy`."""
        return self._choice


class Clairvoyant:
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


class KnowsRate:
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
    """The real `Controller` behind the real `Flow`, which the world tells what an edge sees."""

    def __init__(self, model: SimulatedModel, rate_hz: float, config: ControllerConfig | None = None) -> None:
        self._model = model
        self._controller = Controller(model.graph, model.edge_s, config, rate_hz)
        self.flow = Flow(self._controller, silence_s=AgentConfig().silence_s, heartbeat_s=HEARTBEAT_S)
        self.cloud_s = model.cloud_s

    def choose(self, now_s: float, world: World) -> Choice:  # noqa: ARG002 - it knows only what it was told
        """See `Policy`."""
        return choice_of(self._controller.plan(now_s), self._model)


def choice_of(plan: Plan, model: SimulatedModel) -> Choice:
    """A plan as the world takes it."""
    return Choice(_split_of(model, plan.partition.edge), plan.in_flight, plan)


def _split_of(model: SimulatedModel, edge: frozenset[str]) -> Split:
    known = next((split for split in model.splits if split.edge == edge), None)
    return known or model.split_of(edge)
