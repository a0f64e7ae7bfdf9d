"""What an answered frame costs the cloud: processor time and goodput for a tail that costs nothing.

Beside an earlier build in the same run, in turns, since the machine's speed changes by more than what is measured. The
load comes from a program in C.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trustme

from bench.child import started
from bench.cloud_cost.edges import Edges, Load, built, counted, message
from bench.cloud_cost.report import report
from bench.publishing.baseline import baseline, option
from bench.publishing.harness import Benchmark, Run, turns

REVISION = "fd76b73"
"""The last one whose every tail runs in a thread."""
FLOATS = 37_500
EDGES, UNANSWERED = 30, 4
QUICK_ROUNDS, FULL_ROUNDS = 1, 5
QUICK_S, FULL_S = 3.0, 8.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Case(NamedTuple):
    """One kind of load; at a rate of 0, each edge has `UNANSWERED` frames on their way at all times."""

    name: str
    encoding: str = "raw"
    tls: bool = False
    rate_hz: float = 0.0


CASES = (
    Case("saturated"),
    Case("4 Hz a camera", rate_hz=4.0),
    Case("zstd, saturated", encoding="zstd"),
    Case("TLS, saturated", tls=True),
)


class Cloud(NamedTuple):
    """A running cloud of one build, its model's digest, and the layer that is sent."""

    pid: int
    port: int
    digest: str
    layer: str


@contextmanager
def cloud(code: Path, keys: tuple[str, str]) -> Iterator[Cloud]:
    """A cloud of one build, on the last core."""
    command = [sys.executable, str(Path(__file__).with_name("served.py").absolute()), str(FLOATS), *keys]
    with started(command, {"PYTHONPATH": str(code)}) as child:
        port, digest, layer = child.line().split()
        pid = child.process.pid
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {(os.cpu_count() or 1) - 1})
        yield Cloud(pid, int(port), digest, layer)


def measure_one(running: Cloud, edges: Edges, case: Case, seconds: float) -> dict[str, Any]:
    """One build under one load."""
    request = message(running.digest, running.layer, FLOATS, case.encoding)
    load = Load(tls=case.tls, edges=EDGES, unanswered=UNANSWERED, rate_hz=case.rate_hz, seconds=seconds)
    with edges.running(running.port, request, load) as process:
        if process.stdout is None or process.stdout.readline() != "warm\n":
            raise RuntimeError("the edges did not get warm; see their messages above")
        before_s = _used_s(running.pid)
        found = counted(process.stdout.readline())
        return {**found, "processor_s": _used_s(running.pid) - before_s}


def measure(run: Run) -> Mapping[str, Any]:
    rounds, seconds = (FULL_ROUNDS, FULL_S) if run.full else (QUICK_ROUNDS, QUICK_S)
    told = {"revision": REVISION, "kilobytes": 4 * FLOATS / 1000, "edges": EDGES, "unanswered": UNANSWERED}
    rows = []
    with ExitStack() as stack:
        code = {
            "before": stack.enter_context(baseline(REVISION, run.options.baseline)),
            "today": Path().absolute(),
        }
        edges, keys = stack.enter_context(built()), stack.enter_context(_keys())
        run.say("starting the clouds")
        clouds = {
            (build, tls): stack.enter_context(cloud(code[build], keys if tls else ("", "")))
            for build in code
            for tls in (False, True)
        }
        for case in CASES:
            found: dict[str, list[dict[str, Any]]] = {build: [] for build in code}
            for build, _ in turns(code, rounds):
                run.say(f"{case.name}, {build}")
                found[build].append(measure_one(clouds[build, case.tls], edges, case, seconds))
            rows.append({"case": case.name, "rate_hz": case.rate_hz, **found})
    return {**told, "rounds": rounds, "seconds": seconds, "rows": rows}


@contextmanager
def _keys() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="dads-keys-") as folder:
        certificate, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
        made = trustme.CA().issue_cert("localhost")
        made.private_key_pem.write_to_path(key)
        made.cert_chain_pems[0].write_to_path(certificate)
        yield str(certificate), str(key)


def _used_s(pid: int) -> float:
    """Processor time of a process, its kernel part included."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


BENCHMARK = Benchmark(
    "cloud_cost",
    "What an answered frame costs the cloud, beside an earlier build.",
    measure,
    report,
    full="longer, and more turns",
    extra=option(REVISION),
)

if __name__ == "__main__":
    BENCHMARK.main()
