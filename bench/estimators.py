"""How near the uplink estimate comes to the link's goodput, and how fast it follows a step.

Run with ``python -m bench.estimators [--output FILE.json]``. The real server and the real agent at the ends of shaped
links. Goodput is compared with goodput: the link's rate less TCP/IP headers (`Link.goodput_share`: 96.5 % of what a
packet link counts, 95.6 % of what tbf counts). What gRPC adds to a tensor is under 1 % and counts as an error.

- steady: the median error over the last half of the run, and the largest; `frames` are uploads that measure by
  themselves, `probes` is an edge that never offloads and only probes.
- step: 20 to 4 Mbit/s and back, with frames: seconds and frames that ended until the estimate stays within 20 %.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

import models
from bench.idle_link import SIZES_BYTES, SPECS
from bench.links import Kind, Link, available_kinds, open_link
from edge_service import Agent, AgentConfig

STEADY_BPS = (2e6, 8e6, 20e6, 100e6)
STEP_BPS = (20e6, 4e6, 20e6)
STEADY_S, STEP_S = 12.0, 10.0
READ_EVERY_S = 0.05
SETTLED = 0.20


@dataclass(frozen=True, slots=True)
class Reading:
    """The estimate at a time, and the frames that had ended by then."""

    at_s: float
    uplink_bps: float | None
    frames: int


async def watch(address: str, size: str, rate_hz: float, offload: bool, run_s: float) -> None:
    """Drives the agent; prints "ready" when an estimate is there, then a reading per line."""
    model = models.load(SPECS[size])
    layers = len(model.graph.layers)
    # Times that make the choice: everything in the cloud, or nothing.
    profile = models.Profile(layer_s=(0.0,) + (100.0 if offload else 0.0,) * (layers - 1), whole_s=100.0 * offload)
    frame = torch.zeros(1, 1, SIZES_BYTES[size] // 4)
    ended = 0

    def on_result(_: object) -> None:
        nonlocal ended
        ended += 1

    config = AgentConfig(rate_hz=rate_hz, require_cloud=True)
    async with Agent(model, address, config, edge_profile=profile, on_result=on_result) as agent:
        while agent.state.uplink_bps is None:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(READ_EVERY_S)
        print("ready", flush=True)
        began_s, next_s = time.monotonic(), time.monotonic()
        while (now_s := time.monotonic()) < began_s + run_s:
            while next_s <= now_s:
                agent.put(frame)
                next_s += 1 / rate_hz
            print(json.dumps(asdict(Reading(now_s, agent.state.uplink_bps, ended))), flush=True)
            await asyncio.sleep(READ_EVERY_S)


def readings(link: Link, size: str, rate_hz: float, offload: bool, steps_bps: Sequence[float], step_s: float) -> Any:  # noqa: ANN401 # readings and step times
    """Runs an edge and a cloud on the link while its rate takes the steps."""
    serving = link.on_cloud([sys.executable, "-m", "bench.idle_link", "--size", size, "--serve", link.listen])
    with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as cloud:
        try:
            port = next(int(line) for line in cloud.stdout or () if line.strip().isdecimal())
            this = [sys.executable, "-m", "bench.estimators", "--watch", link.dial(port), "--size", size]
            this += ["--rate", str(rate_hz), "--run", str(step_s * len(steps_bps)), *(["--offload"] if offload else [])]
            with subprocess.Popen(link.on_edge(this), stdout=subprocess.PIPE, text=True) as edge:
                lines = iter(edge.stdout or ())
                next(line for line in lines if line.strip() == "ready")
                return _read(link, lines, steps_bps, step_s)
        finally:
            cloud.terminate()


def _read(link: Link, lines: Any, steps_bps: Sequence[float], step_s: float) -> tuple[list[Reading], list[float]]:  # noqa: ANN401 # lines of text
    seen: list[Reading] = []
    changed_s = [time.monotonic()]
    for line in lines:
        if not line.startswith("{"):
            continue
        seen.append(Reading(**json.loads(line)))
        if len(changed_s) < len(steps_bps) and seen[-1].at_s >= changed_s[0] + step_s * len(changed_s):
            link.set_uplink(steps_bps[len(changed_s)])
            changed_s.append(time.monotonic())
    return seen, changed_s


def steady(
    kind: Kind, rate_bps: float, rtt_s: float, size: str, offload: bool, congestion: str | None
) -> dict[str, Any]:
    with open_link(rate_bps, rtt_s=rtt_s, kind=kind, congestion=congestion) as link:
        # As many frames as half the link takes, at most ten a second.
        rate_hz = min(10.0, 0.5 * rate_bps / 8 / SIZES_BYTES[size])
        seen, _ = readings(link, size, rate_hz, offload, (rate_bps,), STEADY_S)
        goodput_bps, told = rate_bps * link.goodput_share, (link.kind, link.congestion)
    half = seen[len(seen) // 2 :]
    errors = [(one.uplink_bps or 0.0) / goodput_bps - 1 for one in half]
    return {
        "what": "frames" if offload else "probes",
        "kind": told[0],
        "congestion": told[1],
        "rate_bps": rate_bps,
        "rtt_s": rtt_s,
        "bytes": SIZES_BYTES[size] if offload else None,
        "median_error": median(errors),
        "largest_error": max(errors, key=abs),
        "readings": [(round(one.at_s - seen[0].at_s, 3), one.uplink_bps, one.frames) for one in seen],
    }


def step(kind: Kind, rtt_s: float, size: str, rate_hz: float, congestion: str | None) -> list[dict[str, Any]]:
    with open_link(STEP_BPS[0], rtt_s=rtt_s, kind=kind, congestion=congestion) as link:
        seen, changed_s = readings(link, size, rate_hz, True, STEP_BPS, STEP_S)
        share, told = link.goodput_share, (link.kind, link.congestion)
    found = []
    for index in range(1, len(STEP_BPS)):
        end_s = changed_s[index + 1] if index + 1 < len(changed_s) else seen[-1].at_s + 1
        during = [one for one in seen if changed_s[index] <= one.at_s < end_s]
        off = [abs((one.uplink_bps or 0.0) / (STEP_BPS[index] * share) - 1) > SETTLED for one in during]
        last_off = max((position for position, is_off in enumerate(off) if is_off), default=-1)
        settled = during[min(last_off + 1, len(during) - 1)]
        found.append(
            {
                "what": f"step from {STEP_BPS[index - 1] / 1e6:.0f} to {STEP_BPS[index] / 1e6:.0f} Mbit/s",
                "kind": told[0],
                "congestion": told[1],
                "rtt_s": rtt_s,
                "bytes": SIZES_BYTES[size],
                "rate_hz": rate_hz,
                "settled": last_off + 1 < len(during),
                "seconds": settled.at_s - changed_s[index],
                "frames": settled.frames - during[0].frames,
                "readings": [(round(one.at_s - changed_s[index], 3), one.uplink_bps, one.frames) for one in during],
            }
        )
    return found


def told(one: dict[str, Any]) -> str:
    start = f"{one['kind']:8} {one['congestion']:5} {1e3 * one['rtt_s']:3.0f} ms "
    size = f"{one['bytes'] / 1e3:5.0f} kB" if one["bytes"] else "   none"
    if "seconds" in one:
        end = f"settled after {one['seconds']:.2f} s, {one['frames']} frames" if one["settled"] else "never settled"
        return f"{start} {one['what']}, frames of {size} at {one['rate_hz']:g}/s: {end}"
    return (
        f"{start} steady {one['rate_bps'] / 1e6:4.0f} Mbit/s, {one['what']} {size}: median error "
        f"{100 * one['median_error']:+.1f} %, largest {100 * one['largest_error']:+.1f} %"
    )


def run(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def tell(ones: list[dict[str, Any]]) -> None:
        found.extend(ones)
        print("\n".join(told(one) for one in ones), flush=True)

    for kind in arguments.kinds:
        congestion = None if kind == "emulator" else arguments.congestion
        rtt_s = 0.0 if kind == "tbf" else arguments.rtt
        for rate_bps in arguments.rates:
            for size, offload in (("150kB", False), ("150kB", True), ("1MB", True)):
                tell([steady(kind, rate_bps, rtt_s, size, offload, congestion)])
        for size, rate_hz in (("150kB", 5.0), ("1MB", 1.0)):
            tell(step(kind, rtt_s, size, rate_hz, congestion))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    parser.add_argument("--size", help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--run", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--offload", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--kinds", nargs="*", default=[kind for kind in available_kinds() if kind != "emulator"])
    parser.add_argument("--rates", type=float, nargs="*", default=STEADY_BPS)
    parser.add_argument("--rtt", type=float, default=0.02)
    parser.add_argument("--congestion", default="cubic")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.watch:
        asyncio.run(watch(arguments.watch, arguments.size, arguments.rate, arguments.offload, arguments.run))
        return
    found = run(arguments)
    if arguments.output:
        arguments.output.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
