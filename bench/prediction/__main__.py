"""Predicted against measured latency of every split: is the model behind the decisions right?

Splits of AlexNet, in the long form all of them, and a sample of those of GoogLeNet and ResNet-50 are run over a shaped
link, busy and idle.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from bench.links.shaped import available_kinds, open_link
from bench.live.every_split import EverySplit
from bench.live.run import EdgeModel, EdgeRun
from bench.live.services import Live, serve
from bench.prediction.report import report
from bench.publishing.harness import ENGINE, Benchmark, Run

SLOWDOWN = 4.0
IDLE_S = 1.0
# How many splits of each model; all where there are no more.
QUICK_SPLITS = {"torchvision:alexnet": 12, "torchvision:googlenet": 4, "torchvision:resnet50": 4}
FULL_SPLITS = {"torchvision:alexnet": 10_000, "torchvision:googlenet": 60, "torchvision:resnet50": 60}
# Uplink in bits per second, round trip, and TCP's congestion control; None is the machine's own. After an idle second
# cubic starts slowly again and bbr does not.
QUICK_LINKS = ((50e6, 0.02, None),)
FULL_LINKS = ((20e6, 0.02, "bbr"), (100e6, 0.05, "cubic"))
# Of each split, after one that is not counted.
QUICK_FRAMES = {"busy": 3, "idle": 2}
FULL_FRAMES = {"busy": 5, "idle": 3}
_AT_ONCE = 10
_KEPT = ("outcome", "wall_s", "predicted", "measured")


def sample(model: EdgeModel, count: int, uplink_bps: float, rtt_s: float) -> list[tuple[str, ...]]:
    """At least `count` splits, all where there are no more: from each stratum of predicted latency one, at random.

    Edge-only and cloud-only are always there; what takes longer than twenty times the best split is left out where not
    all are taken, because nothing would ever choose it, and it takes most of the time.
    """
    costs = model.costs(SLOWDOWN)
    splits = EverySplit(model.graph, costs.edge_s, costs.cloud_s)
    latency_s = splits.head_s + 8 * splits.sent_bytes / uplink_bps + splits.tail_s + rtt_s
    latency_s[-1] = splits.head_s[-1]
    most = max(2_000, 10 * count)  # priced are all, or many more than are wanted, evenly
    priced = sorted(range(0, len(splits), max(1, len(splits) // most)), key=lambda index: latency_s[index])
    if len(priced) <= count:
        return [splits.edge(index) for index in priced]
    affordable = [index for index in priced if latency_s[index] < 20 * latency_s[priced[0]]]
    rng = random.Random(2019)  # noqa: S311 # a sample
    bounds = [k * len(affordable) // count for k in range(count + 1)]
    strata = [affordable[low:high] for low, high in pairwise(bounds) if low < high]
    drawn = [splits.edge(rng.choice(stratum)) for stratum in strata]
    return list(dict.fromkeys([model.inputs, model.everything, *drawn]))


def measure(run: Run) -> dict[str, object]:
    """Runs every cell that is not in the journal; a cell is one split on one link at one pace."""
    splits, links = (FULL_SPLITS, FULL_LINKS) if run.full else (QUICK_SPLITS, QUICK_LINKS)
    kind, used = None, []
    rows: list[dict[str, Any]] = []
    for uplink_bps, rtt_s, wanted in links:
        congestion = wanted if available_kinds()[0] == "packets" else None
        engine = run.options.engine
        with (
            open_link(uplink_bps, rtt_s=rtt_s, congestion=congestion) as link,
            serve(link, list(splits), engine) as live,
        ):
            used.append(f"{uplink_bps / 1e6:g} Mbit/s: {link.congestion}")
            kind = link.kind
            for spec, count in splits.items():
                found = sample(live.load(spec), count, uplink_bps, rtt_s)
                for pace, frames in (FULL_FRAMES if run.full else QUICK_FRAMES).items():
                    run.say(f"{spec}, {uplink_bps / 1e6:g} Mbit/s, {pace}: {len(found)} splits")
                    cell = {"model": spec, "uplink_bps": uplink_bps, "rtt_s": rtt_s, "pace": pace, "frames": frames}
                    cell |= {"congestion": link.congestion, "engine": engine}
                    rows += _measure_splits(live, found, cell, run)
    return {"link": {"kind": kind, "congestion": ", ".join(used)}, "slowdown": SLOWDOWN, "rows": rows}


def _measure_splits(
    live: Live, found: Sequence[tuple[str, ...]], cell: dict[str, Any], run: Run
) -> Iterator[dict[str, Any]]:
    keys = {edge: {**cell, "layers": len(edge), "last": edge[-1], "edge": hash_of(edge)} for edge in found}
    missing = [edge for edge in found if run.journal.get(keys[edge]) is None]
    random.Random(2019).shuffle(missing)  # noqa: S311 # neighbours in time shall not be neighbours in the model
    pause_s = IDLE_S if cell["pace"] == "idle" else 0.0
    settings: dict[str, Any] = {"frames": cell["frames"], "warmup": 1, "pause_s": pause_s, "slowdown": SLOWDOWN}
    for batch in (missing[begin : begin + _AT_ONCE] for begin in range(0, len(missing), _AT_ONCE)):
        frames = live.run(EdgeRun(cell["model"], live.address, splits=batch, **settings))
        for index, edge in enumerate(batch):
            told = [frame for frame in frames if frame.split == index]
            run.journal.put(keys[edge], {"cut": told[0].cut, "frames": [frame.told(*_KEPT) for frame in told]})
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
    full="more links, splits and frames",
    extra=ENGINE,
)

if __name__ == "__main__":
    BENCHMARK.main()
