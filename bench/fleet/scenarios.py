"""What fleets are asked: where a cloud saturates, how two clouds are shared, and how long ten thousand cameras take."""

import resource
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from bench.fleet.simulate import Ran, simulate
from bench.fleet.spec import CloudSpec, FleetSpec
from bench.fleet.tally import Outcome, Tally

BIN_S = 10
SATURATION = (0.25, 0.5, 0.75, 0.9, 1.0, 1.25, 1.5, 2.0)
FIXED = (0.5, 0.6, 0.67, 0.75, 0.85)
_TAIL_S = 0.0519  # the whole of the simulated model in a place of a cloud


def saturation(seconds: float, places: int) -> list[dict[str, Any]]:
    """One replica and ever more cameras; the load is what their tails would take of its places, were all sent."""
    rows = []
    for load in SATURATION:
        edges = round(load * places / (_TAIL_S * 0.5))
        ran = simulate(FleetSpec(edges, 0.5, (CloudSpec(1, places=places),), seconds=seconds))
        rows.append({"load": load, "edges": edges, **_told(ran.tally), "busy": _rounded(ran.busy[0][0])})
    return rows


def two_clouds(seconds: float, replicas: int) -> dict[str, Any]:
    """Two clouds, the second with half the places of the first: with equal shares it is twice as loaded.

    The best share is found by fleets in which each edge stays with one cloud.
    """
    clouds = CloudSpec(replicas, places=2), CloudSpec(replicas, places=1)
    spec = FleetSpec(85 * replicas, 0.5, clouds, seconds=seconds, beat_s=1.0)
    fixed = [{"share": share, **_shared(simulate(replace(spec, fixed=share)))} for share in FIXED]
    chosen = simulate(spec)
    shares = _shares(chosen.tally)
    settled = _rounded(float(np.mean(shares[len(shares) // 2 :])))
    return {"fixed": fixed, "chosen": {"share": settled, **_shared(chosen)}, "shares": shares}


def large(edges: int, seconds: float) -> dict[str, Any]:
    """A large fleet at a frame in 2 s each, whose tails take about two thirds of the places."""
    replicas = max(2, round(edges * 0.5 * _TAIL_S / 0.65 / 4))
    spec = FleetSpec(edges, 0.5, (CloudSpec(replicas, places=4),), seconds=seconds, beat_s=2.0)
    began_s = time.perf_counter()
    ran = simulate(spec, processes=2)
    wall_s = time.perf_counter() - began_s
    peaks_kb = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    busy = [share for cloud in ran.busy for share in cloud]
    return {
        "edges": edges,
        "seconds": seconds,
        "replicas": replicas,
        "wall_s": _rounded(wall_s),
        "memory_mb": _rounded((peaks_kb[0] + 2 * peaks_kb[1]) / 1000),
        **_told(ran.tally),
        "busy": _rounded(float(np.mean(busy))),
        "busiest": _rounded(max(busy)),
        "answered_shares": _by_time(ran.tally, Outcome.ANSWERED),
    }


def _told(tally: Tally) -> dict[str, Any]:
    frames = tally.total(Outcome.SUBMITTED)
    of = {name: _rounded(tally.total(outcome) / frames) for name, outcome in _NAMES.items()}
    answered, here = np.frombuffer(tally.answered_s, np.float32), np.frombuffer(tally.here_s, np.float32)
    together = np.concatenate([answered, here])
    steady = _by_time(tally, Outcome.ANSWERED)[1:]
    return {
        "frames": frames,
        **of,
        "mean_s": _rounded(float(together.mean())),
        "p95_s": _rounded(float(np.percentile(together, 95))),
        "answered_mean_s": _rounded(float(answered.mean())) if len(answered) else None,
        "here_mean_s": _rounded(float(here.mean())) if len(here) else None,
        "switches_per_minute": _rounded(_per_minute(tally, tally.switches)),
        "largest_step": _rounded(max((abs(one - other) for one, other in pairwise(steady)), default=0.0)),
    }


_NAMES = {
    "answered": Outcome.ANSWERED,
    "alone": Outcome.ALONE,
    "fell_back": Outcome.FELL_BACK,
    "dropped": Outcome.DROPPED,
    "refused": Outcome.REFUSED,
    "missed": Outcome.MISSED,
}


def _shared(ran: Ran) -> dict[str, Any]:
    told = _told(ran.tally)
    kept = ("mean_s", "p95_s", "answered", "refused", "switches_per_minute")
    changes = _rounded(_per_minute(ran.tally, ran.tally.changes))
    return {**{name: told[name] for name in kept}, "changes_per_minute": changes}


def _per_minute(tally: Tally, changes: list[int]) -> float:
    """By edge and minute, after the first change of each, which begins to offload or finds the better cloud."""
    return float(np.mean([max(0, each - 1) for each in changes])) / (tally.seconds / 60.0)


def _by_time(tally: Tally, outcome: Outcome) -> list[float]:
    came, ended = _binned(tally.counts[Outcome.SUBMITTED]), _binned(tally.counts[outcome])
    return [_rounded(part / whole) if whole else 0.0 for part, whole in zip(ended, came, strict=True)]


def _shares(tally: Tally) -> list[float]:
    """By time, the first cloud's share of the frames that were sent to one of the two."""
    first, second = map(_binned, tally.sent_to)
    return [_rounded(one / (one + other)) if one + other else 0.0 for one, other in zip(first, second, strict=True)]


def _binned(counts: list[int]) -> list[int]:
    return [sum(counts[at : at + BIN_S]) for at in range(0, len(counts) - BIN_S + 1, BIN_S)]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
