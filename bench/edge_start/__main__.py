"""How soon `dads edge` is ready from a model file, what memory it holds, and how large its packages are.

Beside the build before there were engines, which loads the module with torch, in the same run: all reach the same
cloud. The file also with the profile of an equal machine (`dads profile`), as where one of many such edges is measured.
And how much of a torchvision model's first start the second one takes, whose work is kept.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.child import started
from bench.edge_start.edges import compile_code, edge
from bench.edge_start.packages import installed_bytes
from bench.edge_start.report import report
from bench.live.model_files import spec_for
from bench.publishing.baseline import baseline, option
from bench.publishing.harness import Benchmark, Run, turns

REVISION = "07531fb"
"""The last one whose edge needs torch."""
MODEL = "zoo:efficientnet_lite0"
FRAMES, RATE_HZ = 20, 10.0
QUICK_ROUNDS, FULL_ROUNDS = 1, 3
# Whose second start is measured, in the long form.
STARTED_TWICE = ("torchvision:mobilenet_v3_large", "torchvision:resnet18")
_HERE = Path()


@contextmanager
def cloud(spec: str) -> Iterator[str]:
    """A cloud that serves the model from its file, under the name by which both edges know it; its address."""
    served = ["--model", spec, "--name", MODEL, "--listen", "127.0.0.1:0", "--threads", "1", "--no-cache"]
    with started([sys.executable, "-m", "dads", "cloud", *served]) as running:
        yield running.line().rpartition(" on ")[2].strip()


def options(spec: str, address: str) -> list[str]:
    paced = ["--frames", str(FRAMES), "--rate", str(RATE_HZ), "--threads", "1", "--require-cloud"]
    return ["--model", spec, "--cloud", address, *paced]


def profiled(file: str, output: Path) -> list[str]:
    """The options of an edge that is given the times of its layers and encodings."""
    measured = ["--source", "sample", "--threads", "1", "--no-cache", "--output", str(output)]
    subprocess.run([sys.executable, "-m", "dads", "profile", file, *measured], check=True, capture_output=True)
    return ["--profile", str(output)]


def measure_edges(file: str, before: Path, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """The edges in turns."""
    with tempfile.TemporaryDirectory(prefix="dads-profile-") as folder:
        given = {"file": [], "profiled": profiled(file, Path(folder) / "profile.json")}
        return _measure_edges(file, before, rounds, given)


def _measure_edges(
    file: str, before: Path, rounds: int, given: dict[str, list[str]]
) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"today": [], **{way: [] for way in given}}
    with cloud(file) as address:
        for way, _ in turns(found, rounds):
            if way == "today":
                seen = edge(options(MODEL, address), before)
            else:
                here = [*options(file, address), "--name", MODEL, "--no-cache", *given[way]]
                seen = edge(here, _HERE.absolute())
            found[way].append(asdict(seen))
    return found


def measure_second_start(model: str) -> dict[str, Any]:
    """The first start of an edge and the second, with a folder of their own for what is kept."""
    with tempfile.TemporaryDirectory(prefix="dads-kept-") as folder:
        alone = ["--model", model, "--policy", "edge_only", "--frames", "2", "--rate", "10", "--threads", "1"]
        first, second = (edge([*alone, "--cache-dir", folder], _HERE.absolute()) for _ in range(2))
    return {"model": model.partition(":")[2], "first": asdict(first), "second": asdict(second)}


def measure(run: Run) -> dict[str, Any]:
    rounds = FULL_ROUNDS if run.full else QUICK_ROUNDS
    with baseline(REVISION, run.options.baseline) as before:
        compile_code(before)
        compile_code(_HERE)
        run.say(f"revision {REVISION} is in {before}; exporting {MODEL}, if no file of it is kept")
        file = spec_for("onnx", MODEL)
        run.say(f"{rounds} starts of each edge")
        edges = measure_edges(file, before, rounds)
        sizes = {"today": installed_bytes(before), "file": installed_bytes(_HERE)}
    cells = [{"model": spec} for spec in STARTED_TWICE] if run.full else []
    twice = run.cells(cells, measure_second_start)
    told = {"model": MODEL, "revision": REVISION, "frames": FRAMES, "rounds": rounds}
    return {**told, "edges": edges, "packages": sizes, "twice": twice}


BENCHMARK = Benchmark(
    "edge_start",
    "How soon an edge is ready from a model file, and what it takes.",
    measure,
    report,
    full="more starts, and second starts of torchvision models",
    extra=option(REVISION),
)

if __name__ == "__main__":
    BENCHMARK.main()
