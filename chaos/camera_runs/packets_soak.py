"""`make packets`: thousands of frames of an RTSP stream and of a file with B-frames, each answer compared, with faults.

    python -m chaos.camera_runs.packets_soak --frames 10000 --seed 1

Two edges at the same time, each with its own cloud and emulated link. Meanwhile the link is cut, connections are reset,
the cloud is killed or told to end and started again, and the camera hangs up or is restarted; all drawn from the seed.

The pictures repeat, to the same bits. So the whole model is run once on each picture of the clip, here, and each answer
must equal that of the picture whose number it has read. Of the file it is known which picture a frame shows; of the
stream, that each is newer than the one before. With `--verify` the edge itself compares all results too. It then
decodes each picture, and packets seldom pay.

The exit code is 1 if an answer differs, or the invariant of `chaos.verdict` does not hold. The edges' results and logs
are kept in `out/packets`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

import split_model
from chaos.camera_runs import numbers_model
from chaos.cameras.film import write_clip
from chaos.cameras.options import CameraOptions
from chaos.cameras.rtsp import RtspCamera
from chaos.faults import FAULTS, Fault, Terminated, WrongTwin
from chaos.run import suffer
from chaos.verdict import violations
from chaos.world import World, WorldError, WorldOptions
from edge_service.sources import open_source

_OUT = Path("out/packets")
_SPEC = f"{numbers_model.__name__}:make"
_HZ, _PERIOD, _KEYFRAME_EVERY = 25.0, 250, 50
_B_FRAMES = {"file": 2, "rtsp": 0}
_SHORTEST_S, _LONGEST_S = 0.5, 5.0
_CALM_S = (2.0, 10.0)
_SETTLE_S = 120.0
_TOLERANCE = 1e-4

Answers = Mapping[int, Sequence[float]]


class HungUp(Fault):
    """The camera closes its connection once.

    Args:
        camera: The camera.
    """

    name = "camera hangs up"

    def __init__(self, camera: RtspCamera) -> None:
        self._camera = camera

    async def begin(self, world: World) -> None:  # noqa: ARG002 # it strikes the source
        """Close the connection."""
        await asyncio.to_thread(self._camera.hang_up)

    async def end(self, world: World) -> None:
        """Nothing is left to undo."""


class Restarted(HungUp):
    """The camera is off for a while."""

    name = "camera restarted"

    async def begin(self, world: World) -> None:  # noqa: ARG002 # it strikes the source
        """Switch it off."""
        await asyncio.to_thread(self._camera.power_off)

    async def end(self, world: World) -> None:  # noqa: ARG002 # it strikes the source
        """Switch it on."""
        await asyncio.to_thread(self._camera.power_on)


@dataclass(slots=True)
class Outcome:
    """What became of one source's frames: faults struck, what was found wrong, and how frames went."""

    faults: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    ways: Counter[str] = field(default_factory=Counter)
    frames: int = 0


def way(record: Mapping[str, Any]) -> str:
    """How a frame went: as packets, as a frame in some encoding, by a cut inside the model, or not to the cloud.

    >>> way({"outcome": "offloaded", "cut": ["image"], "encoding": "packets"})
    'as packets'
    """
    if record["outcome"] != "offloaded":
        return str(record["outcome"])
    if record["encoding"] == "packets":
        return "as packets"
    return f"{'+'.join(record['cut'])} as {record['encoding']}"


def differences(
    records: Sequence[Mapping[str, Any]], answers: Answers, *, shows: Callable[[int], int] | None
) -> list[str]:
    """What is wrong with the answers, in words; the first of each kind.

    Args:
        records: The lines of all frames.
        answers: The whole model's features of each picture.
        shows: The picture that a frame shows, by the frame's number; None where that is not known.
    """
    wrong: dict[str, list[str]] = {"picture not read": [], "another picture": [], "another answer": []}
    for record in records:
        made = record.get("result")
        if not isinstance(made, Mapping):
            continue
        number, told = made.get("picture"), f"frame {record['frame']} ({way(record)})"
        if number is None or number not in answers:
            wrong["picture not read"].append(f"{told}: {made.get('why', number)}")
            continue
        if shows is not None and number != shows(record["frame"]):
            wrong["another picture"].append(f"{told} shows {number} instead of {shows(record['frame'])}")
        scale = max(abs(value) for value in answers[number])
        off = max(abs(a - b) for a, b in zip(made["features"], answers[number], strict=True))
        if off > _TOLERANCE * scale:
            wrong["another answer"].append(f"{told}, picture {number}: off by {off / scale:.1e} of its scale")
    return [f"{len(ones)} frames: {kind}; the first: {ones[0]}" for kind, ones in wrong.items() if ones]


def steps_back(records: Sequence[Mapping[str, Any]], period: int) -> list[str]:
    """The results of a stream that are of no newer picture than the result before; numbers begin anew after `period`.

    One that is answered with its neighbour's picture shows so, unless that neighbour has no result.
    """
    found = []
    read = [record for record in records if isinstance(record.get("result"), Mapping)]
    for before, after in pairwise(read):
        old, new = before["result"]["picture"], after["result"]["picture"]
        if old is None or new is None:
            continue
        # A restarted film begins at 0, and may have been joined late.
        begins_anew = new < period // 4
        if not begins_anew and not 0 < (new - old) % period <= period // 2:
            found.append(f"frame {after['frame']} ({way(after)}) shows {new} after {old}")
    return [f"{len(found)} frames: no newer picture; the first: {found[0]}"] if found else []


async def answers_of(clip: Path) -> Answers:
    """The whole model's features of each picture of a clip, computed here."""
    model = split_model.load(_SPEC)
    side = numbers_model.SIDE
    source = open_source(str(clip), height=side, width=side, rate_hz=_HZ, paced=False, preprocess=model.preprocess)
    answers: dict[int, Sequence[float]] = {}
    with torch.inference_mode():
        async for frame in source:
            made = numbers_model.read(model(torch.from_numpy(frame.image)))
            answers[made["picture"]] = made["features"]
    if set(answers) != set(range(_PERIOD)):
        raise WorldError(f"the clip shows {len(answers)} pictures by their numbers; expected {_PERIOD}")
    return answers


@contextlib.asynccontextmanager
async def _source(name: str, clip: Path) -> AsyncIterator[tuple[str, list[Callable[[], Fault]]]]:
    """A source's address, and the faults of its own."""
    if name == "file":
        yield str(clip), []
        return
    options = CameraOptions(rate_hz=_HZ, keyframe_every=_KEYFRAME_EVERY, repeat_every=_PERIOD)
    with RtspCamera(options) as camera:
        yield camera.address, [lambda: HungUp(camera), lambda: Restarted(camera)]


async def run(name: str, folder: Path, frames: int, dice: random.Random, *, verify: bool) -> Outcome:
    """Stream at least `frames` frames of a source with faults, and judge."""
    clip, done = folder / "numbers.mp4", Outcome()
    write_clip(clip, _PERIOD, rate_hz=_HZ, keyframe_every=_KEYFRAME_EVERY, b_frames=_B_FRAMES[name])
    answers = await answers_of(clip)
    async with _source(name, clip) as (address, own):
        # Of a factory there is no wrong twin.
        kinds: list[Callable[[], Fault]] = [*(kind for kind in FAULTS if kind is not WrongTwin), Terminated, *own]
        options = WorldOptions(rate_hz=_HZ, slowdown=10.0, spec=_SPEC, source=address)
        async with World(folder, options, verify=verify) as world:
            try:
                await _strike(name, world, frames, dice, kinds, done)
            except WorldError as error:
                done.found.append(str(error))
            try:
                code, report = await world.finish()
            except WorldError as error:
                done.found.append(str(error))
                code, report = -1, {}
            _keep(name, world)
    records = [frame.line for frame in world.frames]
    done.frames, done.ways = len(records), Counter(way(record) for record in records)
    done.found += violations(records, report, code) if report else []
    if not done.ways["as packets"] and not verify:
        done.found.append("no frame went as packets, so nothing was tested")
    if name == "file":
        done.found += differences(records, answers, shows=lambda frame: frame % _PERIOD)
    else:
        done.found += differences(records, answers, shows=None) + steps_back(records, _PERIOD)
    return done


async def _strike(
    name: str,
    world: World,
    frames: int,
    dice: random.Random,
    kinds: Sequence[Callable[[], Fault]],
    done: Outcome,
) -> None:
    await world.offloaded(limit_s=_SETTLE_S)
    bag: list[Callable[[], Fault]] = []
    while len(world.frames) < frames:
        await asyncio.sleep(dice.uniform(*_CALM_S))
        bag = bag or dice.sample(kinds, len(kinds))
        happened = await suffer(world, bag.pop()(), dice.uniform(_SHORTEST_S, _LONGEST_S))
        done.faults[happened.name] += 1
        print(
            f"{name} frame {len(world.frames):6}: {happened.name} for {happened.lasted_s:.1f} s,"
            f" offloading back after {happened.back_s:.2f} s",
            flush=True,
        )
        if happened.back_s == float("inf"):
            raise WorldError(f"offloading did not come back after {happened.name}; {world.last_words()}")


def _keep(name: str, world: World) -> None:
    _OUT.mkdir(parents=True, exist_ok=True)
    said = [(frame.at_s, frame.line) for frame in world.frames] + world.edge_said
    lines = (json.dumps({"at_s": round(at_s, 3), **line}) for at_s, line in sorted(said, key=lambda one: one[0]))
    (_OUT / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


async def _all(folders: Mapping[str, Path], frames: int, seed: int, *, verify: bool) -> dict[str, Outcome]:
    runs = [
        run(name, folder, frames, random.Random(seed + place), verify=verify)  # noqa: S311 - repeatable, not a secret
        for place, (name, folder) in enumerate(folders.items())
    ]
    return dict(zip(folders, await asyncio.gather(*runs), strict=True))


def main() -> None:
    """Run, print and exit."""
    parser = argparse.ArgumentParser(description="Compressed streams through a cloud, with faults; answers compared.")
    parser.add_argument("--frames", type=int, default=10_000, help="frames of each source")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verify", action="store_true", help="the edge compares all results too")
    parser.add_argument("--only", choices=tuple(_B_FRAMES), help="only this source")
    options = parser.parse_args()
    names = [name for name in _B_FRAMES if options.only in (None, name)]
    with tempfile.TemporaryDirectory(prefix="dads-packets-") as folder:
        folders = {name: Path(folder, name) for name in names}
        for own in folders.values():
            own.mkdir()
        made = asyncio.run(_all(folders, options.frames, options.seed, verify=options.verify))
    for name, outcome in made.items():
        print(f"\n{name}: {outcome.frames} frames; faults: {dict(outcome.faults.most_common())}")
        for label, count in outcome.ways.most_common():
            print(f"  {count:7}  {label}")
        print(
            "verdict: " + ("every answer is right" if not outcome.found else "".join(f"\n  {x}" for x in outcome.found))
        )
    sys.exit(1 if any(outcome.found for outcome in made.values()) else 0)


if __name__ == "__main__":
    main()
