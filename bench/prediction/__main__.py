"""Predicted against measured latency of every split: is the model behind the decisions right?

Run with `make bench ARGS=prediction` (about three minutes, a sample on one link) or `make bench-full ARGS=prediction`
(forty minutes; every finished split is kept, an interrupted run goes on). Every split of AlexNet and a sample of
those of GoogLeNet and ResNet-50, stratified by predicted latency, is run over a shaped link: busy, one frame right
after the other, and idle, each frame after a pause of a second. A prediction is what the agent itself predicted for
that frame, with the estimates it had when the frame began.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.links.shaped import available_kinds, open_link
from bench.live.run import EdgeModel, EdgeRun
from bench.live.services import Live
from bench.prediction.report import report
from bench.publishing.journal import Journal
from bench.publishing.pacer import Pacer
from bench.publishing.publish import arguments, carry_out
from partitioner import Link, SplitTable
from partitioner.listed.listing import list_closed_sets

SLOWDOWN = 4.0
IDLE_S = 1.0
_ALL = 2_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        splits: How many of each model's; all where there are no more.
        links: Uplink in bits per second, round trip, and TCP's congestion control; None is the machine's own. After
            an idle second cubic starts slowly again and bbr does not.
        busy_frames: Of each split, after one that is not counted.
        idle_frames: Likewise.
        expected_s: How long it takes.
    """

    splits: dict[str, int]
    links: tuple[tuple[float, float, str | None], ...]
    busy_frames: int
    idle_frames: int
    expected_s: float


SAMPLE = Plan(
    splits={"torchvision:alexnet": 23, "torchvision:googlenet": 4, "torchvision:resnet50": 4},
    links=((50e6, 0.02, None),),
    busy_frames=3,
    idle_frames=2,
    expected_s=170.0,
)
FULL = Plan(
    splits={"torchvision:alexnet": 10_000, "torchvision:googlenet": 60, "torchvision:resnet50": 60},
    links=((20e6, 0.02, "bbr"), (100e6, 0.05, "cubic")),
    busy_frames=5,
    idle_frames=3,
    expected_s=2400.0,
)


def sample(model: EdgeModel, count: int, uplink_bps: float, rtt_s: float) -> list[tuple[str, ...]]:
    """At least `count` splits, all where there are no more: from each stratum of predicted latency one, at random.

    Edge-only and cloud-only are always there; what takes longer than twenty times the best split is left out where not
    all are taken, because nothing would ever choose it, and it takes most of the time.
    """
    table = SplitTable(model.graph, model.costs(SLOWDOWN))
    link = Link(uplink_bps, fixed_s=rtt_s)
    sets = list_closed_sets(model.graph, _ALL)
    names = [layer.name for layer in model.graph.layers]
    edges = [tuple(names[i] for i in sorted(sets.members(index))) for index in _spread(len(sets), count)]
    priced = sorted((table.evaluate(frozenset(edge), link).latency_s, edge) for edge in edges)
    if len(priced) <= count:
        return [edge for _, edge in priced]
    affordable = [edge for latency_s, edge in priced if latency_s < 20 * priced[0][0]]
    rng = random.Random(2019)  # noqa: S311 # a sample
    bounds = [k * len(affordable) // count for k in range(count + 1)]
    strata = [affordable[low:high] for low, high in pairwise(bounds) if low < high]
    inputs = tuple(layer.name for layer in model.graph.layers if not layer.inputs)
    return list(dict.fromkeys([inputs, tuple(names), *(rng.choice(stratum) for stratum in strata)]))


def _spread(sets: int, count: int) -> Sequence[int]:
    """Positions of the sets that are priced: all, or many more than are wanted, evenly."""
    most = max(2_000, 10 * count)
    return range(sets) if sets <= most else range(0, sets, sets // most)


def measure(plan: Plan, journal: Journal) -> dict[str, object]:
    """Runs every cell that is not in the journal; a cell is one split on one link at one pace."""
    pacer = Pacer(plan.expected_s)
    kind, used = "", []
    rows: list[object] = []
    for uplink_bps, rtt_s, wanted in plan.links:
        congestion = wanted if available_kinds()[0] == "packets" else None
        with (
            open_link(uplink_bps, rtt_s=rtt_s, congestion=congestion) as link,
            Live(link, list(plan.splits)) as live,
        ):
            used.append(f"{uplink_bps / 1e6:g} Mbit/s: {link.congestion}")
            kind = link.kind
            for spec, count in plan.splits.items():
                pacer.say(f"{spec}, {uplink_bps / 1e6:g} Mbit/s: loading")
                model = live.load(spec)
                found = sample(model, count, uplink_bps, rtt_s)
                for pace, frames in (("busy", plan.busy_frames), ("idle", plan.idle_frames)):
                    pacer.say(f"{spec}, {uplink_bps / 1e6:g} Mbit/s, {pace}: {len(found)} splits")
                    cell = {"model": spec, "uplink_bps": uplink_bps, "rtt_s": rtt_s, "pace": pace, "frames": frames}
                    cell["congestion"] = link.congestion
                    rows += _measure_splits(live, spec, found, cell, journal)
    return {"link": {"kind": kind, "congestion": ", ".join(used)}, "slowdown": SLOWDOWN, "rows": rows}


def _measure_splits(
    live: Live, spec: str, found: Sequence[tuple[str, ...]], cell: dict[str, object], journal: Journal
) -> Iterator[object]:
    """Measures the splits that are missing, ten at a time through one agent, and yields a row for each."""
    keys = {edge: {**cell, "layers": len(edge), "last": edge[-1], "edge": hash_of(edge)} for edge in found}
    missing = [edge for edge in found if journal.get(keys[edge]) is None]
    random.Random(2019).shuffle(missing)  # noqa: S311 # neighbours in time shall not be neighbours in the model
    for begin in range(0, len(missing), 10):
        batch = missing[begin : begin + 10]
        pause_s = IDLE_S if cell["pace"] == "idle" else 0.0
        run = EdgeRun(
            spec,
            live.address,
            chooser="given",
            splits=tuple(batch),
            frames=int(str(cell["frames"])),
            warmup=1,
            pause_s=pause_s,
            slowdown=SLOWDOWN,
        )
        result = live.run(run)
        for index, edge in enumerate(batch):
            told = [frame for frame in result.frames if frame.split == index]
            kept = [
                {
                    "outcome": frame.outcome,
                    "wall_s": frame.wall_s,
                    "uplink_bps": frame.uplink_bps,
                    "predicted": frame.predicted,
                    "measured": frame.measured,
                }
                for frame in told
            ]
            journal.put(keys[edge], {"cut": told[0].cut, "frames": kept})
    for edge in found:
        yield {**keys[edge], **journal.get(keys[edge])}


def hash_of(edge: Sequence[str]) -> str:
    """A short name of a set of layers, the same in every run."""
    return hashlib.sha256(" ".join(edge).encode()).hexdigest()[:16]


def main() -> None:
    parser = arguments("Predicted against measured latency of splits.", full="every split of the sample that is wanted")
    options = parser.parse_args()
    carry_out("prediction", options, lambda journal: measure(FULL if options.full else SAMPLE, journal), report)


if __name__ == "__main__":
    main()
