"""A simulated edge: its worker, its uplink, and the agent's own control code, which chooses splits and clouds."""

import random
from collections import deque
from collections.abc import Iterable, Mapping

from bench.control_simulation.models import SimulatedModel, Split
from bench.fleet.control import Control
from bench.fleet.frame import Frame
from bench.fleet.replica import Replica
from bench.fleet.seat import Seat, Terms
from bench.fleet.tally import Outcome, Tally
from bench.fleet.uplink import Uplink
from edge_service.control import Plan

_MOST_WAITING, _MOST_IN_FLIGHT = 2, 8  # edge_service.config.AgentConfig


class KnownSplits:
    """The splits of the cameras' model by their layers on the edge; found once for all edges."""

    def __init__(self, model: SimulatedModel) -> None:
        self._model = model
        self._found: dict[frozenset[str], Split] = {}

    def of(self, edge: frozenset[str]) -> Split:
        """The split that has these layers on the edge."""
        split = self._found.get(edge)
        if split is None:
            split = self._found[edge] = self._model.split_of(edge)
        return split


class Edge:
    """One camera.

    Args:
        terms: What it has in common with others.
        splits: Those of its model.
        control: Decides.
        replicas: The clouds that it may use, and of each the replica that serves it for the whole run.
        uplink: Its link.
        tally: Counts its frames.
        rng: Its own, so that its noise does not depend on the others.
    """

    def __init__(
        self,
        terms: Terms,
        splits: KnownSplits,
        control: Control,
        replicas: Mapping[int, Replica],
        uplink: Uplink,
        tally: Tally,
        rng: random.Random,
    ) -> None:
        self._spec, self._clock, self._splits, self._tally, self._rng = terms.spec, terms.clock, splits, tally, rng
        self._control = control
        self._clouds = tuple(replicas)
        served = zip(control.flows, replicas.values(), strict=True)
        self._seats = [Seat(terms, flow, replica, uplink, self, rng) for flow, replica in served]
        self._worker_free_s = 0.0
        self._waiting: deque[tuple[int, float]] = deque()
        self._working = False
        self._local = self._frames = 0
        self._serial = self._cloud = -1
        self.switches = self.changes = 0
        self._next_s = 1.0 + rng.random() / self._spec.rate_hz
        self._clock.at(self._next_s, self._arrive)

    def is_idle(self) -> bool:
        """Whether no frame waits or is under way."""
        return not (self._waiting or self._working or self._local or any(seat.in_flight for seat in self._seats))

    # --- head

    def _arrive(self, _: object, now_s: float) -> None:
        self._waiting.append((self._frames, now_s))
        self._frames += 1
        self._next_s += 1.0 / self._spec.rate_hz
        if self._next_s < self._spec.seconds:
            self._clock.at(self._next_s, self._arrive)
        self._tally.count(Outcome.SUBMITTED, now_s)
        if len(self._waiting) > _MOST_WAITING:
            self._tally.count(Outcome.DROPPED, self._waiting.popleft()[1])
        self._start_heads(now_s)

    def _start_heads(self, now_s: float) -> None:
        if self._working or not self._waiting:
            return
        for seat in self._seats:
            seat.keep_warm(now_s)
        plan = self._control.controller.plan(now_s)
        under_way = self._local + sum(seat.in_flight for seat in self._seats)
        if under_way >= min(plan.in_flight, _MOST_IN_FLIGHT):
            return
        frame = Frame(*self._waiting.popleft(), plan, self._splits.of(plan.partition.edge))
        self._note_changes(plan, frame)
        self._working = True
        self._clock.at(self._work(frame.split.edge_s, now_s), self._head_done, frame)

    def _note_changes(self, plan: Plan, frame: Frame) -> None:
        if plan.serial != self._serial:
            if self._serial >= 0:
                self.switches += 1
                self._tally.count(Outcome.SWITCHED, frame.arrived_s)
            self._serial = plan.serial
        if frame.split.remote and plan.cloud != self._cloud:
            if self._cloud >= 0:
                self.changes += 1
                self._seats[self._cloud].leave()
            self._cloud = plan.cloud

    def _work(self, seconds: float, now_s: float) -> float:
        self._worker_free_s = max(self._worker_free_s, now_s) + seconds * self._noise()
        return self._worker_free_s

    def _noise(self) -> float:
        return 1.0 + self._spec.noise * (2.0 * self._rng.random() - 1.0)

    def _head_done(self, frame: Frame, now_s: float) -> None:
        self._working = False
        self._control.flows[0].head_ran(frame.plan, frame.split.edge_s * self._noise(), now_s)
        if frame.split.remote:
            self._tally.sent(self._clouds[frame.plan.cloud], frame.arrived_s)
            self._seats[frame.plan.cloud].hand_over(frame, self._spec.encode_s, now_s)
        else:
            self._ended(frame, Outcome.ALONE, now_s)
        self._start_heads(now_s)

    # --- how frames end

    def answered(self, frame: Frame, now_s: float) -> None:
        """A cloud answered a frame."""
        self._ended(frame, Outcome.ANSWERED, now_s)
        self._start_heads(now_s)

    def refused(self, frame: Frame, now_s: float) -> None:
        """A cloud is overloaded."""
        self._tally.count(Outcome.REFUSED, frame.arrived_s)
        self._given_back(frame, now_s)
        self._start_heads(now_s)

    def missed(self, frames: Iterable[Frame], now_s: float) -> None:
        """A cloud did not answer in time."""
        for frame in frames:
            self._tally.count(Outcome.MISSED, frame.arrived_s)
            self._given_back(frame, now_s)

    def _given_back(self, frame: Frame, now_s: float) -> None:
        """Another cloud gets it, or it is finished here, as in `edge_service.pipeline.offloading`."""
        if len(self._seats) > 1:
            frame.tried.add(frame.plan.cloud)
            plan = self._control.controller.elsewhere(frame.plan, frame.tried, frame.due_s - now_s, now_s)
            if plan is not None:
                frame.plan = plan
                self._seats[plan.cloud].hand_over(frame, 0.0, now_s)
                return
        self._local += 1
        self._clock.at(self._work(frame.split.rest_s, now_s), self._finished_here, frame)

    def _finished_here(self, frame: Frame, now_s: float) -> None:
        self._local -= 1
        self._ended(frame, Outcome.FELL_BACK, now_s)
        self._start_heads(now_s)

    def _ended(self, frame: Frame, outcome: Outcome, now_s: float) -> None:
        self._tally.count(outcome, frame.arrived_s)
        self._tally.took(outcome, now_s - frame.arrived_s)
