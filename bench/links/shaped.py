"""Shaped links on one machine, for benchmarks: one way to open them, three ways to make them.

    with open_link(20e6, rtt_s=0.05) as link:
        cloud = Popen(link.on_cloud([sys.executable, "-m", "bench.serve", link.listen]))   # it tells its port
        edge = Popen(link.on_edge([sys.executable, "-m", "bench.send", link.dial(port)]))
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

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from bench.links.link_process import LinkError, LinkProcess
from bench.links.namespaces import CLOUD_ADDRESS, NamespacePair, open_namespaces
from bench.links.tbf_link import TbfShaper, open_tbf
from link_emulator import Trace

__all__ = ["KINDS", "Kind", "Link", "LinkError", "available_kinds", "links_used", "open_link"]

Kind = Literal["packets", "tbf", "emulator"]
KINDS: tuple[Kind, ...] = ("packets", "tbf", "emulator")


class Link(Protocol):
    """What a benchmark needs of a link.

    Attributes:
        kind: How it is made; belongs into every result.
        congestion: TCP's congestion control at both ends.
        listen: "HOST:PORT" the cloud must listen at; the port is 0, so the cloud says which one it got.
        goodput_share: Payload per byte that the rate counts, for full packets.
    """

    kind: Kind
    congestion: str
    listen: str
    goodput_share: float

    def on_cloud(self, command: Sequence[str]) -> list[str]:
        """The command, so that it runs at the cloud's end; its process is the command's own."""

    def on_edge(self, command: Sequence[str]) -> list[str]:
        """The command, so that it runs at the edge's end."""

    def dial(self, port: int) -> str:
        """What the edge must dial, "HOST:PORT", to reach that port of the cloud."""

    def set_uplink(self, rate_bps: float) -> None:
        """Change the uplink's rate; it holds when this returns."""

    def play(self, trace: Trace) -> None:
        """Let the uplink's rate follow a trace, from its beginning."""

    def statistics(self) -> dict[str, float]:
        """What the link counted so far; names differ by kind."""


def available_kinds() -> tuple[Kind, ...]:
    """The kinds that this machine and user can open, best first."""
    return tuple(kind for kind in KINDS if _missing(kind) is None)


def links_used(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a benchmark's `link` says of all its rows: their kinds, and TCP's congestion control on them."""
    return {key: ", ".join(sorted({str(row[key]) for row in rows if row[key]})) for key in ("kind", "congestion")}


@contextlib.contextmanager
def open_link(
    uplink_bps: float,
    *,
    downlink_bps: float = 1e9,
    rtt_s: float = 0.0,
    kind: Kind | None = None,
    congestion: str | None = None,
) -> Iterator[Link]:
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
    if kind == "emulator":
        if congestion is not None:
            raise LinkError(f"the emulator cannot run TCP with {congestion!r}; use kind 'packets' or 'tbf' as root")
        options = ["--uplink", repr(uplink_bps), "--downlink", repr(downlink_bps), "--rtt", repr(rtt_s)]
        with LinkProcess("bench.links.emulated_link", options) as process:
            yield _Emulated(process)
        return
    if kind == "tbf" and rtt_s:
        raise LinkError("tbf has no delay; use kind 'packets', or rtt_s=0")
    with open_namespaces(congestion) as pair:
        if kind == "tbf":
            with open_tbf(pair, uplink_bps, downlink_bps) as shaper:
                yield _Shaped(pair, shaper)
            return
        options = ["--edge", pair.edge, "--cloud", pair.cloud, "--uplink", repr(uplink_bps)]
        options += ["--downlink", repr(downlink_bps), "--rtt", repr(rtt_s)]
        with LinkProcess("bench.links.packet_link", options) as process:
            pair.address_tunnel()
            yield _Packets(pair, process)


class _BetweenNamespaces:
    listen = f"{CLOUD_ADDRESS}:0"

    def __init__(self, pair: NamespacePair) -> None:
        self._pair = pair
        self.congestion = pair.congestion

    def on_cloud(self, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self._pair.cloud, *command]

    def on_edge(self, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self._pair.edge, *command]

    def dial(self, port: int) -> str:
        return f"{CLOUD_ADDRESS}:{port}"

    def set_uplink(self, rate_bps: float) -> None:
        _check(rate_bps, 1.0, 0.0)
        self.play(Trace.constant(rate_bps))

    def play(self, trace: Trace) -> None:
        raise NotImplementedError


class _Packets(_BetweenNamespaces):
    kind: Kind = "packets"
    goodput_share = 1448 / 1500

    def __init__(self, pair: NamespacePair, process: LinkProcess) -> None:
        super().__init__(pair)
        self._process = process

    def play(self, trace: Trace) -> None:
        self._process.play(trace)

    def statistics(self) -> dict[str, float]:
        return self._process.ask({})


class _Shaped(_BetweenNamespaces):
    kind: Kind = "tbf"
    goodput_share = 1448 / 1514

    def __init__(self, pair: NamespacePair, shaper: TbfShaper) -> None:
        super().__init__(pair)
        self._shaper = shaper

    def play(self, trace: Trace) -> None:
        self._shaper.play(trace)

    def statistics(self) -> dict[str, float]:
        return {}


class _Emulated:
    kind: Kind = "emulator"
    goodput_share = 1.0
    listen = "127.0.0.1:0"

    def __init__(self, process: LinkProcess) -> None:
        self._process = process
        self.congestion = Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text(encoding="ascii").strip()

    def on_cloud(self, command: Sequence[str]) -> list[str]:
        return list(command)

    def on_edge(self, command: Sequence[str]) -> list[str]:
        return list(command)

    def dial(self, port: int) -> str:
        return f"127.0.0.1:{int(self._process.ask({'target_port': port})['port'])}"

    def set_uplink(self, rate_bps: float) -> None:
        _check(rate_bps, 1.0, 0.0)
        self.play(Trace.constant(rate_bps))

    def play(self, trace: Trace) -> None:
        self._process.play(trace)

    def statistics(self) -> dict[str, float]:
        return self._process.ask({})


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
