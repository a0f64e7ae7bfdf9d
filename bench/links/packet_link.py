"""Moves IP packets between TUN devices of two network namespaces, at a rate and with a delay.

So TCP runs end to end over the link, and a round trip, slow start and loss are its own. Run by `bench.links.shaped`;
needs
root. The devices go when the process ends.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import json
import math
import os
import select
import struct
import sys
import time
from pathlib import Path

from bench.links.link_process import trace_in
from bench.links.namespaces import DEVICE
from bench.links.packet_queue import PacketQueue
from link_emulator import Trace

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_READ_BYTES = 2048
_BATCH_PACKETS = 64  # read at most so many before those that are due are passed on


def open_tunnel(namespace: str) -> int:
    """Makes `DEVICE` in the namespace; returns the descriptor of its packets.

    Raises:
        OSError: No such namespace, or not allowed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", namespace).open() as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter network namespace {namespace}")
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    return descriptor


class Forwarder:
    """The loop: reads packets and requests, passes on what is due.

    Args:
        edge: The edge's TUN descriptor.
        cloud: The cloud's.
        uplink: From the edge to the cloud.
        downlink: From the cloud to the edge.
    """

    def __init__(self, edge: int, cloud: int, uplink: PacketQueue, downlink: PacketQueue) -> None:
        self._ways = ((edge, cloud, uplink), (cloud, edge, downlink))
        self._uplink = uplink
        self._requests = b""

    def run(self) -> None:
        """Until the end of standard input."""
        readable = [sys.stdin.fileno(), *(source for source, _, _ in self._ways)]
        while True:
            wait_s = min(queue.next_s() for _, _, queue in self._ways) - time.monotonic()
            # select, not epoll: its timeouts are not rounded to milliseconds.
            ready, _, _ = select.select(readable, (), (), None if math.isinf(wait_s) else max(wait_s, 0.0))
            if readable[0] in ready and not self._hear():
                return
            for source, sink, queue in self._ways:
                if source in ready:
                    _take_in(source, queue)
                for packet in queue.due(time.monotonic()):
                    with contextlib.suppress(BlockingIOError):
                        os.write(sink, packet)

    def _hear(self) -> bool:
        """Takes requests in; returns False at the end of the input."""
        data = os.read(sys.stdin.fileno(), 1 << 20)
        *lines, self._requests = (self._requests + data).split(b"\n")
        for line in lines:
            trace = trace_in(json.loads(line))
            if trace is not None:
                self._uplink.set_trace(trace, time.monotonic())
            counts = {
                f"{name}_{way}": getattr(queue, name)
                for way, (_, _, queue) in zip(("up", "down"), self._ways, strict=True)
                for name in ("passed", "dropped")
            }
            print(json.dumps({**counts, "cpu_s": time.process_time()}), flush=True)
        return bool(data)


def _take_in(source: int, queue: PacketQueue) -> None:
    for _ in range(_BATCH_PACKETS):
        try:
            packet = os.read(source, _READ_BYTES)
        except BlockingIOError:
            return
        queue.arrive(packet, time.monotonic())


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--edge", "--cloud"):
        parser.add_argument(name, required=True)
    for name in ("--uplink", "--downlink", "--rtt"):
        parser.add_argument(name, type=float, required=True)
    arguments = parser.parse_args()
    edge, cloud = open_tunnel(arguments.edge), open_tunnel(arguments.cloud)
    # A link does not wait for a processor. It sleeps nearly always, so this takes nothing from what is measured.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    uplink, downlink = (
        PacketQueue(Trace.constant(rate), delay_s=arguments.rtt / 2, rtt_s=arguments.rtt, now_s=time.monotonic())
        for rate in (arguments.uplink, arguments.downlink)
    )
    print("{}", flush=True)
    Forwarder(edge, cloud, uplink, downlink).run()


if __name__ == "__main__":
    main()
