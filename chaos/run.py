"""`make chaos`: thousands of frames with random faults, and a table of the outcomes by kind of fault.

    python -m chaos.run --frames 10000 --seed 1

Faults of random kinds and durations follow one another, all drawn from the seed; the next one waits until offloading is
back. The edge's results and log are kept in `out/chaos`. The exit code is 1 if the invariant of `chaos.verdict` does
not hold, or if it took longer than `--back-within` until offloading was back, or until a silent cloud was noticed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.faults import FAULTS, Fault
from chaos.verdict import violations
from chaos.world import World, WorldError, WorldOptions

_SHORTEST_S, _LONGEST_S = 0.5, 8.0
_CALM_S = (0.5, 3.0)
_SETTLE_S = 120.0
_OUT = Path("out/chaos")


@dataclass(frozen=True, slots=True)
class Happened:
    """One fault and its consequences.

    Attributes:
        name: The fault's name.
        lasted_s: From its beginning to its end.
        back_s: From its end until the next offloaded result; infinite if none came.
        noticed_s: From its beginning until the edge logged a missing heartbeat; None if it did not, or if the fault
            does not silence the cloud.
        outcomes: The outcomes of the frames that ended between the fault's beginning and the return of offloading.
    """

    name: str
    lasted_s: float
    back_s: float
    noticed_s: float | None
    outcomes: Counter[str]


async def suffer(world: World, fault: Fault, seconds: float) -> Happened:
    """Inject a fault for `seconds`, and wait until offloading is back."""
    began, began_s = len(world.frames), time.monotonic()
    await fault.begin(world)
    await asyncio.sleep(seconds)
    await fault.end(world)
    ended_s = time.monotonic()
    noticed_s = [
        at_s - began_s
        for at_s, event in world.edge_said
        if fault.silences and began_s <= at_s < ended_s and "no heartbeat" in str(event.get("error"))
    ]
    try:
        back_s = (await world.offloaded(limit_s=_SETTLE_S)).at_s - ended_s
    except WorldError:
        back_s = float("inf")
    outcomes = Counter(frame.outcome for frame in world.frames[began:])
    return Happened(fault.name, ended_s - began_s, back_s, noticed_s[0] if noticed_s else None, outcomes)


async def run(
    folder: Path, frames: int, seed: int, rate_hz: float, kinds: Sequence[type[Fault]] = FAULTS
) -> tuple[int, list[Happened], list[str]]:
    """Stream at least `frames` frames with faults; returns their number, the faults and the invariant's violations."""
    dice = random.Random(seed)  # noqa: S311 - repeatable faults, not a secret
    happened: list[Happened] = []
    # Drawn without replacement: each kind occurs once before any occurs again.
    bag: list[type[Fault]] = []
    async with World(folder, WorldOptions(rate_hz=rate_hz)) as world:
        await world.offloaded(limit_s=_SETTLE_S)
        while len(world.frames) < frames:
            if not bag:
                bag = dice.sample(kinds, len(kinds))
            one = await suffer(world, bag.pop()(), dice.uniform(_SHORTEST_S, _LONGEST_S))
            happened.append(one)
            print(_line(len(world.frames), one), flush=True)
            if one.back_s == float("inf"):
                break
            await asyncio.sleep(dice.uniform(*_CALM_S))
        code, report = await world.finish()
        found = violations([frame.line for frame in world.frames], report, code)
        _keep(world, seed)
        return len(world.frames), happened, found


def judged(happened: Sequence[Happened], back_within_s: float) -> list[str]:
    """Return the recoveries and notices that took longer than `back_within_s`."""
    late = [
        f"{one.name}: offloading was back after {one.back_s:.2f} s" for one in happened if one.back_s > back_within_s
    ]
    # A fault without a notice may have ended before it could be noticed.
    return late + [
        f"{one.name}: noticed after {one.noticed_s:.2f} s"
        for one in happened
        if one.noticed_s is not None and one.noticed_s > back_within_s
    ]


def table(happened: Sequence[Happened]) -> str:
    """Return a table with a line for each kind of fault."""
    columns = ("offloaded", "edge_only", "local_fallback", "dropped", "failed")
    head = (
        "fault                      times  frames  offloaded  edge only  fallback  dropped  failed  back s: median"
        "  worst  noticed s"
    )
    lines = [head]
    for name in dict.fromkeys(fault.name for fault in FAULTS):
        ones = [one for one in happened if one.name == name]
        if not ones:
            continue
        outcomes = sum((one.outcomes for one in ones), Counter[str]())
        back = sorted(one.back_s for one in ones)
        noticed = [one.noticed_s for one in ones if one.noticed_s is not None]
        counts = "".join(
            f"{outcomes[column]:>{width}}" for column, width in zip(columns, (11, 11, 10, 9, 8), strict=True)
        )
        worst = f"{max(noticed):.2f}" if noticed else "-"
        lines.append(
            f"{name:26}{len(ones):>6}{outcomes.total():>8}{counts}"
            f"{back[len(back) // 2]:>16.2f}{back[-1]:>7.2f}{worst:>11}"
        )
    return "\n".join(lines)


def _keep(world: World, seed: int) -> None:
    """Write the edge's results and log, ordered by time, for debugging."""
    _OUT.mkdir(parents=True, exist_ok=True)
    said = [(frame.at_s, frame.line) for frame in world.frames] + world.edge_said
    lines = (json.dumps({"at_s": round(at_s, 3), **line}) for at_s, line in sorted(said, key=lambda one: one[0]))
    (_OUT / f"seed-{seed}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _line(frames: int, one: Happened) -> str:
    noticed = "" if one.noticed_s is None else f", noticed after {one.noticed_s:.2f} s"
    return f"frame {frames:6}: {one.name} for {one.lasted_s:.1f} s{noticed}, back after {one.back_s:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description="Random faults between an edge and its cloud.")
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=12.0, help="frames per second")
    parser.add_argument("--back-within", type=float, default=2.0, metavar="S", help="longest time without offloading")
    parser.add_argument("--only", default="", metavar="WORDS", help="only faults whose name has these words")
    options = parser.parse_args()
    kinds = [fault for fault in FAULTS if options.only in fault.name]
    if not kinds:
        parser.error(f"no fault has {options.only!r} in its name: {', '.join(fault.name for fault in FAULTS)}")
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dads-chaos-") as folder:
        frames, happened, found = asyncio.run(run(Path(folder), options.frames, options.seed, options.rate, kinds))
    found += judged(happened, options.back_within)
    print(f"\n{frames} frames, {len(happened)} faults, seed {options.seed}, {time.monotonic() - began_s:.0f} s\n")
    print(table(happened))
    print("\nviolations: " + ("none" if not found else "".join(f"\n  {one}" for one in found)))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
