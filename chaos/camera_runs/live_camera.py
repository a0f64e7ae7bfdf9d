"""`make cameras`: live cameras of 25 pictures a second, read by a model that manages 2, with faults; ages and returns.

    python -m chaos.camera_runs.live_camera --minutes 10 --seed 1
    python -m chaos.camera_runs.live_camera --minutes 10 --server gstreamer      # a real RTSP server in between

An RTSP camera (H.264) and an HTTP camera (MJPEG) at the same time, each with its own `dads edge`. As root, each edge is
in a network namespace behind a cable that can be pulled; otherwise everything is on loopback. Each picture has its
number in it, which the model reads, so each result tells how old its picture was when its computation began.

The exit code is 1 if a limit of issue 21 is broken: ages of 0.5 s at the 99th percentile; a first picture within 0.5 s
of the next keyframe; a result within 2 s and a keyframe's interval of the camera's return; every gap named in the
report; one result for each frame. The edges' results and logs are kept in `out/cameras`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from chaos.camera_runs import cable, figures, numbers_model, real_server, troubles
from chaos.camera_runs.figures import Return, Trouble
from chaos.camera_runs.watched_edge import EdgeError, WatchedEdge
from chaos.cameras.camera import Camera
from chaos.cameras.mjpeg import MjpegCamera
from chaos.cameras.options import CameraOptions
from chaos.cameras.rtsp import RtspCamera
from chaos.verdict import violations

_OUT = Path("out/cameras")
_HZ, _KEYFRAME_EVERY = 25.0, 50
_SHORTEST_S, _LONGEST_S = 0.5, 10.0
# The last picture before a gap waits until the model is free, up to half a second. Were faults much more frequent than
# cameras have them, such pictures would be all that the 99th percentile shows.
_CALM_S = (5.0, 15.0)
_START_LIMIT_S, _BACK_LIMIT_S = 60.0, 30.0
_MOST_AGE_S, _MOST_PICTURE_S, _MOST_BACK_S = 0.5, 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is made.

    Attributes:
        minutes: How long.
        seed: Of faults and durations.
        model_s: Seconds that the model takes for a frame.
        rate_hz: Frames asked for a second.
        server: Who serves RTSP to the edge.
        words: Only faults whose name has these words.
    """

    minutes: float
    seed: int
    model_s: float
    rate_hz: float
    server: str
    words: str


@dataclass(slots=True)
class Seen:
    """What a run saw.

    Attributes:
        suffered: The faults, each with the return from it.
        ages_s: Ages of pictures when their computation began.
        found: The broken limits, in words.
        told: Other facts, in words.
    """

    suffered: list[tuple[Trouble, Return]] = field(default_factory=list)
    ages_s: list[float] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


async def run(kind: type[Camera], place: int, folder: Path, options: Options, slowdown: float) -> Seen:
    """Read one camera with faults, and judge."""
    dice = random.Random(options.seed + place)  # noqa: S311 - repeatable faults, not a secret
    name = kind.scheme
    with contextlib.ExitStack() as stack:
        wire = stack.enter_context(cable.cable(place)) if cable.is_possible() else None
        stage = stack.enter_context(_stage(kind, wire, dice, options))
        arguments = ["--model", f"{numbers_model.__name__}:make_heavy", "--source", stage.server.address]
        arguments += ["--rate", f"{options.rate_hz:g}", "--edge-slowdown", f"{slowdown:g}", "--threads", "1"]
        async with WatchedEdge(name, arguments, folder, prefix=() if wire is None else wire.prefix) as edge:
            suffered: list[Trouble] = []
            broken: list[str] = []
            try:
                await _suffer(name, stage, edge, options, suffered)
            except EdgeError as error:
                broken.append(str(error))
            code, report = await edge.finish()
            _keep(f"{name}-{options.seed}", edge, stage.camera, suffered, report)
            seen = _judged(stage.camera, edge, suffered, report)
            seen.found = broken + kept_frames(edge, report, code) + seen.found
            return seen


def kept_frames(edge: WatchedEdge, report: dict[str, Any], code: int) -> list[str]:
    """The violations of the invariant that each frame has one result."""
    if not report:
        return [f"the edge ended with {code} and left no report; it said: {edge.last_words()[-300:]}"]
    return violations([dict(line.record) for line in edge.lines], report, code)


@contextlib.contextmanager
def _stage(
    kind: type[Camera], wire: cable.Cable | None, dice: random.Random, options: Options
) -> Iterator[troubles.Stage]:
    """The camera, and the server that the edge sees."""
    host = "127.0.0.1" if wire is None else wire.here
    is_proxied = options.server == "gstreamer" and kind is RtspCamera
    every = _KEYFRAME_EVERY if kind is RtspCamera else 1
    with kind(CameraOptions(rate_hz=_HZ, keyframe_every=every, host="127.0.0.1" if is_proxied else host)) as camera:
        if not is_proxied:
            yield troubles.Stage(camera, camera, wire, dice)
            return
        with real_server.GStreamerServer(camera.address, host) as server:
            yield troubles.Stage(camera, server, wire, dice)


async def _suffer(
    name: str, stage: troubles.Stage, edge: WatchedEdge, options: Options, suffered: list[Trouble]
) -> None:
    """Strike until the time is over; each fault waits for the return from the one before."""
    if await edge.line(lambda line: line.has_result, since=0, limit_s=_START_LIMIT_S) is None:
        raise EdgeError(f"no result within {_START_LIMIT_S:g} s; the edge said: {edge.last_words()}")
    began_s = time.monotonic()
    possible = [kind for kind in troubles.kinds(stage) if options.words in kind.name]
    bag = list[troubles.Kind]()
    while time.monotonic() < began_s + 60 * options.minutes:
        await asyncio.sleep(stage.dice.uniform(*_CALM_S))
        bag = bag or stage.dice.sample(possible, len(possible))
        kind, seconds = bag.pop(), stage.dice.uniform(_SHORTEST_S, _LONGEST_S)
        struck_s, since = time.monotonic(), len(edge.lines)
        await kind.strike(stage, seconds)
        ended_s = time.monotonic()
        suffered.append(Trouble(kind.name, struck_s, ended_s, kind.interrupts_s <= ended_s - struck_s))

        def is_new(line: figures.Line, ended_s: float = ended_s) -> bool:
            return line.picture is not None and stage.camera.taken_s(line.picture) >= ended_s

        back = await edge.line(is_new, since=since, limit_s=_BACK_LIMIT_S)
        told = "not back" if back is None else f"back after {back.at_s - ended_s:.2f} s"
        print(f"{name:5} {ended_s - began_s:6.0f} s  {kind.name} for {ended_s - struck_s:.1f} s, {told}", flush=True)


def _judged(camera: Camera, edge: WatchedEdge, suffered: Sequence[Trouble], report: dict[str, Any]) -> Seen:
    lines = edge.lines
    seen = Seen(ages_s=figures.ages_s(lines, camera.taken_s))
    shown_s = [at_s for _, at_s in camera.keyframes]
    seen.suffered = [
        (one, figures.returned(one, lines, taken_s=camera.taken_s, plays=camera.plays, keyframes=shown_s))
        for one in suffered
    ]
    interval_s = (_KEYFRAME_EVERY if camera.codec == "h264" else 1) / _HZ
    seen.found += late_returns(seen.suffered, _MOST_BACK_S + interval_s)
    if not figures.share(seen.ages_s, 0.99) <= _MOST_AGE_S:
        seen.found.append(f"99 % of the pictures were at most {figures.share(seen.ages_s, 0.99):.2f} s old")
    unread = [line.record["result"]["why"] for line in lines if line.has_result and line.picture is None]
    if unread:
        seen.found.append(f"{len(unread)} pictures were damaged; the first: {unread[0]}")
    numbers = [line.picture for line in lines if line.picture is not None]
    backwards = sum(later <= earlier for earlier, later in pairwise(numbers))
    if backwards:
        seen.found.append(f"{backwards} pictures were not newer than the one before")
    seen.found += _gaps_judged(suffered, report, figures.source_clock(lines, camera.taken_s))
    seen.told.append(f"source in the report: {json.dumps(_short(report.get('source')))}")
    return seen


def late_returns(suffered: Sequence[tuple[Trouble, Return]], most_back_s: float) -> list[str]:
    """The returns that took too long, in words."""
    found = []
    for trouble, back in suffered:
        if back.result_s > most_back_s:
            found.append(f"{trouble.name}: the next result came {back.result_s:.2f} s after the camera's return")
        if back.picture_s > _MOST_PICTURE_S:
            found.append(f"{trouble.name}: the first picture came {back.picture_s:.2f} s after the keyframe")
    return found


def _gaps_judged(suffered: Sequence[Trouble], report: dict[str, Any], source_s: Callable[[float], float]) -> list[str]:
    gaps = figures.gaps_of(report)
    if gaps is None:
        return ["the report names no gaps: it has no `source` with `gaps`"]
    left = figures.unnamed(suffered, gaps, source_s)
    return [f"the report names no gap for {one.name} at {source_s(one.began_s):.1f} s" for one in left]


def _short(value: object) -> object:
    """A report's part without long lists."""
    if not isinstance(value, dict):
        return value
    return {name: len(part) if isinstance(part, list) else part for name, part in value.items()}


def _keep(name: str, edge: WatchedEdge, camera: Camera, suffered: Sequence[Trouble], report: dict[str, Any]) -> None:
    """Write results, faults and connections, ordered by time, and the log and the report, for debugging."""
    _OUT.mkdir(parents=True, exist_ok=True)
    events = [{"at_s": line.at_s, **line.record} for line in edge.lines]
    events += [{"at_s": one.began_s, "until_s": one.ended_s, "trouble": one.name} for one in suffered]
    events += [{"at_s": at_s, "camera": "a viewer begins"} for at_s in camera.plays]
    lines = [json.dumps(event) for event in sorted(events, key=lambda event: float(event["at_s"]))]
    (_OUT / f"{name}.jsonl").write_text("\n".join([*lines, *edge.log]) + "\n", encoding="utf-8")
    (_OUT / f"{name}-report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _told(name: str, seen: Seen) -> None:
    ages = " ".join(f"{label} {figures.share(seen.ages_s, part):.3f}" for label, part in _PARTS)
    print(f"\n{name}: {len(seen.ages_s)} results; age when computation began, s: {ages}")
    print(f"{'fault':26}{'times':>6}{'result s: median':>18}{'worst':>8}{'picture s: median':>19}{'worst':>8}")
    for kind in dict.fromkeys(trouble.name for trouble, _ in seen.suffered):
        backs = [back for trouble, back in seen.suffered if trouble.name == kind]
        result_s, picture_s = [back.result_s for back in backs], [back.picture_s for back in backs]
        halves = [figures.share(values, 0.5) for values in (result_s, picture_s)]
        print(
            f"{kind:26}{len(backs):>6}{halves[0]:>18.2f}{max(result_s):>8.2f}{halves[1]:>19.2f}{max(picture_s):>8.2f}"
        )
    for line in seen.told:
        print(line)
    print("verdict: " + ("all limits hold" if not seen.found else "".join(f"\n  {one}" for one in seen.found)))


_PARTS = (("p50", 0.5), ("p99", 0.99), ("worst", 1.0))


def _slowdown(model_s: float) -> float:
    """By how much the model is slowed, so that it takes so long."""
    import torch  # noqa: PLC0415 - takes seconds to import

    torch.set_num_threads(1)
    net, inputs, _ = numbers_model.make_heavy()
    took_s = []
    with torch.inference_mode():
        for _ in range(20):
            began_s = time.thread_time()
            net(*inputs)
            took_s.append(time.thread_time() - began_s)
    return max(1.0, model_s / figures.share(took_s, 0.5))


async def _all(kinds: Sequence[type[Camera]], options: Options) -> dict[str, Seen]:
    slowdown = _slowdown(options.model_s)
    where = "in namespaces" if cable.is_possible() else "on loopback, for want of root or iproute2"
    print(f"the edges are slowed {slowdown:.1f} times, {where}", flush=True)
    with tempfile.TemporaryDirectory(prefix="dads-cameras-") as folder:
        runs = [run(kind, place, Path(folder), options, slowdown) for place, kind in enumerate(kinds)]
        return dict(zip([kind.scheme for kind in kinds], await asyncio.gather(*runs), strict=True))


def main() -> None:
    """Run, print and exit."""
    parser = argparse.ArgumentParser(description="Live cameras with faults, read by a slow edge.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model-seconds", type=float, default=0.48, metavar="S", help="what one frame takes")
    parser.add_argument("--rate", type=float, default=_HZ, help="frames a second asked for")
    parser.add_argument("--server", choices=("own", "gstreamer"), default="own", help="who serves RTSP to the edge")
    parser.add_argument("--only", choices=("rtsp", "http"), help="only this camera")
    parser.add_argument("--faults", default="", metavar="WORDS", help="only faults whose name has these words")
    given = parser.parse_args()
    if not any(given.faults in kind.name for kind in troubles.TROUBLES):
        parser.error(f"no fault is called {given.faults!r}: {', '.join(kind.name for kind in troubles.TROUBLES)}")
    options = Options(given.minutes, given.seed, given.model_seconds, given.rate, given.server, given.faults)
    kinds = [kind for kind in (RtspCamera, MjpegCamera) if given.only in (None, kind.scheme)]
    seen = asyncio.run(_all(kinds, options))
    for name, one in seen.items():
        _told(name, one)
    sys.exit(1 if any(one.found for one in seen.values()) else 0)


if __name__ == "__main__":
    main()
