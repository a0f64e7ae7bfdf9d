"""What control costs on a changing link: the real controller against oracles and fixed splits, in simulated time.

Every model, edge and frame rate runs on every link by each policy (`bench.control_simulation.policies`), and with every
split that may be best, kept for the whole run. `--profile` measures the models anew first.
"""

import statistics
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any

from bench.control_simulation.jobs import Choice
from bench.control_simulation.models import MODELS, SimulatedModel, load, measure
from bench.control_simulation.policies import Adaptive, Clairvoyant, KnowsRate
from bench.control_simulation.report import MOST_DROPPED, report
from bench.control_simulation.traces import LinkCase, link_cases
from bench.control_simulation.world import Policy, World
from bench.publishing.harness import Benchmark, Run
from edge_service.control import Flow

SLOWDOWNS = (8.0, 20.0)
RATES_HZ = (1.0, 2.0, 5.0, 10.0)
RUN_S = 138.0
WINDOWS_S = (0.1, 0.5, 1.0)

# Latencies in seconds, of frames with a result; shares of all frames; numbers of five digits.
Told = dict[str, float]


def simulate(link: LinkCase, model: SimulatedModel, rate_hz: float) -> dict[str, Any]:
    """Every policy on one model, edge and rate on one link."""

    def run(policy: Policy, flow: Flow | None = None) -> Told:
        return _told(World(link.trace, policy, rate_hz, flow, model.costs.cloud_s, link.start_s), rate_hz)

    adaptive = Adaptive(model, rate_hz)
    clairvoyant = _best([run(Clairvoyant(model, spares_stages=spares)) for spares in (False, True)])
    knows_rate = {f"{window_s:g}": run(KnowsRate(model, window_s)) for window_s in WINDOWS_S}
    fixed = [run(lambda *_, split=split: Choice(split)) for split in model.splits]
    return {
        "link": link.name,
        "model": model.name,
        "rate_hz": rate_hz,
        "adaptive": run(adaptive, adaptive.flow),
        "oracle": _best([clairvoyant, *knows_rate.values()]),
        "clairvoyant": clairvoyant,
        "knows_rate": knows_rate,
        "best_fixed": _best(fixed),
        "edge_only": fixed[-1],
        "cloud_only": fixed[0],
    }


def _told(world: World, rate_hz: float) -> Told:
    jobs = world.run(RUN_S)
    latencies_s = [job.done_s - job.arrived_s for job in jobs if job.done_s is not None and job.outcome != "dropped"]
    edges = [job.split.edge for job in jobs if job.choice is not None]
    outcomes = {"dropped": "dropped", "fallback": "local_fallback", "edge_only": "edge_only"}
    told = {
        "mean_s": statistics.mean(latencies_s),
        "p50_s": statistics.median(latencies_s),
        "p95_s": statistics.quantiles(latencies_s, n=20)[18],
        **{name: sum(job.outcome == outcome for job in jobs) / len(jobs) for name, outcome in outcomes.items()},
        "switches_hz": sum(before != after for before, after in pairwise(edges)) / RUN_S,
        "missed": int(RUN_S * rate_hz) - sum(job.outcome != "" for job in jobs),
    }
    return {name: float(f"{value:.5g}") if isinstance(value, float) else value for name, value in told.items()}


def _best(runs: Sequence[Told]) -> Told:
    """The fastest of those that drop hardly more than the one that drops fewest."""
    fewest = min(run["dropped"] for run in runs)
    return min((run for run in runs if run["dropped"] <= fewest + MOST_DROPPED), key=lambda run: run["mean_s"])


def simulate_all(bench: Run) -> dict[str, Any]:
    if bench.options.profile:
        measure()
    links = {link.name: link for link in (link_cases() if bench.full else link_cases()[:1])}
    models = [load(spec, slowdown) for spec in MODELS for slowdown in SLOWDOWNS]

    def simulate_link(link: str) -> list[dict[str, Any]]:
        return [simulate(links[link], model, rate_hz) for model in models for rate_hz in RATES_HZ]

    cases = list(chain.from_iterable(bench.cells([{"link": name} for name in links], simulate_link)))
    return {"links": {name: link.what for name, link in links.items()}, "cases": cases}


BENCHMARK = Benchmark(
    "control_simulation",
    "What control costs on a changing link, in simulated time.",
    simulate_all,
    report,
    full="every link",
    extra={"--profile": {"action": "store_true", "help": "measure the models on this machine first"}},
)

if __name__ == "__main__":
    BENCHMARK.main()
