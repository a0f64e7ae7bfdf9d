"""The relay over real sockets. What depends on time is in the shaper's tests; here only one transfer is timed."""

import asyncio
import contextlib
import math
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from link_emulator import AddressError, LinkEmulator, Trace

FREE = Trace.constant(math.inf)
STALLED = Trace.constant(0)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Target:
    """A service that keeps its connections for the test to look at, and echoes."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.connected = 0
        self.endings: list[str] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.reading = asyncio.Event()
        self.reading.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self.writers.append(writer)
        try:
            while await self.reading.wait() and (data := await reader.read(65536)):
                self.received += data
                writer.write(data)
                await writer.drain()
            self.endings.append("eof")
            writer.write(b"bye")
        except ConnectionError:
            self.endings.append("reset")
        finally:
            writer.close()


@pytest_asyncio.fixture
async def target() -> AsyncIterator[tuple[Target, str]]:
    state = Target()
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0)
    yield state, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for writer in state.writers:
        if not writer.transport.is_closing():
            writer.transport.abort()
    await until(lambda: all(writer.transport.is_closing() for writer in state.writers))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - conditions on the other side of a socket have no event
            await asyncio.sleep(0.001)


async def connect(address: str) -> Streams:
    host, port = address.rsplit(":", 1)
    return await asyncio.open_connection(host, int(port))


async def close(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def blocked(writer: asyncio.StreamWriter) -> int:
    """Write until nothing more is taken; returns how much the other side can have taken."""
    written = 0
    while True:
        writer.write(bytes(65536))
        written += 65536
        try:
            await asyncio.wait_for(writer.drain(), 0.5)
        except TimeoutError:
            return written


async def test_bytes_go_both_ways_unchanged_and_are_counted(target: tuple[Target, str]) -> None:
    state, address = target
    payload = bytes(range(256)) * 4000
    async with LinkEmulator(address, uplink=FREE, downlink=FREE, delay_s=0.002, jitter_s=0.005) as link:
        reader, writer = await connect(link.address)
        writer.write(payload)
        writer.write_eof()
        assert await reader.read(-1) == payload + b"bye"
        await close(writer)
        assert (link.bytes_up, link.bytes_down) == (len(payload), len(payload) + 3)
    assert bytes(state.received) == payload
    assert state.endings == ["eof"]


async def test_five_megabytes_at_twenty_megabits_take_two_seconds() -> None:
    # The rate is what this package is for: 5 % of error would make every experiment on it wrong by as much. A machine
    # that is busy with other things can only make a transfer longer, so none may be too short, and one must be right.
    async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    server = await asyncio.start_server(sink, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    loop = asyncio.get_running_loop()
    durations_s: list[float] = []
    async with LinkEmulator(address, uplink=Trace.constant(20e6), downlink=FREE) as link:
        while not durations_s or (len(durations_s) < 10 and min(durations_s) > 2.1):
            reader, writer = await connect(link.address)
            start_s = loop.time()
            writer.write(bytes(5_000_000))
            writer.write_eof()
            assert await reader.read(-1) == b""
            durations_s.append(loop.time() - start_s)
            await close(writer)
    server.close()
    assert min(durations_s) == pytest.approx(2.0, rel=0.05), durations_s


async def test_connections_share_the_link_evenly(target: tuple[Target, str]) -> None:
    _, address = target
    async with LinkEmulator(address, uplink=Trace.constant(16e6), downlink=FREE) as link:
        streams = [await connect(link.address) for _ in range(2)]
        finished: list[int] = []

        async def transfer(number: int, size_bytes: int) -> None:
            reader, writer = streams[number]
            writer.write(bytes(size_bytes))
            writer.write_eof()
            await reader.read(-1)
            finished.append(number)
            await close(writer)

        # The small one was sent last: in a link without turns it would finish last.
        await asyncio.gather(transfer(0, 2_000_000), transfer(1, 200_000))
    assert finished == [1, 0]


async def test_a_stalled_link_wakes_up_when_its_rate_changes(target: tuple[Target, str]) -> None:
    state, address = target
    async with LinkEmulator(address, uplink=STALLED, downlink=STALLED) as link:
        reader, writer = await connect(link.address)
        await until(lambda: state.connected == 1)
        writer.write(b"hello")
        await asyncio.sleep(0.05)
        assert not state.received
        link.set_uplink(FREE)
        await until(lambda: state.received == b"hello")
        assert link.bytes_down == 0
        link.set_downlink(FREE)
        assert await reader.readexactly(5) == b"hello"
        await close(writer)


async def test_changes_while_bytes_flow_lose_nothing(target: tuple[Target, str]) -> None:
    state, address = target
    payload = bytes(range(256)) * 2000
    async with LinkEmulator(address, uplink=STALLED, downlink=FREE, delay_s=0.001) as link:
        reader, writer = await connect(link.address)
        writer.write(payload)
        writer.write_eof()
        received = 0
        while received < 200_000:
            link.set_uplink(Trace.constant(50e6))
            await until(lambda least=received + 2000: len(state.received) >= least)
            received = len(state.received)
            link.set_uplink(STALLED)
            link.cut()
            link.restart()
            link.restore()
        link.set_uplink(FREE)
        assert await reader.read(-1) == payload + b"bye"
        await close(writer)


async def test_a_stalled_link_holds_the_sender_back(target: tuple[Target, str]) -> None:
    state, address = target
    async with LinkEmulator(address, uplink=Trace.constant(1e3), downlink=FREE) as link:
        _, writer = await connect(link.address)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        assert await blocked(writer) < 1_000_000
        assert len(state.received) < 10_000
        await close(writer)


async def test_a_target_that_does_not_read_holds_the_sender_back_and_no_other_connection(
    target: tuple[Target, str],
) -> None:
    state, address = target
    async with LinkEmulator(address, uplink=FREE, downlink=FREE) as link:
        _, writer = await connect(link.address)
        await until(lambda: state.connected == 1)
        state.writers[0].transport.pause_reading()
        written = await blocked(writer)
        assert written < 64_000_000
        reader, other = await connect(link.address)
        other.write(b"free")
        assert await reader.readexactly(4) == b"free"
        await close(other)
        await close(writer)


async def test_cut_and_restore_keep_the_connection_and_the_bytes(target: tuple[Target, str]) -> None:
    state, address = target
    async with LinkEmulator(address, uplink=FREE, downlink=FREE) as link:
        reader, writer = await connect(link.address)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        link.cut()
        link.cut()
        writer.write(b"two")
        await asyncio.sleep(0.05)
        assert state.received == b"one"
        link.restore()
        link.restore()
        assert await reader.readexactly(3) == b"two"
        await close(writer)


async def test_a_half_open_link_carries_one_way_only(target: tuple[Target, str]) -> None:
    state, address = target
    async with LinkEmulator(address, uplink=FREE, downlink=FREE) as link:
        reader, writer = await connect(link.address)
        link.cut(uplink=False)
        writer.write(b"one")
        await until(lambda: bytes(state.received) == b"one")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(3), 0.05)
        link.restore()
        assert await reader.readexactly(3) == b"one"
        await close(writer)


async def test_a_new_delay_holds_for_what_comes_later(target: tuple[Target, str]) -> None:
    state, address = target
    async with LinkEmulator(address, uplink=FREE, downlink=FREE) as link:
        reader, writer = await connect(link.address)
        link.set_delay(3600.0)
        writer.write(b"lost in time")
        await until(lambda: link.bytes_up == 0)
        with pytest.raises(ValueError, match="delay_s must be"):
            link.set_delay(-1.0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.05)
        assert not state.received
        await close(writer)


async def test_a_restart_starts_the_trace_again(target: tuple[Target, str]) -> None:
    state, address = target
    once = Trace((0.0, 0.2, 1000.0), (1e6, 0.0, 0.0))
    async with LinkEmulator(address, uplink=once, downlink=FREE) as link:
        _, writer = await connect(link.address)
        writer.write(bytes(60_000))  # more than the 25,000 of one start, and of two
        await asyncio.sleep(0.3)
        received = len(state.received)
        assert received <= 25_000
        link.restart()
        await until(lambda: len(state.received) > 25_000)
        assert len(state.received) <= 50_000
        await close(writer)


async def test_the_clients_reset_reaches_the_target(target: tuple[Target, str]) -> None:
    state, address = target
    async with LinkEmulator(address, uplink=FREE, downlink=FREE) as link:
        _, writer = await connect(link.address)
        await until(lambda: state.connected == 1)
        client = writer.get_extra_info("socket")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await close(writer)
        await until(lambda: state.endings == ["reset"])


async def test_reset_connections_resets_both_sides_and_accepts_new_ones(target: tuple[Target, str]) -> None:
    state, address = target
    async with LinkEmulator(address, uplink=FREE, downlink=FREE) as link:
        reader, writer = await connect(link.address)
        await until(lambda: state.connected == 1)
        link.reset_connections()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        await close(writer)
        await until(lambda: state.endings == ["reset"])
        reader, writer = await connect(link.address)
        writer.write(b"again")
        assert await reader.readexactly(5) == b"again"
        await close(writer)


async def test_refuse_and_accept_again_on_the_same_address(target: tuple[Target, str]) -> None:
    _, address = target
    async with LinkEmulator(address, uplink=FREE, downlink=FREE) as link:
        reader, writer = await connect(link.address)
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        link.refuse(True)
        link.refuse(True)
        with pytest.raises(ConnectionRefusedError):
            await connect(link.address)
        writer.write(b"open ones stay")
        assert await reader.readexactly(14) == b"open ones stay"
        link.refuse(False)
        link.refuse(False)
        other_reader, other = await connect(link.address)
        other.write(b"b")
        assert await other_reader.readexactly(1) == b"b"
        await close(other)
        await close(writer)


async def test_a_target_that_is_not_there_resets_the_client() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
        async with LinkEmulator(nobody, uplink=FREE, downlink=FREE) as link:
            reader, writer = await connect(link.address)
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
            await close(writer)


async def test_a_stalled_emulator_closes_and_resets_its_connections(target: tuple[Target, str]) -> None:
    state, address = target
    async with asyncio.timeout(20):
        async with LinkEmulator(address, uplink=STALLED, downlink=STALLED) as link:
            reader, writer = await connect(link.address)
            await until(lambda: state.connected == 1)
            writer.write(bytes(100_000))
            await asyncio.sleep(0.05)
    with pytest.raises(ConnectionResetError):
        await reader.read(1)
    await close(writer)
    with pytest.raises(ConnectionRefusedError):
        await connect(link.address)


async def test_two_sided_traffic_of_many_connections_arrives_whole(target: tuple[Target, str]) -> None:
    _, address = target

    async def talk(link: LinkEmulator, number: int) -> None:
        payload = bytes([number]) * (10_000 * number + 1)
        reader, writer = await connect(link.address)
        writer.write(payload)
        writer.write_eof()
        assert await reader.read(-1) == payload + b"bye"
        await close(writer)

    rate = Trace.constant(200e6)
    async with LinkEmulator(address, uplink=rate, downlink=rate, delay_s=0.003, jitter_s=0.004, seed=3) as link:
        await asyncio.gather(*(talk(link, number) for number in range(20)))


@pytest.mark.parametrize("address", ["", "localhost", ":80", "host:", "host:x", "host:99999", "::1:80"])
def test_addresses_are_checked(address: str) -> None:
    with pytest.raises(AddressError, match="expected host:port"):
        LinkEmulator(address, uplink=FREE, downlink=FREE)


def test_the_switches_need_an_open_link() -> None:
    link = LinkEmulator("localhost:80", uplink=FREE, downlink=FREE)
    for switch in (link.cut, link.restore, link.restart, lambda: link.refuse(False), lambda: link.set_uplink(FREE)):
        with pytest.raises(RuntimeError, match="not open"):
            switch()
    assert link.bytes_up == 0


async def test_ipv6() -> None:
    state = Target()
    try:
        server = await asyncio.start_server(state.serve, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    target = f"[::1]:{server.sockets[0].getsockname()[1]}"
    async with LinkEmulator(target, uplink=FREE, downlink=FREE, listen="[::1]:0") as link:
        assert link.address.startswith("[::1]:")
        reader, writer = await asyncio.open_connection("::1", int(link.address.rsplit(":", 1)[1]))
        writer.write(b"six")
        assert await reader.readexactly(3) == b"six"
        await close(writer)
        await until(lambda: len(state.endings) == 1)
    server.close()


def test_the_public_names_are_sorted() -> None:
    import link_emulator

    assert list(link_emulator.__all__) == sorted(link_emulator.__all__)
    assert all(hasattr(link_emulator, name) for name in link_emulator.__all__)
