"""What `bench.control_simulation` found, as a page to read."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.control_simulation.cases import Case, Run
from bench.publishing.figures import Figure, table
from bench.publishing.publish import Report

# Over the oracle; switches per second; results that never come.
WANTED, WANTED_SWITCHES_HZ, WANTED_MISSED = 1.05, 0.5, 0.0

_DROPPING = {
    "adaptive": "adaptive",
    "oracle": "oracle",
    "best fixed": "best_fixed",
    "edge-only": "edge_only",
    "cloud-only": "cloud_only",
}
_METHOD = (
    "Simulated time, deterministic: nothing is measured but the models' layer times (`control_profiles.json`). "
    "{models} models and edges at 1, 2, 5 and 10 frames per second, 138 s each. RTT 50 ms. A ratio is a mean latency "
    "over that of the case's oracle, the best informed policy; tables give geometric means of cases. Cases in which "
    "no informed policy keeps up (more than 1 % dropped) are only in the last table. *Causal*: the real planner, told "
    "the link's true mean rate of the last 0.1, 0.5 or 1 s (the best of the three). *Best fixed*: the best split for "
    "the whole run, chosen in hindsight."
)
_WHY = "the oracle knows the rates to come; what the best causal policy misses it by is beside it in the table"


def report(data: Mapping[str, Any]) -> Report:
    cases = [Case.from_json(case) for case in data["cases"]]
    links: Mapping[str, str] = data["links"]
    recorded = next(iter(links))
    kept = [case for case in cases if case.link == recorded and not case.overloaded]
    over = statistics.geometric_mean(_ratio(case, case.adaptive) for case in kept)
    switches_hz = max(case.adaptive.switches_hz for case in kept)
    return Report(
        title="Control on changing links, simulated",
        method=_METHOD.format(models=len({case.model for case in cases})),
        figures=[
            Figure(f"{links[recorded]}: mean latency of adaptive over the oracle's", WANTED, over, "x", why=_WHY),
            Figure(f"{links[recorded]}: switches per second, worst case", WANTED_SWITCHES_HZ, switches_hz),
            Figure("frames without a result, all cases", WANTED_MISSED, sum(case.adaptive.missed for case in cases)),
        ],
        body=[
            *[*_by_link(cases, links), ""],
            *[f"## Case by case: {links[recorded]}", "", *_by_case(kept), ""],
            *["## Overloaded: what is dropped", "", *_overloaded(cases, links)],
        ],
    )


def _by_link(cases: Sequence[Case], links: Mapping[str, str]) -> list[str]:
    cells = []
    for link, what in links.items():
        kept = [case for case in cases if case.link == link and not case.overloaded]
        if not kept:
            continue
        ratios = [_ratio(case, case.adaptive) for case in kept]
        cells.append(
            {
                "link": f"{link}: {what}",
                "cases": len(kept),
                "adaptive": f"**{_mean(ratios)}**",
                "worst": f"{max(ratios):.2f}",
                "p50": _mean([case.adaptive.p50_s / case.oracle.p50_s for case in kept]),
                "p95": _mean([case.adaptive.p95_s / case.oracle.p95_s for case in kept]),
                "causal": _over(kept, causal),
                "best fixed": _over(kept, lambda case: case.best_fixed),
                "edge-only": _over(kept, lambda case: case.edge_only),
                "cloud-only": _over(kept, lambda case: case.cloud_only),
                "switches/s": f"{max(case.adaptive.switches_hz for case in kept):.2f}",
                "fallback": _percent([case.adaptive.fallback for case in kept]),
                "dropped": _percent([case.adaptive.dropped for case in kept]),
                "missed": sum(case.adaptive.missed for case in cases if case.link == link),
            }
        )
    return table(cells)


def _by_case(kept: Sequence[Case]) -> list[str]:
    return table(
        {
            "model": case.model,
            "frames/s": f"{case.rate_hz:g}",
            "oracle, ms": f"{case.oracle.mean_s * 1e3:.0f}",
            "adaptive": f"{_ratio(case, case.adaptive):.3f}",
            "p95": f"{case.adaptive.p95_s / case.oracle.p95_s:.2f}",
            "causal": f"{_ratio(case, causal(case)):.3f}",
            "best fixed": f"{_ratio(case, case.best_fixed):.3f}",
            "edge-only / oracle's": f"{case.adaptive.edge_only:.0%} / {case.oracle.edge_only:.0%}",
            "switches/s": f"{case.adaptive.switches_hz:.2f}",
            "dropped / oracle's": f"{case.adaptive.dropped:.1%} / {case.oracle.dropped:.1%}",
        }
        for case in kept
    )


def _overloaded(cases: Sequence[Case], links: Mapping[str, str]) -> list[str]:
    cells = []
    for link in links:
        kept = [case for case in cases if case.link == link and case.overloaded]
        if kept:
            drops = {
                name: _percent([getattr(case, policy).dropped for case in kept]) for name, policy in _DROPPING.items()
            }
            over = {"adaptive's latency / oracle's": _over(kept, lambda case: case.adaptive)}
            cells.append({"link": link, "cases": len(kept), **drops, **over})
    return table(cells)


def causal(case: Case) -> Run:
    """The best of the policies that know the present rate and not the future."""
    return min(case.knows_rate.values(), key=lambda run: run.mean_s)


def _ratio(case: Case, run: Run) -> float:
    return run.mean_s / case.oracle.mean_s


def _over(cases: Sequence[Case], run: Callable[[Case], Run]) -> str:
    return _mean([_ratio(case, run(case)) for case in cases])


def _mean(ratios: Sequence[float]) -> str:
    return f"{statistics.geometric_mean(ratios):.3f}"


def _percent(shares: Sequence[float]) -> str:
    return f"{statistics.mean(shares):.1%}"
