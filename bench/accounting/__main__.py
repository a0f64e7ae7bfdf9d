"""Whether the reported stages account for a frame's time: their sum against the wall time that the caller sees.

Over two links and two models: everything in the cloud, a split in the middle, and everything here, light and heavy.
"""

from itertools import accumulate, chain, product
from typing import Any

from bench.accounting.report import report
from bench.links.shaped import open_link
from bench.live.run import EdgeModel, EdgeRun
from bench.live.services import serve
from bench.publishing.harness import Benchmark, Run

MODELS = ("torchvision:alexnet", "torchvision:resnet18")
UPLINKS_BPS, RTT_S = (10e6, 100e6), 0.02
SLOWDOWN = 2.0
# Heavy is faster than any of these splits can be processed.
LOADS: dict[str, dict[str, Any]] = {
    "light": {"frames": 8, "pace": "single"},
    "heavy": {"frames": 14, "pace": "rate", "rate_hz": 40.0},
}
NAMES = ("model", "uplink_bps", "load")


def splits(model: EdgeModel) -> dict[str, tuple[str, ...]]:
    """Everything in the cloud, the first half of the compute here, everything here."""
    so_far_s = list(accumulate(model.layer_s))
    middle = next(i for i, seconds in enumerate(so_far_s) if seconds >= model.whole_s / 2)
    return {"cloud-only": model.inputs, "middle": model.everything[: middle + 1], "edge-only": model.everything}


def measure(run: Run) -> dict[str, object]:
    with open_link(UPLINKS_BPS[0], rtt_s=RTT_S) as link, serve(link, MODELS) as live:

        def measure_cell(model: str, uplink_bps: float, load: str) -> list[dict[str, object]]:
            found = splits(live.load(model))
            link.set_uplink(uplink_bps)
            wanted = EdgeRun(model, live.address, splits=list(found.values()), slowdown=SLOWDOWN, **LOADS[load])
            about, names = {"model": model, "uplink_bps": uplink_bps, "load": load}, list(found)
            kept = ("outcome", "wall_s", "times")
            return [{**about, "split": names[frame.split], **frame.told(*kept)} for frame in live.run(wanted)]

        cells = [dict(zip(NAMES, cell, strict=True)) for cell in product(MODELS, UPLINKS_BPS, LOADS)]
        rows = list(chain.from_iterable(run.cells(cells, measure_cell)))
        return {"link": {**link.used, "rtt_s": RTT_S}, "rows": rows}


BENCHMARK = Benchmark(
    "accounting", "The sum of a frame's reported stages against its wall time.", measure, report, engine="torch"
)

if __name__ == "__main__":
    BENCHMARK.main()
