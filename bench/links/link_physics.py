"""Whether the shaped links obey physics: TCP's goodput against the rate, round trips, and what the link itself costs.

Run with ``python -m bench.links.link_physics [--output FILE.json]`` (about three minutes). A plain TCP socket sends for
six seconds; goodput is what arrives in the last four, so slow start is left out. Wanted: within 5 % of the rate less
headers (`ShapedLink.goodput_share`), the round trip that was asked for, and a forwarder that is idle most of the time.
"""

import argparse
import json
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from bench.child import Parent, end, started
from bench.links.shaped import Kind, ShapedLink, available_kinds, open_link

RATES_BPS, RTTS_S = (2e6, 8e6, 20e6, 100e6), (0.0, 0.01, 0.05)
SEND_S, SKIP_S = 6.0, 2.0
ROUND_TRIPS = 30


def serve(parent: Parent, listen: str) -> None:
    """Echo single bytes until the other side stops, then take in what a second connection sends."""
    with socket.create_server((listen.rpartition(":")[0], 0)) as server:
        parent.tell(server.getsockname()[1])
        with server.accept()[0] as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := connection.recv(64):
                connection.sendall(data)
        with server.accept()[0] as connection:
            began_s = last_s = time.monotonic()
            counted_bytes, counted_from_s = 0, None
            while data := connection.recv(1 << 16):
                last_s = time.monotonic()
                if counted_from_s is not None:
                    counted_bytes += len(data)
                elif last_s - began_s >= SKIP_S:
                    counted_from_s = last_s
            connection.sendall(struct.pack("!dd", counted_bytes, last_s - (counted_from_s or last_s)))


def send(parent: Parent, address: str) -> None:
    """Time round trips, then send as fast as the link takes it; tell what was seen."""
    host, _, port = address.rpartition(":")
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
        while time.monotonic() < until_s:
            connection.sendall(bytes(16_384))
        connection.shutdown(socket.SHUT_WR)
        counted_bytes, seconds = struct.unpack("!dd", connection.recv(16, socket.MSG_WAITALL))
    parent.tell({"goodput_bps": 8.0 * counted_bytes / seconds, "measured_rtt_s": median(trips_s)})


def measure(link: ShapedLink, rate_bps: float, rtt_s: float) -> dict[str, Any]:
    cpu_s, began_s = link.statistics().get("cpu_s", 0.0), time.monotonic()
    with started(link.on_cloud(end("bench.links.link_physics:serve", link.listen))) as cloud:
        address = link.dial(cloud.hear())
        with started(link.on_edge(end("bench.links.link_physics:send", address))) as edge:
            seen = edge.hear()
    counts = link.statistics()
    return {
        **link.used,
        "rate_bps": rate_bps,
        "rtt_s": rtt_s,
        **seen,
        "goodput_of_expected": seen["goodput_bps"] / (rate_bps * link.goodput_share),
        "link_cpu_share": (counts.get("cpu_s", 0.0) - cpu_s) / (time.monotonic() - began_s),
        "dropped_packets": counts.get("dropped_up", 0.0),
    }


def run(kinds: Sequence[Kind], congestions: Sequence[str]) -> Iterator[dict[str, Any]]:
    for kind in kinds:
        rtts_s, tried = RTTS_S if kind != "tbf" else (0.0,), congestions if kind != "emulator" else (None,)
        for rtt_s, congestion, rate_bps in product(rtts_s, tried, RATES_BPS):
            with open_link(rate_bps, rtt_s=rtt_s, kind=kind, congestion=congestion) as link:
                yield measure(link, rate_bps, rtt_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="*", default=available_kinds())
    parser.add_argument("--congestion", nargs="*", default=("cubic", "bbr"))
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    found = []
    for one in run(options.kinds, options.congestion):
        found.append(one)
        where = (
            f"{one['kind']:9} {one['congestion']:6} {one['rate_bps'] / 1e6:5.0f} Mbit/s, {1e3 * one['rtt_s']:3.0f} ms"
        )
        seen = f"goodput {one['goodput_of_expected']:.3f} of expected, round trip {1e3 * one['measured_rtt_s']:6.2f} ms"
        cost = f"the link's own process {100 * one['link_cpu_share']:4.1f} % of a core"
        print(f"{where}: {seen}, {cost}, {one['dropped_packets']:.0f} packets dropped", flush=True)
    if options.output:
        options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
