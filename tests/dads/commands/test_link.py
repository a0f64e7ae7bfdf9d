"""`dads link`: what it refuses, and bytes through a real one."""

import asyncio
import contextlib
import signal
import socket
import sys

import pytest


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--target", "127.0.0.1"), "'--target': '127.0.0.1' is not HOST:PORT"),
        (("--target", "127.0.0.1:1", "--uplink", "fast"), "--uplink fast: 'fast' is not a number with a unit"),
        (("--target", "127.0.0.1:1", "--uplink", "0Mbit/s"), "--uplink 0Mbit/s: must be more than 0"),
        (("--target", "127.0.0.1:1", "--downlink", "20"), "--downlink 20: '20' has no unit"),
        (("--target", "127.0.0.1:1", "--uplink", "missing.csv"), "missing.csv: No such file"),
        (("--target", "127.0.0.1:1", "--rtt", "10"), "'--rtt': '10' has no unit"),
    ],
)
def test_wrong_usage_is_told(dads, args, said):
    result = dads("link", *args)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert said in line


def test_a_port_in_use_is_named(dads):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = dads("link", "--target", "127.0.0.1:1", "--listen", address)
    assert result.exit_code == 1
    assert f"--listen: {address} is in use" in result.stderr


async def test_what_is_sent_arrives_at_the_target_and_a_signal_ends_it():
    async def echo(reader, writer):
        writer.write(await reader.readexactly(5))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    options = ("--listen", "127.0.0.1:0", "--uplink", "8Mbit/s", "--rtt", "2ms")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dads", "link", "--target", target, *options, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
            assert line.startswith(f"link to {target} on 127.0.0.1:")
            reader, writer = await asyncio.open_connection("127.0.0.1", int(line.rpartition(":")[2]))
            writer.write(b"hello")
            assert await reader.read() == b"hello"
            writer.close()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 10)
