"""Links for the control simulation: a recorded one, variants of it, and made-up ones."""

import random
from dataclasses import dataclass

from link_emulator.trace import Trace, bundled


@dataclass(frozen=True, slots=True)
class LinkCase:
    name: str
    what: str
    trace: Trace
    start_s: float = 0.0


def link_cases() -> tuple[LinkCase, ...]:
    """The recorded link first."""
    lte = bundled("lte_uplink_verizon")
    return (
        LinkCase("lte", "the recorded LTE uplink", lte),
        LinkCase("lte, later", "the same from second 47 on", lte, 47.3),
        LinkCase("lte, twice as quick", "times halved", _scaled(lte, time=0.5)),
        LinkCase("lte, three times slower", "times tripled", _scaled(lte, time=3.0), 10.0),
        LinkCase("lte, half the rate", "rates halved", _scaled(lte, rate=0.5)),
        LinkCase("lte, three times the rate", "rates tripled", _scaled(lte, rate=3.0)),
        LinkCase("steady", "6 Mbit/s", Trace.constant(6e6)),
        LinkCase("noise", "6 Mbit/s and 30 % of uniform noise every 0.25 s", _noise()),
        LinkCase("steps", "20 and 4 Mbit/s, 10 s each", _steps((0, 20e6), (10, 4e6), (20, 20e6), (30, 4e6))),
        LinkCase("sawtooth", "2 to 16 Mbit/s and back in 20 s", _sawtooth()),
        LinkCase("stalls", "8 Mbit/s with stalls of 1, 3 and 0.3 s", _stalls()),
        LinkCase("outage", "8 Mbit/s, 10 s of nothing in 55 s", _steps((0, 8e6), (15, 0.0), (25, 8e6), (40, 8e6))),
    )


def _scaled(trace: Trace, *, time: float = 1.0, rate: float = 1.0) -> Trace:
    return Trace(tuple(at_s * time for at_s in trace.times_s), tuple(bps * rate for bps in trace.rates_bps))


def _steps(*steps: tuple[float, float]) -> Trace:
    return Trace(tuple(at_s for at_s, _ in steps), tuple(bps for _, bps in steps))


def _noise() -> Trace:
    rng = random.Random(7)  # noqa: S311 - noise, not secrets
    return _steps(*((i * 0.25, 6e6 * rng.uniform(0.7, 1.3)) for i in range(480)))


def _sawtooth() -> Trace:
    return _steps(*((i * 0.5, 1e6 * (2 + 14 * abs(i / 20 - 1))) for i in range(40)))


def _stalls() -> Trace:
    return _steps((0, 8e6), (7, 0.0), (8, 8e6), (15, 0.0), (18, 8e6), (24, 0.0), (24.3, 8e6))
