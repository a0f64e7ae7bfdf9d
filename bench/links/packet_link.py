"""Moves IP packets between TUN devices of two network namespaces, at a rate and with a delay.

So TCP runs end to end over the link, and a round trip, slow start and loss are its own. The child of
`bench.links.shaped` for links of kind `packets`; needs root. The devices go when the process ends.
"""

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

from bench.child import Parent
from bench.links.namespaces import DEVICE
from bench.links.packet_queue import PacketQueue
from link_emulator import Trace

__all__ = ["forward"]

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
        parent: Who asks.
        edge: The edge's TUN descriptor.
        cloud: The cloud's.
        uplink: From the edge to the cloud.
        downlink: From the cloud to the edge.
    """

    def __init__(self, parent: Parent, edge: int, cloud: int, uplink: PacketQueue, downlink: PacketQueue) -> None:
        self._parent = parent
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
            request = json.loads(line)
            if "trace" in request:
                self._uplink.set_trace(Trace(*map(tuple, request["trace"])), time.monotonic())
            counts = {
                f"{name}_{way}": getattr(queue, name)
                for way, (_, _, queue) in zip(("up", "down"), self._ways, strict=True)
                for name in ("passed", "dropped")
            }
            self._parent.tell({**counts, "cpu_s": time.process_time()})
        return bool(data)


def _take_in(source: int, queue: PacketQueue) -> None:
    for _ in range(_BATCH_PACKETS):
        try:
            packet = os.read(source, _READ_BYTES)
        except BlockingIOError:
            return
        queue.arrive(packet, time.monotonic())


def forward(parent: Parent, edge: str, cloud: str, uplink_bps: float, downlink_bps: float, rtt_s: float) -> None:
    """Forwards between two namespaces until its input ends; tells when the devices are there, and counts when asked."""
    edge_tunnel, cloud_tunnel = open_tunnel(edge), open_tunnel(cloud)
    # A link does not wait for a processor. It sleeps nearly always, so this takes nothing from what is measured.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    uplink, downlink = (
        PacketQueue(Trace.constant(rate_bps), delay_s=rtt_s / 2, rtt_s=rtt_s, now_s=time.monotonic())
        for rate_bps in (uplink_bps, downlink_bps)
    )
    parent.tell({})
    Forwarder(parent, edge_tunnel, cloud_tunnel, uplink, downlink).run()
