"""Shaped links on one machine, for benchmarks: one way to open them, three ways to make them.

    with open_link(20e6, rtt_s=0.05) as link:
        with started(link.on_cloud(end("bench.links.upload_ends:serve", link.listen, "1MB"))) as cloud:
            address = link.dial(cloud.hear())
            link.set_uplink(4e6)

| kind | what | needs | delay |
|---|---|---|---|
| `packets` | IP packets between two TUN devices through a process of ours (`packet_link`) | root, TUN, ip | real |
| `tbf` | a veth pair and the kernel's token bucket (`tbf_link`) | root, ip, tc | none |
| `emulator` | the TCP relay of `link_emulator` in a process of its own | nothing | TCP does not see it |

The rate counts IP packets in the first (of a full one, 96.5 % are payload), Ethernet frames in the second (95.6 %),
payload in the third: `Link.goodput_share`. The packets' process takes a third of a core at 100 Mbit/s, a tenth at 20
(`bench.links.link_physics`).

Both ends' namespaces, processes and devices go when the context ends, also on an interrupt. What a killed benchmark
left is removed by the next one that opens a link.
"""

import contextlib
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bench.child import Child, end, started
from bench.links.namespaces import CLOUD_ADDRESS, LinkError, NamespacePair, machine_congestion, open_namespaces
from bench.links.tbf_link import open_tbf
from link_emulator import Trace

Kind = Literal["packets", "tbf", "emulator"]
KINDS: tuple[Kind, ...] = ("packets", "tbf", "emulator")


@dataclass(frozen=True, slots=True)
class ShapedLink:
    """What a benchmark needs of a link.

    Attributes:
        kind: How it is made; belongs into every result. None is the machine's own network.
        congestion: TCP's congestion control at both ends.
        goodput_share: Payload per byte that the rate counts, for full packets.
        play: Lets the uplink's rate follow a trace, from its beginning; it holds when this returns.
        pair: The edge's and the cloud's namespaces; none where both are in the machine's own network.
        statistics: Tells what the link counted so far, where its kind counts.
        relayed: The port by which the edge reaches one of the cloud's.
    """

    kind: Kind | None
    congestion: str
    goodput_share: float
    play: Callable[[Trace], object]
    pair: NamespacePair | None = None
    statistics: Callable[[], dict[str, float]] = dict
    relayed: Callable[[int], int] = int

    @property
    def listen(self) -> str:
        """The "HOST:PORT" the cloud must listen at; the port is 0, so the cloud says which one it got."""
        return f"{CLOUD_ADDRESS if self.pair else '127.0.0.1'}:0"

    def dial(self, port: int) -> str:
        """The "HOST:PORT" the edge must dial to reach a port of the cloud."""
        return f"{self.listen.removesuffix(':0')}:{self.relayed(port)}"

    def on_edge(self, command: Sequence[str]) -> list[str]:
        """The command, so that it runs at the edge's end; its process is the command's own."""
        return ["ip", "netns", "exec", self.pair.edge, *command] if self.pair else list(command)

    def on_cloud(self, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.pair.cloud, *command] if self.pair else list(command)

    @property
    def used(self) -> dict[str, Any]:
        return {"kind": self.kind, "congestion": self.congestion}

    def set_uplink(self, rate_bps: float) -> None:
        """Changes the uplink's rate; it holds when this returns."""
        _check(rate_bps, 1.0, 0.0)
        self.play(Trace.constant(rate_bps))


def available_kinds() -> tuple[Kind, ...]:
    """The kinds that this machine and user can open, best first."""
    return tuple(kind for kind in KINDS if _missing(kind) is None)


def links_used(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a benchmark's `link` says of all its rows: their kinds, and TCP's congestion control on them."""
    return {key: ", ".join(sorted({str(row[key]) for row in rows if row[key]})) for key in ("kind", "congestion")}


def loopback() -> ShapedLink:
    """The machine's own network, which nothing shapes, in place of a link."""
    return ShapedLink(None, "", 1.0, play=lambda _: None)


@contextlib.contextmanager
def open_link(
    uplink_bps: float,
    *,
    downlink_bps: float = 1e9,
    rtt_s: float = 0.0,
    kind: Kind | None = None,
    congestion: str | None = None,
) -> Iterator[ShapedLink]:
    """Opens a link for as long as the context lasts.

    Args:
        uplink_bps: Rate from the edge to the cloud, in bits per second.
        downlink_bps: Rate from the cloud to the edge.
        rtt_s: Propagation delay of both directions together.
        kind: One of `KINDS`; None takes the best that this machine allows: `packets`, then `emulator` where there is
            to be a delay, else `tbf` before it.
        congestion: TCP's congestion control in both namespaces ("cubic", "bbr"); None leaves the machine's own. The
            emulator's relay runs in the machine's own network and takes no other.

    Raises:
        LinkError: The kind cannot be opened here, or does not offer what was asked; says what is missing.
    """
    _check(uplink_bps, downlink_bps, rtt_s)
    best: Kind = next(one for one in available_kinds() if not (one == "tbf" and rtt_s))
    kind = kind or best
    if (missing := _missing(kind)) is not None:
        here = ", ".join(available_kinds())
        raise LinkError(f"a link of kind {kind!r} needs {missing}; kinds that work here: {here}")
    if kind == "emulator" and congestion is not None:
        raise LinkError(f"the emulator cannot run TCP with {congestion!r}; use kind 'packets' or 'tbf' as root")
    if kind == "tbf" and rtt_s:
        raise LinkError("tbf has no delay; use kind 'packets', or rtt_s=0")
    if kind == "emulator":
        with _ready(end("bench.links.emulated_link:relay", uplink_bps, downlink_bps, rtt_s)) as relay:
            play, relayed = partial(_play, relay), lambda port: relay.ask({"target_port": port})["port"]
            yield ShapedLink(kind, machine_congestion(), 1.0, play, relayed=relayed)
        return
    with open_namespaces(congestion) as pair:
        if kind == "tbf":
            with open_tbf(pair, uplink_bps, downlink_bps) as shaper:
                yield ShapedLink(kind, pair.congestion, 1448 / 1514, shaper.play, pair)
            return
        ends = pair.edge, pair.cloud
        with _ready(end("bench.links.packet_link:forward", *ends, uplink_bps, downlink_bps, rtt_s)) as forwarder:
            pair.address_tunnel()
            play, counted = partial(_play, forwarder), lambda: forwarder.ask({})
            yield ShapedLink(kind, pair.congestion, 1448 / 1500, play, pair, counted)


@contextlib.contextmanager
def _ready(command: Sequence[str]) -> Iterator[Child]:
    """The process that makes a link, which says when it is ready."""
    with started(command) as process:
        try:
            process.hear()
        except RuntimeError as error:
            raise LinkError(str(error)) from error
        yield process


def _play(process: Child, trace: Trace) -> None:
    process.ask({"trace": [trace.times_s, trace.rates_bps]})


def _missing(kind: Kind) -> str | None:
    if kind not in KINDS:
        return f"to be one of {', '.join(KINDS)}"
    if kind == "emulator":
        return None
    tools = ("ip", "tc") if kind == "tbf" else ("ip",)
    missing = ["root"] if os.geteuid() != 0 else []
    missing += [f"{tool} (iproute2)" for tool in tools if shutil.which(tool) is None]
    if kind == "packets" and not Path("/dev/net/tun").exists():
        missing.append("/dev/net/tun")
    return ", ".join(missing) or None


def _check(uplink_bps: float, downlink_bps: float, rtt_s: float) -> None:
    for name, rate_bps in (("uplink", uplink_bps), ("downlink", downlink_bps)):
        if not 0.0 < rate_bps < math.inf:
            raise LinkError(f"the {name} must be positive and finite bits per second, not {rate_bps}")
    if not 0.0 <= rtt_s < math.inf:
        raise LinkError(f"rtt_s must be 0 or more and finite, not {rtt_s}")
