"""Predicted against measured latency of every split: is the model behind the decisions right?

Every split of AlexNet and a sample of those of GoogLeNet and ResNet-50 is run over a shaped link, busy and idle. A
prediction is what the agent itself predicted for that frame, with the estimates it had when the frame began.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from bench.links.shaped import available_kinds, open_link
from bench.live.run import EdgeModel, EdgeRun
from bench.live.services import Live, serve
from bench.prediction.report import report
from bench.publishing.harness import Benchmark, Run
from partitioner import Link, SplitTable
from partitioner.listed.listing import list_closed_sets

SLOWDOWN = 4.0
IDLE_S = 1.0
# How many splits of each model; all where there are no more.
QUICK_SPLITS = {"torchvision:alexnet": 23, "torchvision:googlenet": 4, "torchvision:resnet50": 4}
FULL_SPLITS = {"torchvision:alexnet": 10_000, "torchvision:googlenet": 60, "torchvision:resnet50": 60}
# Uplink in bits per second, round trip, and TCP's congestion control; None is the machine's own. After an idle second
# cubic starts slowly again and bbr does not.
QUICK_LINKS = ((50e6, 0.02, None),)
FULL_LINKS = ((20e6, 0.02, "bbr"), (100e6, 0.05, "cubic"))
# Of each split, after one that is not counted.
QUICK_FRAMES = {"busy": 3, "idle": 2}
FULL_FRAMES = {"busy": 5, "idle": 3}
_AT_ONCE = 10
_ALL = 2_000_000
_KEPT = ("outcome", "wall_s", "uplink_bps", "predicted", "measured")


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


def measure(run: Run) -> dict[str, object]:
    """Runs every cell that is not in the journal; a cell is one split on one link at one pace."""
    splits, links = (FULL_SPLITS, FULL_LINKS) if run.full else (QUICK_SPLITS, QUICK_LINKS)
    kind, used = None, []
    rows: list[dict[str, Any]] = []
    for uplink_bps, rtt_s, wanted in links:
        congestion = wanted if available_kinds()[0] == "packets" else None
        with open_link(uplink_bps, rtt_s=rtt_s, congestion=congestion) as link, serve(link, list(splits)) as live:
            used.append(f"{uplink_bps / 1e6:g} Mbit/s: {link.congestion}")
            kind = link.kind
            for spec, count in splits.items():
                found = sample(live.load(spec), count, uplink_bps, rtt_s)
                for pace, frames in (FULL_FRAMES if run.full else QUICK_FRAMES).items():
                    run.say(f"{spec}, {uplink_bps / 1e6:g} Mbit/s, {pace}: {len(found)} splits")
                    cell = {"model": spec, "uplink_bps": uplink_bps, "rtt_s": rtt_s, "pace": pace, "frames": frames}
                    rows += _measure_splits(live, found, {**cell, "congestion": link.congestion}, run)
    return {"link": {"kind": kind, "congestion": ", ".join(used)}, "slowdown": SLOWDOWN, "rows": rows}


def _measure_splits(
    live: Live, found: Sequence[tuple[str, ...]], cell: dict[str, Any], run: Run
) -> Iterator[dict[str, Any]]:
    """Measures the splits that are missing, ten at a time through one agent, and yields a row for each."""
    keys = {edge: {**cell, "layers": len(edge), "last": edge[-1], "edge": hash_of(edge)} for edge in found}
    missing = [edge for edge in found if run.journal.get(keys[edge]) is None]
    random.Random(2019).shuffle(missing)  # noqa: S311 # neighbours in time shall not be neighbours in the model
    for batch in (missing[begin : begin + _AT_ONCE] for begin in range(0, len(missing), _AT_ONCE)):
        result = live.run(
            EdgeRun(
                cell["model"],
                live.address,
                chooser="given",
                splits=tuple(batch),
                frames=cell["frames"],
                warmup=1,
                pause_s=IDLE_S if cell["pace"] == "idle" else 0.0,
                slowdown=SLOWDOWN,
            )
        )
        for index, edge in enumerate(batch):
            told = [frame for frame in result.frames if frame.split == index]
            frames = [{name: getattr(frame, name) for name in _KEPT} for frame in told]
            run.journal.put(keys[edge], {"cut": told[0].cut, "frames": frames})
    for edge in found:
        yield {**keys[edge], **run.journal.get(keys[edge])}


def hash_of(edge: Sequence[str]) -> str:
    """A short name of a set of layers, the same in every run."""
    return hashlib.sha256(" ".join(edge).encode()).hexdigest()[:16]


BENCHMARK = Benchmark(
    "prediction",
    "Predicted against measured latency of splits.",
    measure,
    report,
    full="every split of the sample that is wanted",
)

if __name__ == "__main__":
    BENCHMARK.main()
