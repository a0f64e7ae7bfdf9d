"""What is believed of each replica behind a cloud's address: its speed, load, overhead and round trip, never mixed.

Frames, pings, probes, profiles and heartbeats may reach different replicas. Decisions ask for the one that answers the
frames now. There is one decision table; a replica is a factor on its times, unless its layers differ in another way.

Laws:

- time is an argument; nothing here reads a clock;
- what one replica reports or does changes no estimate of another;
- at most `most` replicas are remembered, whatever names a peer invents: the one that was seen longest ago is forgotten;
- the factor is positive and finite; a replica without a profile is taken to be as fast as the table says, and its
  answers tell otherwise.
"""

import math
from collections.abc import Mapping

from edge_service.control.estimators.load import LoadEstimator
from edge_service.control.estimators.overhead import OverheadEstimator
from edge_service.control.estimators.round_trip import RoundTripEstimator
from edge_service.control.events import (
    CloudLoadReported,
    CloudProfiled,
    OverheadMeasured,
    ReplicaAnswers,
    TailMeasured,
)

ReplicaEvent = CloudProfiled | CloudLoadReported | TailMeasured | OverheadMeasured | ReplicaAnswers

_TAILS_FRESH_S = 5.0
_LATELY_S = 900.0
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 64.0
_SAME_SHAPE = 0.10
_MOST_TIMES_SLOWER = 100.0


class _Replica:
    """One replica's estimates; its load is relative to its own profile, or to the table while it has none."""

    def __init__(self) -> None:
        self.profile: CloudProfiled | None = None
        self.speed = 1.0
        self.load = LoadEstimator()
        self.overhead = OverheadEstimator()
        self.round_trip = RoundTripEstimator()
        self.tail_at_s = -math.inf
        self.seen_s = -math.inf
        self.ask_at_s = -math.inf
        self.pause_s = _FIRST_PAUSE_S


class Replicas:
    """The replicas of one cloud.

    Args:
        most: How many are remembered.

    Attributes:
        table: The profile that the decision table has; None before the first.
    """

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._known: dict[str, _Replica] = {"": _Replica()}
        self._name = ""
        self.table: CloudProfiled | None = None

    @property
    def answering(self) -> str:
        """The replica that answers the frames; empty while unknown, and with a cloud that names none."""
        return self._name

    @property
    def profile(self) -> CloudProfiled | None:
        """The profile of the replica that answers; None while it has none."""
        return self._now.profile

    @property
    def round_trip(self) -> RoundTripEstimator:
        """The round trips of pings while this replica answered; pings themselves name none."""
        return self._now.round_trip

    def load_factor(self, now_s: float) -> float:
        """How many times slower than the table says the answering replica is."""
        return self._now.speed * self._now.load.factor(now_s)

    def overhead_s(self, now_s: float) -> float:
        """What a call to the answering replica costs besides upload, round trip and computation."""
        return self._now.overhead.seconds(now_s)

    def seen(self, now_s: float) -> int:
        """How many replicas named themselves lately, at most as many as are remembered."""
        return sum(now_s - replica.seen_s <= _LATELY_S for name, replica in self._known.items() if name)

    def observe(self, event: ReplicaEvent, now_s: float) -> None:
        """Takes what one replica did; an event without a name is about the one that answers.

        Complexity: linear in the layers for a profile, constant for all else.
        """
        if isinstance(event, CloudProfiled):
            self._profiled(event, now_s)
            return
        if isinstance(event, ReplicaAnswers):
            self._answers(event.replica, now_s)
            return
        replica = self._of(event.replica, now_s)
        match event:
            case OverheadMeasured(seconds):
                replica.overhead.add(seconds, now_s)
            case TailMeasured(predicted_s, measured_s):
                replica.tail_at_s = now_s
                replica.load.add(replica.speed * predicted_s, measured_s, now_s)
            case CloudLoadReported(factor):
                # While our own tails are measured there, its average over all clients is less exact, so it is ignored.
                if now_s - replica.tail_at_s > _TAILS_FRESH_S:
                    replica.load.reported(factor, now_s)

    def profile_due(self, now_s: float) -> bool:
        """Whether to ask for a profile, because the answering replica has none.

        A balancer may pass the question to another replica, so it is asked again, after pauses that double. True counts
        as asked.
        """
        replica = self._now
        if self.table is None or not self._name or replica.profile is not None or now_s < replica.ask_at_s:
            return False
        replica.ask_at_s = now_s + replica.pause_s
        replica.pause_s = min(2.0 * replica.pause_s, _LONGEST_PAUSE_S)
        return True

    @property
    def _now(self) -> _Replica:
        return self._known[self._name]

    def _of(self, name: str, now_s: float) -> _Replica:
        name = name or self._name
        replica = self._known.pop(name, None) or _Replica()
        self._known[name] = replica  # the order is that of being seen
        replica.seen_s = now_s
        while len(self._known) > self._most:
            del self._known[next(other for other in self._known if other not in (self._name, name))]
        return replica

    def _profiled(self, event: CloudProfiled, now_s: float) -> None:
        if not event.again:
            self._answers(event.replica, now_s)  # the best guess until the first answer
        replica = self._of(event.replica, now_s)
        if replica.profile is None or replica.profile.cloud_s != event.cloud_s:
            replica.load = LoadEstimator()  # it was relative to other times
            replica.tail_at_s = -math.inf
        replica.profile = event
        if replica is self._now:
            self._choose_table(event, keeps=bool(event.replica))
        elif self.table is not None:
            replica.speed = _factor(self.table.cloud_s, event.cloud_s) or 1.0

    def _answers(self, name: str, now_s: float) -> None:
        if name == self._name:
            return
        before = self._now
        if not self._name and before.profile is None and name not in self._known:
            self._known[name] = self._known.pop("")  # it only had not said its name yet
        self._name = name
        replica = self._of(name, now_s)
        if replica.round_trip.minimum_s is None and before.round_trip.minimum_s is not None:
            replica.round_trip.add(before.round_trip.minimum_s, now_s)  # that of the way there, until the next ping
        if replica.profile is not None:
            self._choose_table(replica.profile, keeps=True)

    def _choose_table(self, profile: CloudProfiled, *, keeps: bool) -> None:
        """Keeps the table, with a factor, if that fits the answering replica; else its profile becomes the table."""
        speed = None if self.table is None or not keeps else _factor(self.table.cloud_s, profile.cloud_s)
        if speed is not None and self.table is not None and _same_encodings(self.table.decode_s, profile.decode_s):
            self._now.speed = speed
            return
        self.table = profile
        for replica in self._known.values():
            if replica.profile is not None:
                replica.speed = _factor(profile.cloud_s, replica.profile.cloud_s) or 1.0
        self._now.speed = 1.0


def _factor(table_s: tuple[float, ...], cloud_s: tuple[float, ...]) -> float | None:
    """How many times as long as the table's the replica's layers take; None if they differ in another way.

    The layers' deviations from that factor are added up, so that a layer counts as much as the time it takes.
    """
    table_whole_s, whole_s = sum(table_s), sum(cloud_s)
    if len(table_s) != len(cloud_s) or not (table_whole_s > 0.0 and whole_s > 0.0):
        return None
    factor = whole_s / table_whole_s
    if not 1.0 / _MOST_TIMES_SLOWER <= factor <= _MOST_TIMES_SLOWER:
        return None
    off_s = sum(abs(there_s - factor * here_s) for here_s, there_s in zip(table_s, cloud_s, strict=True))
    return factor if off_s <= _SAME_SHAPE * whole_s else None


def _same_encodings(one: Mapping[str, tuple[float, ...]], other: Mapping[str, tuple[float, ...]]) -> bool:
    """Whether both replicas accept the same encodings; how fast they decode is part of the factor."""
    return one.keys() == other.keys()
