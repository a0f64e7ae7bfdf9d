"""Two real servers behind one address, as a balancer of TCP connections gives them: what ends one costs no frame."""

import asyncio
import contextlib

import pytest

from edge_service import Agent, AgentConfig, Outcome


class Splitter:
    """Gives each connection to the server that has the fewest; one that is not there gets none."""

    def __init__(self, ports):
        self.open = {port: set() for port in ports}
        self._tasks = set()

    async def serve(self, reader, writer):
        for port in sorted(self.open, key=lambda port: len(self.open[port])):
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", port)
                break
        else:
            writer.transport.abort()
            return
        ends = (writer, there[1])
        self.open[port].add(ends)
        ways = [asyncio.create_task(self._copy(reader, there[1])), asyncio.create_task(self._copy(there[0], writer))]
        self._tasks.update(ways)
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self.open.get(port, set()).discard(ends)
        for end in ends:
            end.close()

    async def _copy(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    def cut(self, port):
        """Breaks what is open to one server, which is there for others no more."""
        for ends in self.open.pop(port):
            for end in ends:
                end.transport.abort()

    def used(self):
        return [port for port, open_ in self.open.items() if open_]


@pytest.fixture
def split():
    """`async with split(one, another) as (splitter, address):`"""

    @contextlib.asynccontextmanager
    async def running(*servers):
        splitter = Splitter([server.port for server in servers])
        listener = await asyncio.start_server(splitter.serve, "127.0.0.1", 0)
        try:
            yield splitter, f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        finally:
            listener.close()
            for port in tuple(splitter.open):
                splitter.cut(port)
            await asyncio.gather(*splitter._tasks, return_exceptions=True)

    return running


def agent_of(model, address, **settings):
    return Agent(model, address, AgentConfig(policy="cloud_only", rate_hz=20.0, **settings))


@pytest.mark.parametrize("end", ["drained", "cut"])
async def test_a_replica_that_ends_costs_no_frame(serving, split, two_by_two, random_inputs, wait_until, end):
    names = {"A", "B"}
    async with serving(two_by_two, replica="A") as one, serving(two_by_two, replica="B") as other:
        servers = {one.port: one, other.port: other}
        async with split(one, other) as (splitter, address), agent_of(two_by_two, address) as agent:
            results = [await agent.submit(*random_inputs(two_by_two, seed)) for seed in range(4)]
            (port,) = splitter.used()
            frames = [agent.put(*random_inputs(two_by_two, seed)) for seed in range(4, 6)]
            ending = asyncio.create_task(servers[port].stop(5)) if end == "drained" else splitter.cut(port)
            results += await asyncio.gather(*frames)
            await wait_until(lambda: splitter.used() and splitter.used() != [port])
            results += [await agent.submit(*random_inputs(two_by_two, seed)) for seed in range(6, 10)]
            state = agent.state
            if ending is not None:
                await ending
    assert {result.outcome for result in results} == {Outcome.OFFLOADED}
    assert state.replicas == len(names)
    reason = {"drained": "draining", "cut": "lost"}[end]
    assert agent.metrics.registry.get_sample_value("dads_stream_renewals_total", {"reason": reason}) == 1


async def test_a_new_replica_gets_work_when_streams_are_old(serving, split, two_by_two, random_inputs, wait_until):
    async with (
        serving(two_by_two, replica="A") as one,
        serving(two_by_two, replica="B") as new,
        split(one) as (splitter, address),
        agent_of(two_by_two, address, stream_max_age_s=1.0) as agent,
    ):
        results = [await agent.submit(*random_inputs(two_by_two))]
        splitter.open[new.port] = set()
        await wait_until(lambda: splitter.used() == [new.port])  # the old connection is closed
        results += [await agent.submit(*random_inputs(two_by_two, seed)) for seed in range(1, 5)]
        assert agent.state.replicas == 2
    assert {result.outcome for result in results} == {Outcome.OFFLOADED}
