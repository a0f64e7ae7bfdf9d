"""Whether the reported stages account for a frame's time: their sum against the wall time that the caller sees.

Over two links and two models: everything in the cloud, a split in the middle, and everything here, light and heavy.
"""

from itertools import chain, product

from bench.accounting.report import report
from bench.links.shaped import open_link
from bench.live.run import EdgeModel, EdgeRun
from bench.live.services import serve
from bench.publishing.harness import Benchmark, Run

MODELS = ("torchvision:alexnet", "torchvision:resnet18")
UPLINKS_BPS, RTT_S = (10e6, 100e6), 0.02
SLOWDOWN = 2.0
LIGHT_FRAMES, HEAVY_FRAMES = 8, 14
# Faster than any of these splits can be processed.
HEAVY_HZ = 40.0


def splits(model: EdgeModel) -> dict[str, tuple[str, ...]]:
    """Everything in the cloud, the first half of the compute here, everything here."""
    names = [layer.name for layer in model.graph.layers]
    so_far_s, middle = 0.0, 0
    while so_far_s < model.whole_s / 2:
        so_far_s += model.layer_s[middle]
        middle += 1
    inputs = tuple(layer.name for layer in model.graph.layers if not layer.inputs)
    return {"cloud-only": inputs, "middle": tuple(names[:middle]), "edge-only": tuple(names)}


def measure(run: Run) -> dict[str, object]:
    with open_link(UPLINKS_BPS[0], rtt_s=RTT_S) as link, serve(link, MODELS) as live:

        def measure_cell(model: str, uplink_bps: float, load: str) -> list[dict[str, object]]:
            found = splits(live.load(model))
            link.set_uplink(uplink_bps)
            frames = EdgeRun(
                model,
                live.address,
                chooser="given",
                splits=tuple(found.values()),
                frames=LIGHT_FRAMES if load == "light" else HEAVY_FRAMES,
                pace="single" if load == "light" else "rate",
                rate_hz=1.0 if load == "light" else HEAVY_HZ,
                slowdown=SLOWDOWN,
            )
            return [
                {
                    "model": model,
                    "uplink_bps": uplink_bps,
                    "load": load,
                    "split": list(found)[frame.split],
                    "outcome": frame.outcome,
                    "wall_s": frame.wall_s,
                    "latency_s": frame.latency_s,
                    "times": frame.times,
                }
                for frame in live.run(frames).frames
            ]

        cells = [
            {"model": model, "uplink_bps": uplink_bps, "load": load}
            for model, uplink_bps, load in product(MODELS, UPLINKS_BPS, ("light", "heavy"))
        ]
        rows = list(chain.from_iterable(run.cells(cells, measure_cell)))
        return {"link": {**link.used, "rtt_s": RTT_S}, "rows": rows}


BENCHMARK = Benchmark("accounting", "The sum of a frame's reported stages against its wall time.", measure, report)

if __name__ == "__main__":
    BENCHMARK.main()
