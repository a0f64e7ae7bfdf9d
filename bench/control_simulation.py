"""What control costs on a changing link: the real controller against oracles and fixed splits, in simulated time.

Run with ``python -m bench.control_simulation`` (minutes, one core; deterministic). Every model, edge and frame rate
runs on every link of `bench.control_traces` with

- the real `Controller` and `UploadClock`;
- two clairvoyant oracles (`Clairvoyant`), which know the link's future, and the real planner told the link's true mean
  rate of the last 0.1, 0.5 and 1 s (`KnowsRate`): what estimating perfectly would give. *The oracle* of a case is the
  best of these five that drops at most 1 % of the frames; where none does, the case is overloaded and told apart;
- every split that may be best, kept for the whole run: the best of them in hindsight, edge-only and cloud-only.

Writes ``control_simulation.md`` and ``.json`` into docs/benchmarks. ``--profile`` measures the models anew first.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from bench.control_models import MODELS, PROFILES, SimulatedModel, load, measure
from bench.control_policies import Adaptive, Clairvoyant, Fixed, KnowsRate
from bench.control_report import markdown
from bench.control_traces import LinkCase, link_cases
from bench.control_world import Policy, World
from edge_service.control import ControllerConfig

SLOWDOWNS = (8.0, 20.0)
RATES_HZ = (1.0, 2.0, 5.0, 10.0)
RUN_S = 138.0
WINDOWS_S = (0.1, 0.5, 1.0)
# An oracle that drops more is overloaded, and latencies of what it did not drop compare nothing.
MOST_DROPPED = 0.01


@dataclass(frozen=True, slots=True)
class Run:
    """One policy on one case. Latencies in seconds, of frames with a result; shares of all frames."""

    mean_s: float
    p50_s: float
    p95_s: float
    dropped: float
    fallback: float
    edge_only: float
    switches_hz: float
    missed: int


@dataclass(frozen=True, slots=True)
class Case:
    """One model, edge and rate on one link.

    Attributes:
        link: The link's name.
        model: The model and the edge's slowdown.
        rate_hz: Frames per second.
        adaptive: The real controller.
        oracle: The best informed policy.
        clairvoyant: The better of the two that know the future.
        knows_rate: By window in seconds: the planner with the true rate.
        best_fixed: The best split in hindsight.
        edge_only: Everything here.
        cloud_only: Everything there.
    """

    link: str
    model: str
    rate_hz: float
    adaptive: Run
    oracle: Run
    clairvoyant: Run
    knows_rate: dict[str, Run]
    best_fixed: Run
    edge_only: Run
    cloud_only: Run

    @property
    def overloaded(self) -> bool:
        """Whether no informed policy keeps up."""
        return self.oracle.dropped > MOST_DROPPED


def simulate(link: LinkCase, model: SimulatedModel, rate_hz: float) -> Case:
    """Runs every policy on one case."""

    def run(policy: Policy) -> Run:
        return _run(link, policy, rate_hz)

    planner = ControllerConfig(hysteresis=0.0)
    clairvoyant = _best([run(Clairvoyant(model, spares_stages=spares)) for spares in (False, True)])
    knows = {f"{window_s:g}": run(KnowsRate(model, window_s, planner)) for window_s in WINDOWS_S}
    fixed = [run(Fixed(split)) for split in model.splits]
    return Case(
        link=link.name,
        model=model.name,
        rate_hz=rate_hz,
        adaptive=run(Adaptive(model, rate_hz)),
        oracle=_best([clairvoyant, *knows.values()]),
        clairvoyant=clairvoyant,
        knows_rate=knows,
        best_fixed=_best(fixed),
        edge_only=fixed[-1],
        cloud_only=fixed[0],
    )


def _run(link: LinkCase, policy: Policy, rate_hz: float) -> Run:
    jobs = World(link.trace, policy, rate_hz, start_s=link.start_s).run(RUN_S)
    latencies_s = [job.done_s - job.arrived_s for job in jobs if job.done_s is not None and job.outcome != "dropped"]
    edges = [job.split.edge for job in jobs if job.choice is not None]

    def share(outcome: str) -> float:
        return sum(job.outcome == outcome for job in jobs) / len(jobs)

    return Run(
        mean_s=statistics.mean(latencies_s),
        p50_s=statistics.median(latencies_s),
        p95_s=statistics.quantiles(latencies_s, n=20)[18],
        dropped=share("dropped"),
        fallback=share("local_fallback"),
        edge_only=share("edge_only"),
        switches_hz=sum(before != after for before, after in pairwise(edges)) / RUN_S,
        missed=int(RUN_S * rate_hz) - sum(job.outcome != "" for job in jobs),
    )


def _rounded(value: object) -> object:
    """The same with numbers of five digits."""
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _best(runs: Sequence[Run]) -> Run:
    """The fastest of those that drop hardly more than the one that drops fewest."""
    fewest = min(run.dropped for run in runs)
    return min((run for run in runs if run.dropped <= fewest + MOST_DROPPED), key=lambda run: run.mean_s)


def main() -> None:
    """Runs the simulation and writes its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=PROFILES.parent, help="folder for the results")
    parser.add_argument("--profile", action="store_true", help="measure the models on this machine first")
    parser.add_argument("--link", action="append", help="only this link; may be given again")
    arguments = parser.parse_args()
    if arguments.profile:
        measure()
    models = [load(spec, slowdown) for spec in MODELS for slowdown in SLOWDOWNS]
    links = [link for link in link_cases() if arguments.link is None or link.name in arguments.link]
    cases = []
    for link in links:
        cases += [simulate(link, model, rate_hz) for model in models for rate_hz in RATES_HZ]
        print(f"{link.name}: {link.what}: done", flush=True)
    page = markdown(cases, links)
    (arguments.output / "control_simulation.md").write_text(page, encoding="utf-8")
    record = json.dumps([_rounded(asdict(case)) for case in cases])
    (arguments.output / "control_simulation.json").write_text(record + "\n", encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
