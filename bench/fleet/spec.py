"""What a simulated fleet is made of: cameras, their links, and the clouds that they share."""

from dataclasses import dataclass

from link_emulator.trace import Trace, bundled


@dataclass(frozen=True, slots=True)
class CloudSpec:
    """One cloud: replicas behind a balancer of connections.

    Attributes:
        replicas: How many.
        places: Tails that a replica computes at once, a core each.
        queue: Tails that may wait in a replica, as `max_queue` of the cloud.
        loop_s: Processor seconds of a replica's event loop for a frame, besides the tail.
        foreign: Share of the places' time that others' tails take, those of the whole model.
    """

    replicas: int
    places: int = 1
    queue: int = 16
    loop_s: float = 0.0
    foreign: float = 0.0


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """One run.

    Attributes:
        edges: How many cameras.
        rate_hz: Frames per second of each.
        clouds: What they share.
        model: One of `bench.control_simulation.models.MODELS`.
        slowdown: How many times slower an edge computes than a place of a replica.
        seconds: For how long frames come; each that came is finished.
        seed: Of links, phases and noise.
        beat_s: Seconds between two heartbeats. Between frames, an edge looks as often for what its connection needs.
        encode_s: Encoding and decoding of a frame on the edge.
        noise: Heads and tails take up to this share longer or shorter than their profiles say.
        fixed: With several clouds, the share of edges that use the first, for the whole run; None: each chooses.
    """

    edges: int
    rate_hz: float
    clouds: tuple[CloudSpec, ...]
    model: str = "torchvision:resnet18"
    slowdown: float = 20.0
    seconds: float = 120.0
    seed: int = 1
    beat_s: float = 0.5
    encode_s: float = 0.001
    noise: float = 0.05
    fixed: float | None = None


@dataclass(frozen=True, slots=True)
class LinkKind:
    """A kind of link, and which share of the cameras has it."""

    name: str
    trace: Trace
    share: float


def link_kinds() -> tuple[LinkKind, ...]:
    """A third of the cameras on a recorded LTE uplink, a third on one three times as fast, a third on a steady one."""
    lte = bundled("lte_uplink_verizon")
    faster = Trace(lte.times_s, tuple(3.0 * bps for bps in lte.rates_bps))
    return (
        LinkKind("LTE", lte, 1 / 3),
        LinkKind("LTE, three times the rate", faster, 1 / 3),
        LinkKind("steady, 20 Mbit/s", Trace.constant(20e6), 1 / 3),
    )
