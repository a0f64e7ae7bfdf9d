"""`make soak`: a quarter of an hour of frames; checks that no memory, threads or descriptors grow on either side.

    python -m chaos.soak --minutes 15

The uplink's rate changes every few seconds, so that cuts are switched all the time. With `--model` it is another model,
such as a model file, whose sessions are made, kept and forgotten meanwhile.

After a warm-up of a fifth of the time, memory is sampled on both sides. The verdict compares the mean of the first
fifth of the samples with that of the last fifth, because single samples vary. The exit code is 1 if memory grew by more
than 5 %, if threads or descriptors grew, if no cut was switched, or if the invariant does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import fmean

from chaos.process_use import Use, use_of
from chaos.verdict import violations
from chaos.world import World, WorldOptions
from link_emulator import Trace

_GROWTH = 0.05
_SAMPLES = 100
_MEGABYTE = 1e6
_UPLINKS_BPS = (20e6, 5e6, 1e6, 50e6, 2e6)
_UPLINK_S = 15.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Both sides' use at one time."""

    at_s: float
    edge: Use
    cloud: Use


def grown(name: str, uses: Sequence[Use]) -> list[str]:
    """Print a side's use, and return what grew, in words."""
    fifth = max(1, len(uses) // 5)
    first, last = uses[:fifth], uses[-fifth:]
    before, after = (fmean(use.resident_bytes for use in part) for part in (first, last))
    print(f"{name}: memory {before / _MEGABYTE:.1f} -> {after / _MEGABYTE:.1f} MB, {after / before - 1:+.2%}")
    found = [] if after <= (1 + _GROWTH) * before else [f"the {name}'s memory grew by {after / before - 1:.1%}"]
    for what in ("threads", "descriptors"):
        # The number of open calls varies, so the least at the end is compared with the most at the beginning.
        most, least = max(getattr(use, what) for use in first), min(getattr(use, what) for use in last)
        print(f"{name}: {what} {most} -> {least}")
        if least > most:
            found.append(f"the {name}'s {what} grew from {most} to {least}")
    return found


async def switch_uplinks(world: World) -> None:
    """Give the link another rate every few seconds, for ever."""
    for rate_bps in cycle(_UPLINKS_BPS):
        world.link.set_uplink(Trace.constant(rate_bps))
        await asyncio.sleep(_UPLINK_S)


async def run(folder: Path, minutes: float, options: WorldOptions) -> list[str]:
    """Stream for `minutes`; returns what grew, and violations of the invariant."""
    samples: list[Sample] = []
    # Not verified, because verifying keeps all results until the end, so memory would grow; `make chaos` verifies.
    async with World(folder, options, verify=False) as world:
        await world.offloaded(limit_s=120.0)
        switching = asyncio.create_task(switch_uplinks(world))
        began_s, whole_s = time.monotonic(), 60.0 * minutes
        await asyncio.sleep(whole_s / 5)
        while time.monotonic() < began_s + whole_s:
            if world.cloud is None:
                raise RuntimeError("the cloud is gone")
            now = Sample(time.monotonic() - began_s, use_of(world.edge.pid), use_of(world.cloud.pid))
            samples.append(now)
            print(
                f"{now.at_s:7.0f} s  edge {now.edge.resident_bytes / _MEGABYTE:7.1f} MB {now.edge.threads:3} threads "
                f"{now.edge.descriptors:3} files   cloud {now.cloud.resident_bytes / _MEGABYTE:7.1f} MB "
                f"{now.cloud.threads:3} threads {now.cloud.descriptors:3} files   {len(world.frames)} frames",
                flush=True,
            )
            await asyncio.sleep(whole_s / _SAMPLES)
        switching.cancel()
        code, report = await world.finish()
        offloaded, switches = report["frames"]["offloaded"], report["switches"]
        cuts = {tuple(frame.line.get("cut") or ()) for frame in world.frames}
        print(f"\n{len(world.frames)} frames, {offloaded} offloaded; {switches} switches between {len(cuts)} cuts")
        found = violations([frame.line for frame in world.frames], report, code)
        found += [] if switches else ["no cut was switched"]
    found += grown("edge", [sample.edge for sample in samples])
    return found + grown("cloud", [sample.cloud for sample in samples])


def main() -> None:
    parser = argparse.ArgumentParser(description="Streams frames for long and looks for growth.")
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--rate", type=float, default=12.0, help="frames per second")
    parser.add_argument("--model", help="SPEC of another model, for example file:MODEL.dads")
    parser.add_argument("--slowdown", type=float, default=20.0, help="how many times slower the edge is")
    given = parser.parse_args()
    options = WorldOptions(rate_hz=given.rate, slowdown=given.slowdown, spec=given.model)
    with tempfile.TemporaryDirectory(prefix="dads-soak-") as folder:
        found = asyncio.run(run(Path(folder), given.minutes, options))
    print("verdict: " + ("nothing grew" if not found else "".join(f"\n  {one}" for one in found)))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
