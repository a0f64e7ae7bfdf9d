"""The paper's table, live: five models, four uplinks, light and heavy load, against edge-only and cloud-only.

Also against H.264, as a practitioner streams a camera, beside what that and JPEG keep of a model's answers. Edge-only
sends nothing, so it is run once per model and load, not once per uplink. Cells that hardly compute run side
by side, each over a link of its own, when all others are done.

Reference:
    C. Hu, W. Bao, D. Wang, F. Liu, "Dynamic Adaptive DNN Surgery for Inference Acceleration on the Edge", IEEE INFOCOM
    2019, doi:10.1109/INFOCOM.2019.8737614, section VI.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product, takewhile
from statistics import median
from typing import Any

from bench.frames.clip import read
from bench.frames.kept import Kept
from bench.frames.ways import WAYS as FORMS
from bench.links.shaped import ShapedLink, open_link
from bench.live.model_files import EngineName, spec_for
from bench.live.run import EdgeModel, EdgeRun, RunFrame
from bench.live.services import Live, serve
from bench.paper_table.h264_stream import Streaming, streaming
from bench.paper_table.report import report
from bench.publishing.harness import ENGINE, Benchmark, Run
from edge_service.sources.sample import sample_path

# Tiny YOLOv2 as the paper measured it (read off its Figures 1 and 7): 1.821 s on its Raspberry Pi 3B and 0.1664 s in
# its cloud, over all layers.
SLOWDOWN = 1.821 / 0.1664
UPLINKS_BPS = (0.13e6, 1.1e6, 5.85e6, 18.88e6)
RTT_S = 0.01
RATES_HZ = {"light": 0.1, "heavy": 20.0}
FRAMES = 10

# Beside edge-only.
WAYS = ("adaptive", "cloud_only_float", "cloud_only", "cloud_only_jpeg", "adaptive_jpeg", "cloud_only_h264")
# The forms of the frame whose accuracy is told, by the ways of `bench.frames`, and on how many frames of its clip.
KEPT_CLIP, KEPT_HZ, KEPT_FRAMES, KEPT_FORMS = "bikes", 6.0, 60, {"jpeg": "jpeg90", "h264": "h264_23"}
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
    engine: EngineName
    frames: int = FRAMES
    slowdown: float = SLOWDOWN

    @property
    def is_patient(self) -> bool:
        """Whether it may run beside others: its frames are nearly always on the link. Lossy frames are small."""
        slow = self.uplink_bps is not None and self.uplink_bps < PATIENT_BPS
        return slow and self.way in ("cloud_only", "cloud_only_float")

    @property
    def expected_s(self) -> float:
        """About how long it takes: its frames, one to warm up, those under way at its end, and starting the agent."""
        name = self.model.partition(":")[2]
        here_s, there_s = SLOWDOWN * _WHOLE_S[name], _WHOLE_S[name]
        sent_s = 8 * _INPUT_BYTES.get(name, 150_528) / (self.uplink_bps or 1e9)
        sent_s *= 4 if self.way == "cloud_only_float" else 1 / 8 if self.way.endswith(("_jpeg", "_h264")) else 1
        frame_s = here_s if self.way == "edge_only" else sent_s + there_s
        if self.way.startswith("adaptive"):
            frame_s = min(here_s, frame_s)
        return 2.0 + (FRAMES + (5 if self.load == "heavy" else 1)) * frame_s


def cells(models: tuple[str, ...], uplinks_bps: tuple[float, ...], engine: EngineName) -> Iterator[Cell]:
    for model, load in product(models, RATES_HZ):
        yield Cell(model, None, load, "edge_only", engine)
        yield from (Cell(model, uplink_bps, load, way, engine) for uplink_bps, way in product(uplinks_bps, WAYS))


def cast(model: EdgeModel) -> tuple[str, ...]:
    """The layers that make the frame float32 and normalise it: those before the first one of another size."""
    layers, inputs = model.graph.layers, len(model.inputs)
    frame_bytes = 4 * sum(layer.output_bytes for layer in layers[:inputs])
    same = takewhile(lambda layer: layer.output_bytes == frame_bytes, layers[inputs:])
    return (*model.inputs, *(layer.name for layer in same))


def run_of(cell: Cell, model: EdgeModel, address: str) -> EdgeRun:
    split = cell.way == "cloud_only_float"
    return EdgeRun(
        cell.model,
        None if cell.way == "edge_only" else address,
        strategy="adaptive" if split else cell.way.removesuffix("_jpeg"),
        splits=[cast(model)] if split else (),
        frames=FRAMES,
        warmup=1,
        pace="rate" if cell.load == "heavy" else "single",
        rate_hz=RATES_HZ[cell.load],
        limit_s=60.0 + 3.0 * cell.expected_s,
        slowdown=SLOWDOWN,
        encodings="auto" if cell.way.startswith("adaptive") else "raw",
        input_encoding="jpeg" if cell.way.endswith("_jpeg") else "raw",
    )


def summary(cell: Cell, frames: list[RunFrame]) -> dict[str, Any]:
    """What is kept of a cell; latency is from submission to result."""
    done = sorted((frame for frame in frames if frame.has_result), key=lambda frame: frame.ended_s)
    slowest_s = max(median(frame.measured[name] for frame in done) for name in ("head", "transfer", "tail"))
    elapsed_s = done[-1].ended_s - done[0].ended_s
    return {
        "frames": len(done),
        "outcomes": Counter(frame.outcome for frame in frames),
        "latency_s": median(frame.wall_s for frame in done),
        "throughput_hz": (len(done) - 1) / elapsed_s if cell.load == "heavy" else 1 / slowest_s,
        "cuts": sorted({f"{frame.cut} ({frame.encoding})" if frame.encoding else frame.cut for frame in done}),
    }


def kept_of_forms() -> list[dict[str, Any]]:
    """How often the answer of EfficientNet-Lite0 stays, by the form of the frame."""
    kept = Kept()
    clip = read(sample_path(KEPT_CLIP), kept.size, KEPT_HZ, KEPT_FRAMES, kept.preprocess)
    rows = []
    for form, way in KEPT_FORMS.items():
        sent = FORMS[way](clip)
        size_bytes = sum(sent.size_bytes) / len(clip.frames)
        stayed = kept.count(clip.frames, sent.arrived)
        rows.append({"form": form, "size_bytes": size_bytes, "frames": len(clip.frames), "kept": stayed})
    return rows


@contextlib.contextmanager
def services(spec: str, engine: EngineName, starting: threading.Lock) -> Iterator[tuple[ShapedLink, Live, EdgeModel]]:
    """Both ends over a link of their own; of those that run side by side, each is opened and profiled alone."""
    with contextlib.ExitStack() as stack:
        with starting:
            link = stack.enter_context(open_link(UPLINKS_BPS[0], rtt_s=RTT_S))
            live = stack.enter_context(serve(link, [spec], engine))
            model = live.load(spec)
        yield link, live, model


def run_cell(
    cell: Cell, link: ShapedLink, live: Live, model: EdgeModel, stream: Streaming | None = None
) -> dict[str, Any]:
    if cell.uplink_bps is not None:
        link.set_uplink(cell.uplink_bps)
    if stream is not None and cell.way == "cloud_only_h264":
        limit_s = 60.0 + 3.0 * cell.expected_s
        told = stream.run(cell.load, frames=FRAMES, slowdown=SLOWDOWN, rtt_s=RTT_S, limit_s=limit_s)
    else:
        told = summary(cell, live.run(run_of(cell, model, live.address)))
    return {**asdict(cell), **told, "whole_s": model.whole_s, "link": {**link.used, "rtt_s": RTT_S}}


def measure(run: Run) -> dict[str, Any]:
    models, uplinks_bps = (FULL_MODELS, UPLINKS_BPS) if run.full else (QUICK_MODELS, QUICK_UPLINKS_BPS)
    everything = list(cells(models, uplinks_bps, run.options.engine))
    patient = [asdict(cell) for cell in everything if cell.is_patient]
    starting = threading.Lock()
    opened: dict[str, tuple[ShapedLink, Live, EdgeModel, Streaming]] = {}

    def beside_others(**cell: Any) -> dict[str, Any]:  # noqa: ANN401 # a cell's fields
        with services(cell["model"], cell["engine"], starting) as own:
            return run_cell(Cell(**cell), *own)

    with contextlib.ExitStack() as stack:

        def alone(**cell: Any) -> dict[str, Any]:  # noqa: ANN401 # a cell's fields
            if (spec := cell["model"]) not in opened:  # those of one model follow each other
                opened.clear()
                stack.close()
                link, live, model = stack.enter_context(services(spec, cell["engine"], starting))
                stream = stack.enter_context(streaming(spec_for(cell["engine"], spec), link))
                opened[spec] = link, live, model, stream
            return run_cell(Cell(**cell), *opened[spec])

        rows = run.cells([asdict(cell) for cell in everything if not cell.is_patient], alone)
    rows += run.cells(patient, beside_others, at_a_time=2 * len(models))
    told = {"slowdown": SLOWDOWN, "uplinks_bps": list(uplinks_bps), "models": list(models), "rows": rows}
    return {"link": rows[0]["link"], **told, "kept": kept_of_forms()}


BENCHMARK = Benchmark(
    "paper_table", "The paper's table, live.", measure, report, full="all models and uplinks", extra=ENGINE
)

if __name__ == "__main__":
    BENCHMARK.main()
