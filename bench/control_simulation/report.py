"""What `bench.control_simulation` found, as a page to read."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from bench.publishing.figures import Figure, Row, table
from bench.publishing.publish import Report, from_text

# Over the oracle; switches per second; results that never come.
WANTED, WANTED_SWITCHES_HZ, WANTED_MISSED = 1.05, 0.5, 0.0
# An oracle that drops more is overloaded, and latencies of what it did not drop compare nothing.
MOST_DROPPED = 0.01

_FIXED = {"best fixed": "best_fixed", "edge-only": "edge_only", "cloud-only": "cloud_only"}
_WHY = "the oracle knows the rates to come; what the best causal policy misses it by is beside it in the table"


def report(data: Row) -> Report:
    links = data["links"]
    # The best of the policies that know the present rate and not the future.
    cases = [{**case, "causal": min(case["knows_rate"].values(), key=_mean_s)} for case in data["cases"]]
    kept = [case for case in cases if case["oracle"]["dropped"] <= MOST_DROPPED]
    name, recorded = next(iter(links.items()))
    lte = [case for case in kept if case["link"] == name]
    over = statistics.geometric_mean(_ratio(case, "adaptive") for case in lte)
    switches_hz = max(case["adaptive"]["switches_hz"] for case in lte)
    missed = {link: sum(case["adaptive"]["missed"] for case in cases if case["link"] == link) for link in links}
    return from_text(
        __file__,
        [
            Figure(f"{recorded}: mean latency of adaptive over the oracle's", WANTED, over, "x", why=_WHY),
            Figure(f"{recorded}: switches per second, worst case", WANTED_SWITCHES_HZ, switches_hz),
            Figure("frames without a result, all cases", WANTED_MISSED, sum(missed.values())),
        ],
        models=len({case["model"] for case in cases}),
        recorded=recorded,
        by_link=table(
            {"link": f"{link}: {links[link]}", **_of_link(found), "missed": missed[link]}
            for link, found in _by_link(kept, links)
        ),
        by_case=table(map(_of_case, lte)),
        overloaded=table(
            {"link": link, **_of_overloaded(found)}
            for link, found in _by_link([case for case in cases if case not in kept], links)
        ),
    )


def _by_link(cases: Sequence[Row], links: Row) -> list[tuple[str, list[Row]]]:
    found = [(link, [case for case in cases if case["link"] == link]) for link in links]
    return [(link, of_link) for link, of_link in found if of_link]


def _of_link(cases: list[Row]) -> dict[str, Any]:
    ratios = [_ratio(case, "adaptive") for case in cases]
    adaptive = [case["adaptive"] for case in cases]
    return {
        "cases": len(cases),
        "adaptive": f"**{_mean(ratios)}**",
        "worst": f"{max(ratios):.2f}",
        **{p: _mean([_ratio(case, "adaptive", f"{p}_s") for case in cases]) for p in ("p50", "p95")},
        **{name: _over(cases, policy) for name, policy in {"causal": "causal", **_FIXED}.items()},
        "switches/s": f"{max(run['switches_hz'] for run in adaptive):.2f}",
        **{share: _percent(run[share] for run in adaptive) for share in ("fallback", "dropped")},
    }


def _of_case(case: Row) -> dict[str, str]:
    adaptive, oracle = case["adaptive"], case["oracle"]
    return {
        "model": case["model"],
        "frames/s": f"{case['rate_hz']:g}",
        "oracle, ms": f"{oracle['mean_s'] * 1e3:.0f}",
        "adaptive": f"{_ratio(case, 'adaptive'):.3f}",
        "p95": f"{_ratio(case, 'adaptive', 'p95_s'):.2f}",
        "causal": f"{_ratio(case, 'causal'):.3f}",
        "best fixed": f"{_ratio(case, 'best_fixed'):.3f}",
        "edge-only / oracle's": f"{adaptive['edge_only']:.0%} / {oracle['edge_only']:.0%}",
        "switches/s": f"{adaptive['switches_hz']:.2f}",
        "dropped / oracle's": f"{adaptive['dropped']:.1%} / {oracle['dropped']:.1%}",
    }


def _of_overloaded(cases: list[Row]) -> dict[str, Any]:
    policies = {"adaptive": "adaptive", "oracle": "oracle", **_FIXED}
    drops = {name: _percent(case[policy]["dropped"] for case in cases) for name, policy in policies.items()}
    return {"cases": len(cases), **drops, "adaptive's latency / oracle's": _over(cases, "adaptive")}


def _mean_s(run: Row) -> float:
    return float(run["mean_s"])


def _ratio(case: Row, policy: str, what: str = "mean_s") -> float:
    """A policy's latency over the oracle's."""
    return float(case[policy][what] / case["oracle"][what])


def _over(cases: list[Row], policy: str) -> str:
    return _mean([_ratio(case, policy) for case in cases])


def _mean(ratios: list[float]) -> str:
    return f"{statistics.geometric_mean(ratios):.3f}"


def _percent(shares: Iterable[float]) -> str:
    return f"{statistics.mean(shares):.1%}"
