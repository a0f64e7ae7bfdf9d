"""The paper's table, live: five models, four uplinks, light and heavy load, against edge-only and cloud-only.

All ways of running a model are run in the same way: the same agent, frames and link. Edge-only sends nothing, so it is
run once per model and load, not once per uplink. On the slowest uplink a frame of cloud-only takes from ten seconds to
two minutes and hardly computes: these cells run side by side, each over a link of its own, when all others are done.

Reference:
    C. Hu, W. Bao, D. Wang, F. Liu, "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge", IEEE INFOCOM
    2019, doi:10.1109/INFOCOM.2019.8737614, section VI.
"""

import contextlib
import statistics
import threading
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from bench.links.shaped import open_link
from bench.live.run import EdgeModel, EdgeRun, RunFrame
from bench.live.services import serve
from bench.paper_table.report import report
from bench.publishing.harness import Benchmark, Run
from partitioner import Link, SplitTable

# Tiny YOLOv2 as the paper measured it (read off its Figures 1 and 7): 1.821 s on its Raspberry Pi 3B and 0.1664 s in
# its cloud, over all layers.
SLOWDOWN = 1.821 / 0.1664
UPLINKS_BPS = (0.13e6, 1.1e6, 5.85e6, 18.88e6)
RTT_S = 0.01
RATES_HZ = {"light": 0.1, "heavy": 20.0}
FRAMES = 10

WAYS = ("adaptive", "edge_only", "cloud_only_float", "cloud_only", "cloud_only_jpeg", "adaptive_jpeg")
# Below it, cloud-only hardly computes.
PATIENT_BPS = 1e6

FULL_MODELS = ("zoo:nin", "zoo:tiny_yolov2", "torchvision:vgg16", "torchvision:alexnet", "torchvision:resnet18")
QUICK_MODELS, QUICK_UPLINKS_BPS = ("torchvision:alexnet", "torchvision:resnet18"), (5.85e6,)

# Measured on one core; only to tell when a cell has taken far too long.
_WHOLE_S = {"nin": 0.05, "tiny_yolov2": 0.12, "vgg16": 0.35, "alexnet": 0.035, "resnet18": 0.06}
_INPUT_BYTES = {"tiny_yolov2": 3 * 416 * 416}


@dataclass(frozen=True, slots=True)
class Cell:
    """One run: `uplink_bps` is None for edge-only, which sends nothing."""

    model: str
    uplink_bps: float | None
    load: str
    way: str

    @property
    def key(self) -> dict[str, Any]:
        """The journal's name of it."""
        return {**asdict(self), "frames": FRAMES, "slowdown": SLOWDOWN}

    @property
    def is_patient(self) -> bool:
        """Whether it may run beside others: its frames are nearly always on the link. JPEG frames are small."""
        slow = self.uplink_bps is not None and self.uplink_bps < PATIENT_BPS
        return slow and self.way in ("cloud_only", "cloud_only_float")


def cells(models: tuple[str, ...], uplinks_bps: tuple[float, ...]) -> Iterator[Cell]:
    for model in models:
        for load in RATES_HZ:
            yield Cell(model, None, load, "edge_only")
            for uplink_bps in uplinks_bps:
                yield from (Cell(model, uplink_bps, load, way) for way in WAYS if way != "edge_only")


def expected_s(cell: Cell) -> float:
    """About how long a cell takes: its frames, one to warm up, those under way at its end, and starting the agent."""
    name = cell.model.partition(":")[2]
    here_s, there_s = SLOWDOWN * _WHOLE_S[name], _WHOLE_S[name]
    sent_s = 8 * _INPUT_BYTES.get(name, 150_528) / (cell.uplink_bps or 1e9)
    sent_s *= 4 if cell.way == "cloud_only_float" else 1 / 8 if cell.way.endswith("_jpeg") else 1
    frame_s = here_s if cell.way == "edge_only" else sent_s + there_s
    if cell.way.startswith("adaptive"):
        frame_s = min(here_s, frame_s)
    return 2.0 + (FRAMES + (5 if cell.load == "heavy" else 1)) * frame_s


def cast(model: EdgeModel) -> tuple[str, ...]:
    """The layers that make the frame float32 and normalise it: those before the first one of another size."""
    layers = model.graph.layers
    inputs = [layer.name for layer in layers if not layer.inputs]
    for layer in layers[len(inputs) :]:
        if layer.output_bytes != 4 * model.input_bytes:
            break
        inputs.append(layer.name)
    return tuple(inputs)


def run_of(cell: Cell, model: EdgeModel, address: str) -> EdgeRun:
    heavy, split = cell.load == "heavy", cell.way == "cloud_only_float"
    strategies = {"cloud_only_jpeg": "cloud_only", "cloud_only_float": "adaptive", "adaptive_jpeg": "adaptive"}
    return EdgeRun(
        cell.model,
        None if cell.way == "edge_only" else address,
        strategy=strategies.get(cell.way, cell.way),
        chooser="given" if split else "strategy",
        splits=(cast(model),) if split else (),
        frames=FRAMES,
        warmup=1,
        pace="rate" if heavy else "single",
        rate_hz=RATES_HZ[cell.load],
        limit_s=60.0 + 3.0 * expected_s(cell),
        slowdown=SLOWDOWN,
        encodings="auto" if cell.way.startswith("adaptive") else "raw",
        input_encoding="jpeg" if cell.way.endswith("_jpeg") else "raw",
    )


def summary(cell: Cell, frames: tuple[RunFrame, ...]) -> dict[str, Any]:
    """What is kept of a cell; latency is from submission to result."""
    done = sorted((frame for frame in frames if frame.has_result), key=lambda frame: frame.ended_s)
    stages = {name: statistics.median(frame.measured[name] for frame in done) for name in done[0].measured}
    slowest_s = max(stages["head"], stages["transfer"], stages["tail"])
    elapsed_s = done[-1].ended_s - done[0].ended_s
    outcomes = [frame.outcome for frame in frames]
    return {
        "frames": len(done),
        "outcomes": {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
        "latency_s": statistics.median(frame.wall_s for frame in done),
        "waited_s": statistics.median(frame.times["wait_s"] for frame in done),
        "throughput_hz": (len(done) - 1) / elapsed_s if cell.load == "heavy" else 1 / slowest_s,
        "cuts": sorted({f"{frame.cut} ({frame.encoding})" if frame.encoding else frame.cut for frame in done}),
        "stages_s": stages,
        "walls_s": [frame.wall_s for frame in done],
    }


def run_cells(run: Run, cells: Sequence[Cell], starting: threading.Lock) -> None:
    """Runs cells of one model one after another; beside others, each link is opened and profiled alone."""
    spec = cells[0].model
    with contextlib.ExitStack() as stack:
        with starting:
            run.say(f"{spec}: loading")
            link = stack.enter_context(open_link(UPLINKS_BPS[0], rtt_s=RTT_S))
            live = stack.enter_context(serve(link, [spec]))
            model = live.load(spec)
        table = SplitTable(model.graph, model.costs(SLOWDOWN))
        for cell in cells:
            at = "" if cell.uplink_bps is None else f" at {cell.uplink_bps / 1e6:g} Mbit/s"
            run.say(f"{spec}, {cell.load}, {cell.way}{at}: about {expected_s(cell):.0f} s")
            if cell.uplink_bps is not None:
                link.set_uplink(cell.uplink_bps)
            told = summary(cell, live.run(run_of(cell, model, live.address)).frames)
            # What the cost model would choose with the link's true rate; beside what was chosen.
            best = table.decide(Link(cell.uplink_bps or 1e9, fixed_s=RTT_S), RATES_HZ[cell.load]).partition
            told |= {
                "expected_latency_s": best.latency_s,
                "whole_s": model.whole_s,
                "link": {**link.used, "rtt_s": RTT_S},
            }
            run.journal.put(cell.key, told)


def groups(cells: Sequence[Cell], *fields: str) -> list[list[Cell]]:
    """Cells that agree in those fields, together."""
    found: dict[Hashable, list[Cell]] = {}
    for cell in cells:
        found.setdefault(tuple(getattr(cell, name) for name in fields), []).append(cell)
    return list(found.values())


def measure(run: Run) -> dict[str, Any]:
    models, uplinks_bps = (FULL_MODELS, UPLINKS_BPS) if run.full else (QUICK_MODELS, QUICK_UPLINKS_BPS)
    everything = list(cells(models, uplinks_bps))
    missing = [cell for cell in everything if run.journal.get(cell.key) is None]
    run.say(f"{len(everything)} cells, {len(everything) - len(missing)} of them finished before")
    starting = threading.Lock()
    for group in groups([cell for cell in missing if not cell.is_patient], "model"):
        run_cells(run, group, starting)
    if patient := groups([cell for cell in missing if cell.is_patient], "model", "load"):
        with ThreadPoolExecutor(len(patient)) as pool:
            list(pool.map(lambda group: run_cells(run, group, starting), patient))
    rows = [{**asdict(cell), **run.journal.get(cell.key)} for cell in everything]
    told = {"slowdown": SLOWDOWN, "uplinks_bps": list(uplinks_bps), "models": list(models), "rows": rows}
    return {"link": rows[0]["link"], **told}


BENCHMARK = Benchmark("paper_table", "The paper's table, live.", measure, report, full="all models and uplinks")

if __name__ == "__main__":
    BENCHMARK.main()
