"""`make replicas`: edges that verify every result, while one of their replicas is killed every few seconds.

    python -m chaos.replicas --behind envoy
    python -m chaos.replicas --behind clouds        # no proxy: dads edge --cloud A,B,C

The replicas start from one model file, and start again when they were killed. The edges' results are kept in
`out/replicas`. The exit code is 1 if a frame was lost or wrong, or if of the frames that were sent while a replica was
up a smaller share than `--answered` was answered by a cloud.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from chaos import clip, small_model
from chaos.camera_runs.watched_edge import WatchedEdge
from chaos.replicas.proxy import Envoy
from chaos.replicas.shares import Shares, percentile, shares_of
from chaos.replicas.stand import Replica, Stand
from chaos.verdict import violations
from dads.children import Child

_OUT = Path("out/replicas")
# So large that a slowed edge computes for far longer than it reads a picture: it is alone by loss, never by choice.
_SIDE = 128
_READY_S = 180.0
_FINISH_S = 300.0
_SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run.

    Attributes:
        behind: `envoy`, or `clouds` for several addresses without a proxy.
        edges: How many edges.
        replicas: How many replicas.
        rate_hz: Frames a second of each edge.
        slowdown: The edges' slowdown; large enough that offloading pays on a busy machine.
        seconds: How long replicas are ended.
        every_s: From one end to the next.
        how: The signal that ends a replica.
        seed: Which replica it is each time.
    """

    behind: str
    edges: int
    replicas: int
    rate_hz: float
    slowdown: float
    seconds: float
    every_s: float
    how: signal.Signals
    seed: int


async def export(folder: Path) -> Path:
    """Write the small model as a file that needs no torch; returns its path."""
    spec = small_model.write(folder / "model.pt2", seed=1, side=_SIDE)
    said: list[str] = []
    target = folder / "model.dads"
    arguments = ["export", spec, "--output", str(target), "--cache-dir", str(folder / "export")]
    async with Child("export", arguments, said.append) as child:
        if await child.wait():
            raise RuntimeError(f"the export failed: {said[-3:]}")
    return target


def edge_of(plan: Plan, number: int, folder: Path, cloud: str) -> WatchedEdge:
    """An edge that verifies what it gets, with a cache of its own."""
    model = ("--model", f"file:{folder / 'model.dads'}", "--cache-dir", str(folder / "edges"))
    source = ("--source", str(folder / "clip.mp4"), "--loop", "--rate", f"{plan.rate_hz:g}")
    speed = ("--threads", "1", "--edge-slowdown", f"{plan.slowdown:g}")
    return WatchedEdge(f"edge-{number}", (*model, *source, *speed, "--cloud", cloud, "--verify"), folder)


async def trouble(plan: Plan, stand: Stand) -> int:
    """End a replica that is up every `every_s` seconds; returns how often."""
    dice = random.Random(plan.seed)  # noqa: S311 - repeatable faults, not a secret
    began_s, count = time.monotonic(), 0
    while True:
        # From one to the next, not by the clock: on a machine that stood still, nothing is made up for.
        await asyncio.sleep(plan.every_s)
        stand.check()
        if (at_s := time.monotonic() - began_s) > plan.seconds + plan.every_s / 2:
            return count
        up = [replica for replica in stand.replicas if replica.is_up]
        if not up:
            print(f"{at_s:6.0f} s  all are down", flush=True)
            continue
        chosen = dice.choice(up)
        chosen.end(plan.how)
        count += 1
        print(f"{at_s:6.0f} s  {chosen.name} is ended; up: {_names(up, chosen)}", flush=True)


def _names(up: list[Replica], ended: Replica) -> str:
    return ", ".join(replica.name for replica in up if replica is not ended) or "none"


async def run(folder: Path, plan: Plan) -> tuple[Shares, int, list[str]]:
    """Returns what became of the frames, how many replicas were ended, and what is wrong."""
    clip.write(folder / "clip.mp4")
    model = await export(folder)
    async with contextlib.AsyncExitStack() as stack:
        stand = await stack.enter_async_context(Stand(model, plan.replicas, folder))
        await stand.all_up()
        addresses = [replica.address for replica in stand.replicas]
        cloud = ",".join(addresses)
        if plan.behind == "envoy":
            cloud = (await stack.enter_async_context(Envoy(addresses, folder))).address
        edges = [edge_of(plan, number, folder, cloud) for number in range(1, plan.edges + 1)]
        for edge in edges:
            await stack.enter_async_context(edge)
        for number, edge in enumerate(edges, 1):
            if not await edge.line(lambda line: line.record["outcome"] == "offloaded", since=0, limit_s=_READY_S):
                raise RuntimeError(f"edge {number} sent no frame to a cloud; it said: {edge.last_words()}")
        skipped = [len(edge.lines) for edge in edges]
        print(f"{plan.edges} edges at {plan.rate_hz:g} Hz and {plan.replicas} replicas; behind: {plan.behind}")
        ended = await trouble(plan, stand)
        found = []
        finished = await asyncio.gather(*(edge.finish(limit_s=_FINISH_S) for edge in edges))
        for number, (edge, (code, report)) in enumerate(zip(edges, finished, strict=True), 1):
            _keep(plan, number, edge)
            lines = [line.record for line in edge.lines]
            found += [f"edge {number}: {one}" for one in violations(lines, report, code)]
        measured = [edge.lines[place:] for edge, place in zip(edges, skipped, strict=True)]
        return shares_of(measured, stand.ups), ended, found


def _keep(plan: Plan, number: int, edge: WatchedEdge) -> None:
    """Write the edge's results and its log, for debugging."""
    _OUT.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"at_s": round(line.at_s, 3), **line.record}) for line in edge.lines]
    (_OUT / f"{plan.behind}-edge-{number}.jsonl").write_text("\n".join([*lines, *edge.log]) + "\n", encoding="utf-8")


def told(shares: Shares) -> str:
    """The shares in words."""
    p50, p99 = (1000 * percentile(shares.latencies_s, share) for share in (0.5, 0.99))
    return (
        f"{shares.frames} frames; {shares.while_up} sent while a replica was up, of which a cloud answered "
        f"{shares.answered} ({shares.share:.2%}); at most {shares.longest_alone} of an edge in a row were not\n"
        f"latency of all: median {p50:.0f} ms, p99 {p99:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Edges with several replicas, of which one is killed every few seconds."
    )
    parser.add_argument("--behind", choices=("envoy", "clouds"), default="envoy")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--every", type=float, default=5.0, metavar="S", help="from one killing to the next")
    parser.add_argument("--how", choices=sorted(_SIGNALS), default="kill", help="SIGKILL, or SIGTERM, which drains")
    parser.add_argument("--edges", type=int, default=8)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--rate", type=float, default=2.0, help="frames per second of each edge")
    parser.add_argument("--slowdown", type=float, default=50.0, help="of the edges, so that offloading pays")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--answered", type=float, default=0.97, metavar="SHARE", help="wanted of a cloud")
    given = parser.parse_args()
    plan = Plan(
        behind=given.behind,
        edges=given.edges,
        replicas=given.replicas,
        rate_hz=given.rate,
        slowdown=given.slowdown,
        seconds=60.0 * given.minutes,
        every_s=given.every,
        how=_SIGNALS[given.how],
        seed=given.seed,
    )
    with tempfile.TemporaryDirectory(prefix="dads-replicas-") as folder:
        shares, ended, found = asyncio.run(run(Path(folder), plan))
    if shares.share < given.answered:
        found.append(f"a cloud answered {shares.share:.2%}, expected at least {given.answered:.0%}")
    print(f"\n{ended} replicas ended ({given.how}), seed {plan.seed}\n{told(shares)}")
    print("violations: " + ("none" if not found else "".join(f"\n  {one}" for one in found)))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
