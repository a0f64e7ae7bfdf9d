"""An emulated network link: rate, delay and jitter between two processes on one machine, in user space, without root.

    async with LinkEmulator("127.0.0.1:50051", uplink=Trace.constant(20e6), downlink=Trace.constant(100e6)) as link:
        ...  # connect to link.address instead
        link.set_uplink(bundled("lte_uplink_verizon"))

It models a link that all connections share. Each direction has its own rate, constant or from a trace, which can be
replaced at any time; a short first-in-first-out queue that blocks senders when it is full, as a network device's does;
and a propagation delay with jitter that keeps the order. The link can be cut, and connections reset or refused.

It is a relay between two TCP connections on this machine. So there is no loss, no retransmission and no slow start
across it, and connecting takes no round trip. If the target refuses, the client's connection is reset. The rate counts
the connections' bytes without TCP/IP headers (4.4 % more on Ethernet). The relay runs on the event loop of the process
that opens it: a busy loop delays bytes, but does not change the rate.

| module | one idea |
|---|---|
| `trace` | the rate over time, and the time by which a number of bytes has passed |
| `shaper` | one direction without I/O: serialisation at the trace's rate, delay, jitter |
| `direction` | one direction on the event loop, with a bounded queue |
| `backlog` | the arrival times of bytes that a busy machine reads late |
| `connection` | a relayed connection: back-pressure, half-close, reset |
| `relay` | `LinkEmulator`: listens, connects, changes the link |
"""

from link_emulator.errors import AddressError, LinkEmulatorError, TraceError
from link_emulator.relay import LinkEmulator
from link_emulator.trace import Trace, bundled

__all__ = ["AddressError", "LinkEmulator", "LinkEmulatorError", "Trace", "TraceError", "bundled"]
