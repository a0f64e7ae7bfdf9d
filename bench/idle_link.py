"""Predicted against measured transfer of the running system on links that are idle between frames.

Run with ``python -m bench.idle_link [--output FILE.json]``. A cloud process and an edge process, the real server and
the real agent, at both ends of a `packets` link, where TCP's slow start after idle is real. Every frame is one tensor
that is sent whole; nothing is computed. The edge offloads always, because its own times are said to be long.

A row per link, congestion control, size and rate of frames: the median of predicted over measured transfer, the median
error, and how the frames' own time compares with that of a link that is always ready. Each rate begins with an agent
that knows nothing; its first frame is left out. Pauses of 25 s, at 0.04 frames per second, are those that the agent
does not keep the connection warm for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

import models
from bench.links import open_link
from cloud_service import CloudConfig, CloudServer
from edge_service import Agent, AgentConfig, FrameResult

SIZES_BYTES = {"150kB": 150_000, "1MB": 1_000_000}
RATES_HZ = (20.0, 5.0, 1.0, 0.1, 0.04)
FRAMES = {20.0: 60, 5.0: 30, 1.0: 12, 0.1: 4, 0.04: 4}
UPLINKS_BPS = (20e6, 100e6)
RTTS_S = (0.01, 0.05)
CONGESTIONS = ("cubic", "bbr")


def model_of(size_bytes: int) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """A model whose input is sent whole and whose answer is small."""
    return nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool1d(8)).eval(), (torch.zeros(1, 1, size_bytes // 4),)


def small() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    return model_of(SIZES_BYTES["150kB"])


def large() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    return model_of(SIZES_BYTES["1MB"])


SPECS = {"150kB": "bench.idle_link:small", "1MB": "bench.idle_link:large"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it went."""

    rate_hz: float
    outcome: str
    predicted_s: float
    measured_s: float
    latency_s: float
    uplink_bps: float


async def serve(listen: str, size: str) -> None:
    server = CloudServer(CloudConfig(listen=listen, insecure=True, threads=1), [models.load(SPECS[size])])
    await server.start()
    print(server.port, flush=True)
    await server.serve_until(asyncio.Event())


async def drive(address: str, size: str, rates_hz: Sequence[float]) -> list[Frame]:
    model = models.load(SPECS[size])
    profile = models.Profile(layer_s=(0.0,) + (100.0,) * (len(model.graph.layers) - 1), whole_s=200.0)
    frame = torch.zeros(1, 1, SIZES_BYTES[size] // 4)
    frames: list[Frame] = []
    for rate_hz in rates_hz:
        config = AgentConfig(rate_hz=rate_hz, require_cloud=True)
        async with Agent(model, address, config, edge_profile=profile) as agent:
            while agent.state.uplink_bps is None:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.1)
            results = await submit(agent, frame, rate_hz)
            frames += [told(result, rate_hz) for result in results[1:] if result.partition is not None]
    return frames


async def submit(agent: Agent, frame: torch.Tensor, rate_hz: float) -> list[FrameResult]:
    began_s = time.monotonic()
    futures = []
    for index in range(FRAMES[rate_hz]):
        await asyncio.sleep(max(0.0, began_s + index / rate_hz - time.monotonic()))
        futures.append(agent.put(frame))
    return await asyncio.gather(*futures)


def told(result: FrameResult, rate_hz: float) -> Frame:
    predicted, measured = result.predicted(), result.measured()
    return Frame(
        rate_hz=rate_hz,
        outcome=result.outcome.value,
        predicted_s=predicted["transfer"],
        measured_s=measured["transfer"],
        latency_s=result.latency_s,
        uplink_bps=result.uplink_bps or 0.0,
    )


def measure(uplink_bps: float, rtt_s: float, congestion: str, size: str, rates_hz: Sequence[float]) -> dict[str, Any]:
    this = [sys.executable, "-m", "bench.idle_link", "--size", size]
    with open_link(uplink_bps, rtt_s=rtt_s, kind="packets", congestion=congestion) as link:
        serving = link.on_cloud([*this, "--serve", link.listen])
        with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as cloud:
            try:
                port = next(int(line) for line in cloud.stdout or () if line.strip().isdecimal())
                rates = [str(rate_hz) for rate_hz in rates_hz]
                driving = link.on_edge([*this, "--drive", link.dial(port), "--rates", *rates])
                done = subprocess.run(driving, stdout=subprocess.PIPE, text=True, check=True)
            finally:
                cloud.terminate()
        frames = json.loads(done.stdout.splitlines()[-1])
        always_ready_s = 8 * SIZES_BYTES[size] / (uplink_bps * link.goodput_share) + rtt_s
    return {
        "kind": "packets",
        "uplink_bps": uplink_bps,
        "rtt_s": rtt_s,
        "congestion": congestion,
        "bytes": SIZES_BYTES[size],
        "always_ready_s": always_ready_s,
        "frames": frames,
    }


def rows(run: dict[str, Any]) -> Iterator[str]:
    """A line per rate of frames."""
    for rate_hz in RATES_HZ:
        sent = [frame for frame in run["frames"] if frame["rate_hz"] == rate_hz and frame["outcome"] == "offloaded"]
        if not sent:
            continue
        ratios = [frame["predicted_s"] / frame["measured_s"] for frame in sent]
        error = median(abs(ratio - 1) for ratio in ratios)
        yield (
            f"{run['congestion']:5} {run['uplink_bps'] / 1e6:4.0f} Mbit/s {1e3 * run['rtt_s']:3.0f} ms "
            f"{run['bytes'] / 1e3:5.0f} kB {rate_hz:5.1f} /s: predicted/measured {median(ratios):.2f} "
            f"(from {min(ratios):.2f} to {max(ratios):.2f}), median error {100 * error:3.0f} %, "
            f"measured {1e3 * median(frame['measured_s'] for frame in sent):5.0f} ms, latency "
            f"{median(frame['latency_s'] for frame in sent) / run['always_ready_s']:.2f} of an always ready link's, "
            f"estimate {median(frame['uplink_bps'] for frame in sent) / 1e6:6.2f} Mbit/s, {len(sent)} frames"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--drive", help=argparse.SUPPRESS)
    parser.add_argument("--size", choices=SIZES_BYTES, help=argparse.SUPPRESS)
    parser.add_argument("--rates", type=float, nargs="*", default=RATES_HZ)
    parser.add_argument("--uplinks", type=float, nargs="*", default=UPLINKS_BPS)
    parser.add_argument("--rtts", type=float, nargs="*", default=RTTS_S)
    parser.add_argument("--congestion", nargs="*", default=CONGESTIONS)
    parser.add_argument("--sizes", nargs="*", default=tuple(SIZES_BYTES))
    parser.add_argument("--at-a-time", type=int, default=1, help="links that are measured beside each other")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.serve:
        asyncio.run(serve(arguments.serve, arguments.size))
        return
    if arguments.drive:
        frames = asyncio.run(drive(arguments.drive, arguments.size, arguments.rates))
        print(json.dumps([asdict(frame) for frame in frames]))
        return
    cases = list(product(arguments.uplinks, arguments.rtts, arguments.congestion, arguments.sizes))
    runs = []
    with ThreadPoolExecutor(arguments.at_a_time) as pool:
        for run in pool.map(lambda case: measure(case[0], case[1], case[2], case[3], arguments.rates), cases):
            runs.append(run)
            print("\n".join(rows(run)), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
