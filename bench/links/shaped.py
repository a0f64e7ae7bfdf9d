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
from bench.links.namespaces import CLOUD_ADDRESS, LinkError, open_namespaces
from bench.links.tbf_link import open_tbf
from link_emulator import Trace

__all__ = ["KINDS", "Kind", "LinkError", "ShapedLink", "available_kinds", "links_used", "loopback", "open_link"]

Kind = Literal["packets", "tbf", "emulator"]
KINDS: tuple[Kind, ...] = ("packets", "tbf", "emulator")


@dataclass(frozen=True, slots=True)
class ShapedLink:
    """What a benchmark needs of a link.

    Attributes:
        kind: How it is made; belongs into every result. None is the machine's own network.
        congestion: TCP's congestion control at both ends.
        goodput_share: Payload per byte that the rate counts, for full packets.
        dial: Says what the edge must dial, "HOST:PORT", to reach a port of the cloud.
        play: Lets the uplink's rate follow a trace, from its beginning; it holds when this returns.
        statistics: Tells what the link counted so far; names differ by kind.
        listen: "HOST:PORT" the cloud must listen at; the port is 0, so the cloud says which one it got.
        namespaces: The edge's and the cloud's; none where both are in the machine's own network.
    """

    kind: Kind | None
    congestion: str
    goodput_share: float
    dial: Callable[[int], str]
    play: Callable[[Trace], object]
    statistics: Callable[[], dict[str, float]] = dict
    listen: str = "127.0.0.1:0"
    namespaces: tuple[str, str] | None = None

    def on_edge(self, command: Sequence[str]) -> list[str]:
        """Returns the command, so that it runs at the edge's end; its process is the command's own."""
        return ["ip", "netns", "exec", self.namespaces[0], *command] if self.namespaces else list(command)

    def on_cloud(self, command: Sequence[str]) -> list[str]:
        """Returns the command, so that it runs at the cloud's end."""
        return ["ip", "netns", "exec", self.namespaces[1], *command] if self.namespaces else list(command)

    @property
    def used(self) -> dict[str, Any]:
        """What a page says of it."""
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
    """Returns the machine's own network, which nothing shapes, in place of a link."""
    return ShapedLink(None, "", 1.0, dial=lambda port: f"127.0.0.1:{port}", play=lambda _: None)


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
    kind = kind or _best(rtt_s)
    if (missing := _missing(kind)) is not None:
        raise LinkError(
            f"a link of kind {kind!r} needs {missing}; kinds that work here: {', '.join(available_kinds())}"
        )
    if kind == "emulator" and congestion is not None:
        raise LinkError(f"the emulator cannot run TCP with {congestion!r}; use kind 'packets' or 'tbf' as root")
    if kind == "tbf" and rtt_s:
        raise LinkError("tbf has no delay; use kind 'packets', or rtt_s=0")
    opened = _emulated if kind == "emulator" else partial(_between_namespaces, kind, congestion)
    with opened(uplink_bps, downlink_bps, rtt_s) as link:
        yield link


@contextlib.contextmanager
def _emulated(*settings: float) -> Iterator[ShapedLink]:
    own = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text(encoding="ascii").strip()
    with _ready(end("bench.links.emulated_link:relay", *settings)) as relay:

        def dial(port: int) -> str:
            return f"127.0.0.1:{relay.ask({'target_port': port})['port']}"

        yield ShapedLink("emulator", own, 1.0, dial=dial, play=partial(_play, relay))


@contextlib.contextmanager
def _between_namespaces(kind: Kind, congestion: str | None, *settings: float) -> Iterator[ShapedLink]:
    with open_namespaces(congestion) as pair:
        between = partial(
            ShapedLink,
            kind,
            pair.congestion,
            dial=lambda port: f"{CLOUD_ADDRESS}:{port}",
            listen=f"{CLOUD_ADDRESS}:0",
            namespaces=(pair.edge, pair.cloud),
        )
        if kind == "tbf":
            with open_tbf(pair, *settings[:2]) as shaper:
                yield between(1448 / 1514, play=shaper.play)
            return
        with _ready(end("bench.links.packet_link:forward", pair.edge, pair.cloud, *settings)) as forwarder:
            pair.address_tunnel()
            yield between(1448 / 1500, play=partial(_play, forwarder), statistics=lambda: forwarder.ask({}))


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


def _best(rtt_s: float) -> Kind:
    return next(kind for kind in available_kinds() if not (kind == "tbf" and rtt_s))


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
