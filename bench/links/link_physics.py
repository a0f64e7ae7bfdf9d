"""Whether the shaped links obey physics: TCP's goodput against the rate, round trips, and what the link itself costs.

Run with ``python -m bench.links.link_physics [--output FILE.json]`` (about three minutes). A plain TCP socket sends
for six
seconds; goodput is what arrives in the last four, so slow start is left out. Wanted: within 5 % of the rate less
headers (`Link.goodput_share`), the round trip that was asked for, and a forwarder that is idle most of the time.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.links.shaped import Kind, Link, available_kinds, open_link

RATES_BPS = (2e6, 8e6, 20e6, 100e6)
RTTS_S = (0.0, 0.01, 0.05)
SEND_S, SKIP_S = 6.0, 2.0
ROUND_TRIPS = 30


@dataclass(frozen=True, slots=True)
class Physics:
    """What was measured on one link."""

    kind: Kind
    congestion: str
    rate_bps: float
    rtt_s: float
    goodput_bps: float
    goodput_of_expected: float
    measured_rtt_s: float
    link_cpu_share: float
    dropped_packets: float


def serve(listen: str) -> None:
    """Echo single bytes until the other side stops, then take in what a second connection sends."""
    host, port = listen.rsplit(":", 1)
    with socket.create_server((host, int(port))) as server:
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := connection.recv(64):
                connection.sendall(data)
        connection, _ = server.accept()
        with connection:
            began_s = time.monotonic()
            counted_bytes, counted_from_s, last_s = 0, None, began_s
            while data := connection.recv(1 << 16):
                last_s = time.monotonic()
                if counted_from_s is not None:
                    counted_bytes += len(data)
                elif last_s - began_s >= SKIP_S:
                    counted_from_s = last_s
            connection.sendall(struct.pack("!dd", counted_bytes, last_s - (counted_from_s or last_s)))


def send(address: str) -> None:
    """Time round trips, then send as fast as the link takes it; print what was seen as JSON."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        trips_s = []
        for _ in range(ROUND_TRIPS):
            began_s = time.perf_counter()
            connection.sendall(b"x")
            connection.recv(1)
            trips_s.append(time.perf_counter() - began_s)
    with socket.create_connection((host, int(port))) as connection:
        until_s = time.monotonic() + SEND_S
        chunk = bytes(16_384)
        while time.monotonic() < until_s:
            connection.sendall(chunk)
        connection.shutdown(socket.SHUT_WR)
        counted_bytes, seconds = struct.unpack("!dd", connection.recv(16, socket.MSG_WAITALL))
    print(json.dumps({"goodput_bps": 8.0 * counted_bytes / seconds, "rtt_s": median(trips_s)}))


def measure(link: Link, rate_bps: float, rtt_s: float) -> Physics:
    this = [sys.executable, "-m", "bench.links.link_physics"]
    cpu_s, began_s = link.statistics().get("cpu_s", 0.0), time.monotonic()
    with subprocess.Popen(link.on_cloud([*this, "--serve", link.listen]), stdout=subprocess.PIPE, text=True) as cloud:
        try:
            port = int(cloud.stdout.readline()) if cloud.stdout is not None else 0
            dialled = link.on_edge([*this, "--send", link.dial(port)])
            seen = json.loads(subprocess.run(dialled, capture_output=True, text=True, check=True).stdout)
        finally:
            cloud.terminate()
    counts = link.statistics()
    return Physics(
        kind=link.kind,
        congestion=link.congestion,
        rate_bps=rate_bps,
        rtt_s=rtt_s,
        goodput_bps=seen["goodput_bps"],
        goodput_of_expected=seen["goodput_bps"] / (rate_bps * link.goodput_share),
        measured_rtt_s=seen["rtt_s"],
        link_cpu_share=(counts.get("cpu_s", 0.0) - cpu_s) / (time.monotonic() - began_s),
        dropped_packets=counts.get("dropped_up", 0.0),
    )


def run(kinds: Sequence[Kind], congestions: Sequence[str]) -> list[Physics]:
    found = []
    for kind in kinds:
        for rtt_s in RTTS_S if kind != "tbf" else (0.0,):
            for congestion in congestions if kind != "emulator" else (None,):
                for rate_bps in RATES_BPS:
                    with open_link(rate_bps, rtt_s=rtt_s, kind=kind, congestion=congestion) as link:
                        one = measure(link, rate_bps, rtt_s)
                    found.append(one)
                    print(
                        f"{one.kind:9} {one.congestion:6} {rate_bps / 1e6:5.0f} Mbit/s, {1e3 * rtt_s:3.0f} ms: goodput "
                        f"{one.goodput_of_expected:.3f} of expected, round trip {1e3 * one.measured_rtt_s:6.2f} ms, "
                        f"the link's own process {100 * one.link_cpu_share:4.1f} % of a core, "
                        f"{one.dropped_packets:.0f} packets dropped",
                        flush=True,
                    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--send", help=argparse.SUPPRESS)
    parser.add_argument("--kinds", nargs="*", default=available_kinds())
    parser.add_argument("--congestion", nargs="*", default=("cubic", "bbr"))
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    if arguments.send:
        send(arguments.send)
        return
    found = run(arguments.kinds, arguments.congestion)
    if arguments.output:
        arguments.output.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
