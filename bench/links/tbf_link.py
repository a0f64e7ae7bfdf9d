"""A veth pair between the namespaces, shaped in both directions by the kernel's token bucket (`tc tbf`)."""

import contextlib
import threading
import time
from collections.abc import Iterator
from itertools import chain, count

from bench.links.namespaces import CLOUD_ADDRESS, DEVICE, EDGE_ADDRESS, NamespacePair, ip, run
from link_emulator import Trace

# The bucket holds a few packets: what it holds passes at once, and a probe must not fit in.
_BURST_S, _MIN_BURST_BYTES = 0.001, 2 * 1514
_QUEUE_S, _MIN_QUEUE_BYTES = 0.05, 20 * 1514
_SLOWEST_BPS = 1000.0  # tbf has no rate of 0: a trace's stall is this slow


class TbfShaper:
    """Sets the rate of what leaves a namespace's device, at once or over time."""

    def __init__(self, namespace: str, rate_bps: float) -> None:
        self._namespace = namespace
        self._player: threading.Thread | None = None
        self._stop = threading.Event()
        self._shape("add", rate_bps)

    def play(self, trace: Trace) -> None:
        """Sets the trace's rates when their time comes, until another trace is played or `close`."""
        self.close()
        self._shape("change", trace.rates_bps[0])
        if len(trace.times_s) > 1:
            self._stop.clear()
            self._player = threading.Thread(target=self._play, args=(trace,), daemon=True)
            self._player.start()

    def close(self) -> None:
        self._stop.set()
        if self._player is not None:
            self._player.join()
            self._player = None

    def _play(self, trace: Trace) -> None:
        began_s = time.monotonic()
        steps = list(zip(trace.times_s, trace.rates_bps, strict=True))
        for period in count():
            for time_s, rate_bps in steps[0 if period else 1 :]:  # the first rate holds already
                if self._stop.wait(max(0.0, began_s + period * trace.period_s + time_s - time.monotonic())):
                    return
                self._shape("change", rate_bps)

    def _shape(self, how: str, rate_bps: float) -> None:
        rate_bps = max(rate_bps, _SLOWEST_BPS)
        burst_bytes = max(int(rate_bps * _BURST_S / 8), _MIN_BURST_BYTES)
        limit_bytes = burst_bytes + max(int(rate_bps * _QUEUE_S / 8), _MIN_QUEUE_BYTES)
        settings = {"rate": f"{rate_bps:.0f}bit", "burst": f"{burst_bytes}b", "limit": f"{limit_bytes}b"}
        run(["tc", "-n", self._namespace, "qdisc", how, "dev", DEVICE, "root", "tbf", *chain(*settings.items())])


@contextlib.contextmanager
def open_tbf(pair: NamespacePair, uplink_bps: float, downlink_bps: float) -> Iterator[TbfShaper]:
    """Joins both namespaces; the pair goes with its namespaces.

    Raises:
        LinkError: A command failed.
    """
    ip("-n", pair.edge, "link", "add", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", pair.cloud)
    for namespace, address in ((pair.edge, EDGE_ADDRESS), (pair.cloud, CLOUD_ADDRESS)):
        # Without segmentation offload: a packet of 64 kB would be split, or pass a large bucket, at once.
        ip("-n", namespace, "link", "set", DEVICE, "gso_max_segs", "1", "up")
        ip("-n", namespace, "address", "add", f"{address}/30", "dev", DEVICE)
    TbfShaper(pair.cloud, downlink_bps)
    with contextlib.closing(TbfShaper(pair.edge, uplink_bps)) as uplink:
        yield uplink
