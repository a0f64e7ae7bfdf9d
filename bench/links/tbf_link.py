"""A veth pair between the namespaces, shaped in both directions by the kernel's token bucket (`tc tbf`)."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import chain, count

from bench.links.namespaces import CLOUD_ADDRESS, DEVICE, EDGE_ADDRESS, LinkError, NamespacePair, ip
from link_emulator import Trace

# The bucket holds a few packets: what it holds passes at once, and a probe must not fit in.
_BURST_S, _MIN_BURST_BYTES = 0.001, 2 * 1514
_QUEUE_S, _MIN_QUEUE_BYTES = 0.05, 20 * 1514
_SLOWEST_BPS = 1000.0  # tbf has no rate of 0: a trace's stall is this slow


class TbfShaper:
    """Sets the uplink's rate, at once or over time.

    Args:
        namespace: Where the edge's device is.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._player: threading.Thread | None = None
        self._stop = threading.Event()

    def play(self, trace: Trace) -> None:
        """Set the trace's rates when their time comes, until another trace is played or `close`."""
        self.close()
        shape(self._namespace, trace.rates_bps[0], change=True)
        if len(trace.times_s) > 1:
            self._stop = threading.Event()
            self._player = threading.Thread(target=self._play, args=(trace, self._stop), daemon=True)
            self._player.start()

    def close(self) -> None:
        """Stop a trace that is being played."""
        self._stop.set()
        if self._player is not None:
            self._player.join()
            self._player = None

    def _play(self, trace: Trace, stop: threading.Event) -> None:
        began_s = time.monotonic()
        steps = (
            (period * trace.period_s + time_s, rate_bps)
            for period in count()
            for time_s, rate_bps in zip(trace.times_s, trace.rates_bps, strict=True)
        )
        next(steps)
        for time_s, rate_bps in steps:
            if stop.wait(max(0.0, began_s + time_s - time.monotonic())):
                return
            shape(self._namespace, rate_bps, change=True)


@contextlib.contextmanager
def open_tbf(pair: NamespacePair, uplink_bps: float, downlink_bps: float) -> Iterator[TbfShaper]:
    """Joins both namespaces; the pair goes with its namespaces.

    Raises:
        LinkError: A command failed.
    """
    ip("-n", pair.edge, "link", "add", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", pair.cloud)
    ends = ((pair.edge, EDGE_ADDRESS, uplink_bps), (pair.cloud, CLOUD_ADDRESS, downlink_bps))
    for namespace, address, rate_bps in ends:
        # Without segmentation offload: a packet of 64 kB would be split, or pass a large bucket, at once.
        ip("-n", namespace, "link", "set", DEVICE, "gso_max_segs", "1", "up")
        ip("-n", namespace, "address", "add", f"{address}/30", "dev", DEVICE)
        shape(namespace, rate_bps, change=False)
    with contextlib.closing(TbfShaper(pair.edge)) as shaper:
        yield shaper


def shape(namespace: str, rate_bps: float, *, change: bool) -> None:
    """Shape what leaves a namespace's device.

    Raises:
        LinkError: The kernel has no tbf, or refuses the rate.
    """
    rate_bps = max(rate_bps, _SLOWEST_BPS)
    burst_bytes = max(int(rate_bps * _BURST_S / 8), _MIN_BURST_BYTES)
    limit_bytes = burst_bytes + max(int(rate_bps * _QUEUE_S / 8), _MIN_QUEUE_BYTES)
    command = ["tc", "-n", namespace, "qdisc", "change" if change else "add", "dev", DEVICE, "root", "tbf"]
    settings = {"rate": f"{rate_bps:.0f}bit", "burst": f"{burst_bytes}b", "limit": f"{limit_bytes}b"}
    done = subprocess.run([*command, *chain(*settings.items())], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LinkError(f"tc could not shape to {rate_bps:.0f} bit/s: {done.stderr.strip()}")
