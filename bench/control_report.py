"""What `bench.control_simulation` found, as a page to read."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.control_simulation import Case, Run
    from bench.control_traces import LinkCase

_DROPPING = ("adaptive", "oracle", "best_fixed", "edge_only", "cloud_only")
_INTRO = """# Control on changing links, simulated

Made by `python -m bench.control_simulation`; simulated time, deterministic, nothing is measured but the models' layer
times (`control_profiles.json`). {models} models and edges at 1, 2, 5 and 10 frames per second, 138 s each. RTT 50 ms. A
ratio is a mean latency over that of the case's oracle, the best informed policy; tables give geometric means of cases.
Cases in which no informed policy keeps up (more than 1 % dropped) are only in the last table.

- *causal*: the real planner, told the link's true mean rate of the last 0.1, 0.5 or 1 s (the best of the three).
- *best fixed*: the best split for the whole run, chosen in hindsight.
"""


def markdown(cases: Sequence[Case], links: Sequence[LinkCase]) -> str:
    """The page."""
    lines = [_INTRO.format(models=len({case.model for case in cases}))]
    lines += _by_link(cases, links)
    lines += _by_case([case for case in cases if case.link == links[0].name and not case.overloaded], links[0].name)
    lines += _overloaded(cases, links)
    return "\n".join(lines) + "\n"


def _by_link(cases: Sequence[Case], links: Sequence[LinkCase]) -> list[str]:
    head = (
        "| link | cases | adaptive | worst | p50 | p95 | causal | best fixed | edge-only | cloud-only | switches/s "
        "| fallback | dropped | missed |"
    )
    lines = [head, "|" + "---|" * head.count(" |")]
    for link in links:
        kept = [case for case in cases if case.link == link.name and not case.overloaded]
        if not kept:
            continue
        ratios = [_ratio(case, case.adaptive) for case in kept]
        lines.append(
            f"| {link.name}: {link.what} | {len(kept)} | **{_mean(ratios)}** | {max(ratios):.2f} "
            f"| {_mean([case.adaptive.p50_s / case.oracle.p50_s for case in kept])} "
            f"| {_mean([case.adaptive.p95_s / case.oracle.p95_s for case in kept])} "
            f"| {_over(kept, causal)} | {_over(kept, lambda case: case.best_fixed)} "
            f"| {_over(kept, lambda case: case.edge_only)} | {_over(kept, lambda case: case.cloud_only)} "
            f"| {max(case.adaptive.switches_hz for case in kept):.2f} "
            f"| {_percent([case.adaptive.fallback for case in kept])} "
            f"| {_percent([case.adaptive.dropped for case in kept])} "
            f"| {sum(case.adaptive.missed for case in cases if case.link == link.name)} |"
        )
    return lines


def _by_case(kept: Sequence[Case], link: str) -> list[str]:
    head = (
        "| model | frames/s | oracle ms | adaptive | p95 | causal | best fixed | edge-only / oracle's | switches/s "
        "| dropped / oracle's |"
    )
    lines = ["", f"## {link}, case by case", "", head, "|" + "---|" * head.count(" |")]
    lines += [
        f"| {case.model} | {case.rate_hz:g} | {case.oracle.mean_s * 1e3:.0f} | {_ratio(case, case.adaptive):.3f} "
        f"| {case.adaptive.p95_s / case.oracle.p95_s:.2f} | {_ratio(case, causal(case)):.3f} "
        f"| {_ratio(case, case.best_fixed):.3f} | {case.adaptive.edge_only:.0%} / {case.oracle.edge_only:.0%} "
        f"| {case.adaptive.switches_hz:.2f} | {case.adaptive.dropped:.1%} / {case.oracle.dropped:.1%} |"
        for case in kept
    ]
    return lines


def _overloaded(cases: Sequence[Case], links: Sequence[LinkCase]) -> list[str]:
    lines = [
        "",
        "## Overloaded: what is dropped",
        "",
        "| link | cases | adaptive | oracle | best fixed | edge-only | cloud-only | adaptive's latency / oracle's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for link in links:
        kept = [case for case in cases if case.link == link.name and case.overloaded]
        if kept:
            drops = [_percent([getattr(case, policy).dropped for case in kept]) for policy in _DROPPING]
            lines.append(f"| {link.name} | {len(kept)} | {' | '.join(drops)} | {_over(kept, lambda c: c.adaptive)} |")
    return lines


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
