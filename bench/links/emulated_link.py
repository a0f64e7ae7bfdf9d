"""The link emulator in a process of its own, told what to do by `bench.links.link_process`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys

from bench.links.link_process import trace_in
from link_emulator import LinkEmulator, Trace


async def relay(arguments: argparse.Namespace) -> None:
    uplink, downlink = Trace.constant(arguments.uplink), Trace.constant(arguments.downlink)
    print("{}", flush=True)
    async with contextlib.AsyncExitStack() as stack:
        links: dict[int, LinkEmulator] = {}
        while line := await asyncio.to_thread(sys.stdin.readline):
            request = json.loads(line)
            answer = {}
            if (trace := trace_in(request)) is not None:
                uplink = trace
                for link in links.values():
                    link.set_uplink(trace)
            if (port := request.get("target_port")) is not None:
                if port not in links:
                    links[port] = await stack.enter_async_context(
                        LinkEmulator(f"127.0.0.1:{port}", uplink=uplink, downlink=downlink, delay_s=arguments.rtt / 2)
                    )
                answer["port"] = int(links[port].address.rpartition(":")[2])
            print(json.dumps(answer), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--uplink", "--downlink", "--rtt"):
        parser.add_argument(name, type=float, required=True)
    asyncio.run(relay(parser.parse_args()))


if __name__ == "__main__":
    main()
