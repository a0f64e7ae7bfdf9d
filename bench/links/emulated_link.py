"""The link emulator in a process of its own: the child of `bench.links.shaped` for links of kind `emulator`."""

import contextlib

from bench.child import Parent
from link_emulator import LinkEmulator, Trace


async def relay(parent: Parent, uplink_bps: float, downlink_bps: float, rtt_s: float) -> None:
    """Relays to each port that is asked for; the uplink follows the traces it is told."""
    uplink, downlink = Trace.constant(uplink_bps), Trace.constant(downlink_bps)
    parent.tell({})
    async with contextlib.AsyncExitStack() as stack:
        links: dict[int, LinkEmulator] = {}
        while True:
            request, answer = await parent.hear(), {}
            if "trace" in request:
                uplink = Trace(*map(tuple, request["trace"]))
                for link in links.values():
                    link.set_uplink(uplink)
            if (port := request.get("target_port")) is not None:
                if port not in links:
                    emulator = LinkEmulator(f"127.0.0.1:{port}", uplink=uplink, downlink=downlink, delay_s=rtt_s / 2)
                    links[port] = await stack.enter_async_context(emulator)
                answer["port"] = int(links[port].address.rpartition(":")[2])
            parent.tell(answer)
