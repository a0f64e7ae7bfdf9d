"""Throughput of the three-stage pipeline against its slowest stage: with stages that sleep, and with real compute.

Real compute is ResNet-50, cut where head and tail are about equally long, over a link so fast that the transfer is too.
"""

import statistics
from collections.abc import Sequence
from typing import Any

from bench.links.shaped import Kind, available_kinds, open_link
from bench.live.every_split import EverySplit
from bench.live.run import EdgeModel, EdgeRun, RunFrame
from bench.live.services import serve
from bench.pipeline.report import report
from bench.pipeline.sleeping import measure_sleeping
from bench.publishing.harness import Benchmark, Run

MODEL = "torchvision:resnet50"
FRAMES, RUNS, FIRST = 60, 3, 10


def balanced(model: EdgeModel) -> tuple[EverySplit, int]:
    """The split with the fewest bytes among those whose head takes 45 to 55 % of the compute."""
    splits = EverySplit(model.graph, model.layer_s, model.layer_s)
    whole_s = float(splits.head_s[-1])
    middle = [i for i in range(len(splits)) if 0.45 * whole_s < splits.head_s[i] < 0.55 * whole_s]
    return splits, min(middle, key=lambda i: (splits.sent_bytes[i], abs(splits.head_s[i] - whole_s / 2)))


def measure_compute(bench: Run) -> dict[str, Any]:
    # tbf costs no process of ours, and the compute needs both cores.
    kind: Kind = "tbf" if "tbf" in available_kinds() else "emulator"
    with open_link(100e6, kind=kind) as link, serve(link, [MODEL]) as live:
        splits, index = balanced(live.load(MODEL))
        size, head_s = float(splits.sent_bytes[index]), float(splits.head_s[index])
        uplink_bps = 8 * size / head_s / link.goodput_share
        link.set_uplink(uplink_bps)
        wanted = EdgeRun(
            MODEL, live.address, splits=[splits.edge(index)], frames=FRAMES, pace="rate", rate_hz=2.0 / head_s
        )
        runs = []
        for _ in range(RUNS):
            frames = [frame for frame in live.run(wanted) if frame.has_result]
            runs.append(summary(sorted(frames, key=lambda frame: frame.ended_s)[FIRST:]))
            bench.say(f"real compute: {runs[-1]['rate_hz']:.2f} frames/s")
        return {"model": MODEL, "cut_bytes": size, "uplink_bps": uplink_bps, "link": link.used, "runs": runs}


def summary(done: Sequence[RunFrame]) -> dict[str, Any]:
    """Frames per second, and the means of stages and times."""
    if any(frame.outcome != "offloaded" for frame in done):
        raise SystemExit(f"a frame was {', '.join(sorted({frame.outcome for frame in done}))}: {done[0].error}")
    times = {name: statistics.fmean(frame.times[name] for frame in done) for name in done[0].times}
    stages = {name: statistics.fmean(frame.measured[name] for frame in done) for name in done[0].measured}
    rate_hz = (len(done) - 1) / (done[-1].ended_s - done[0].ended_s)
    return {"rate_hz": rate_hz, "stages_s": stages, "times_s": times}


def measure(run: Run) -> dict[str, Any]:
    return {"sleeping": measure_sleeping(run), "compute": measure_compute(run)}


BENCHMARK = Benchmark(
    "pipeline", "Throughput of the pipeline against its slowest stage.", measure, report, engine="torch"
)

if __name__ == "__main__":
    BENCHMARK.main()
