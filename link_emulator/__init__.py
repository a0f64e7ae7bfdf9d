"""A network link in user space: rate, delay and jitter between two processes on one machine, without root.

    async with LinkEmulator("127.0.0.1:50051", uplink=Trace.constant(20e6), downlink=Trace.constant(100e6)) as link:
        ...  # connect to link.address instead
        link.set_uplink(bundled("lte_uplink_verizon"))

What it models: one link that all connections share, with its own rate in each direction, constant or from a trace,
which can be replaced while bytes wait; a short first-in-first-out queue that holds senders back as a device's queue
does; a propagation delay with jitter that keeps the order; a link that stalls, that is cut, resets and refuses.

What it does not: it is a relay between two TCP connections on this machine, so there is no loss, no retransmission and
no slow start across it, connecting takes no round trip, a target that refuses shows as a connection that is reset, and
the rate counts the bytes that the connections carry, without TCP/IP headers (4.4 % more on Ethernet). It runs on the
event loop of whoever opens it, in user space: a busy loop delays bytes, though it does not change the rate.

| module | one idea |
|---|---|
| `trace` | the rate over time, and the time at which so many bytes have passed |
| `shaper` | one direction as a pure law: serialisation at the trace's rate, delay, jitter |
| `link` | that law on the event loop, with a bounded queue |
| `backlog` | when bytes arrived that a busy machine read late |
| `connection` | a relayed connection: back-pressure, half-close, reset |
| `relay` | `LinkEmulator`: listening, connecting, the switches |
"""

from link_emulator.errors import AddressError, LinkEmulatorError, TraceError
from link_emulator.relay import LinkEmulator
from link_emulator.trace import Trace, bundled

__all__ = ["AddressError", "LinkEmulator", "LinkEmulatorError", "Trace", "TraceError", "bundled"]
