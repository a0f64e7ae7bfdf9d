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
import time
from pathlib import Path

from bench.child import Parent
from bench.links.namespaces import DEVICE
from bench.links.packet_queue import PacketQueue
from link_emulator import Trace

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_READ_BYTES = 2048
_BATCH_PACKETS = 64  # read at most so many before those that are due are passed on


def open_tunnel(namespace: str) -> int:
    """Makes `DEVICE` in the namespace; returns the descriptor of its packets."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", namespace).open() as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter network namespace {namespace}")
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    return descriptor


def _take_in(source: int, queue: PacketQueue) -> None:
    for _ in range(_BATCH_PACKETS):
        try:
            packet = os.read(source, _READ_BYTES)
        except BlockingIOError:
            return
        queue.arrive(packet, time.monotonic())


def forward(parent: Parent, edge: str, cloud: str, uplink_bps: float, downlink_bps: float, rtt_s: float) -> None:
    """Forwards between two namespaces until its input ends; tells when the devices are there, and counts when asked."""
    tunnels = open_tunnel(edge), open_tunnel(cloud)
    # A link does not wait for a processor. It sleeps nearly always, so this takes nothing from what is measured.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    rates = (Trace.constant(rate_bps) for rate_bps in (uplink_bps, downlink_bps))
    queues = [PacketQueue(rate, delay_s=rtt_s / 2, rtt_s=rtt_s, now_s=time.monotonic()) for rate in rates]
    uplink = queues[0]
    parent.tell({})
    heard = b""
    while True:
        wait_s = min(queue.next_s() for queue in queues) - time.monotonic()
        # select, not epoll: its timeouts are not rounded to milliseconds.
        ready, _, _ = select.select((0, *tunnels), (), (), None if math.isinf(wait_s) else max(wait_s, 0.0))
        if 0 in ready:
            if not (data := os.read(0, 1 << 20)):
                return
            *lines, heard = (heard + data).split(b"\n")
            for request in map(json.loads, lines):
                if "trace" in request:
                    uplink.set_trace(Trace(*map(tuple, request["trace"])), time.monotonic())
                parent.tell({"dropped_up": uplink.dropped, "cpu_s": time.process_time()})
        for source, sink, queue in zip(tunnels, reversed(tunnels), queues, strict=True):
            if source in ready:
                _take_in(source, queue)
            for packet in queue.due(time.monotonic()):
                with contextlib.suppress(BlockingIOError):
                    os.write(sink, packet)
