"""How often a tensor's bytes are copied between the edge's array and the cloud's tensor: counted, not timed.

Both processes run with `count_copies.c` in front of the C library; that needs a C compiler. Counted are `StreamTails`
and `RunTail` as the agent and grpcurl use them, the same call with protobuf's generated classes, and our part alone.
"""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.child import end, started
from bench.copies.ends import SIZE_BYTES
from bench.copies.report import report
from bench.publishing.harness import Benchmark, Run

COUNTER = Path(__file__).with_name("count_copies.c")
CALLS, PARTS = ("stream", "unary", "generated"), ("written", "read")
TIMES, WARMUP = 5, 2


@contextlib.contextmanager
def counting(compiler: str) -> Iterator[dict[str, str]]:
    """Compiles the counter; gives the environment in which a process counts what it copies."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "count_copies.so")
        command = [compiler, "-O2", "-fPIC", "-shared", "-fno-builtin", str(COUNTER), "-o", str(library), "-ldl"]
        subprocess.run(command, check=True)
        yield {"LD_PRELOAD": str(library)}


def measure(_: Run) -> dict[str, Any]:
    compiler = shutil.which("cc")
    if compiler is None:
        print("copies are not counted: that needs a C compiler, cc", flush=True)
        raise SystemExit(0)
    rows = []
    with counting(compiler) as environment, started(end("bench.copies.ends:serve"), environment) as cloud:
        addresses = [f"127.0.0.1:{port}" for port in cloud.hear()]
        with started(end("bench.copies.ends:drive", *addresses), environment) as edge:
            for way in CALLS + PARTS:
                edge.ask([way, WARMUP])
                before = cloud.ask()
                edge_bytes = edge.ask([way, TIMES])
                cloud_bytes = cloud.ask() - before
                rows.append({"way": way, "edge_bytes": edge_bytes, "cloud_bytes": cloud_bytes if way in CALLS else 0})
    return {"size_bytes": SIZE_BYTES, "times": TIMES, "rows": rows}


BENCHMARK = Benchmark("copies", "How often a tensor's bytes are copied.", measure, report)

if __name__ == "__main__":
    BENCHMARK.main()
