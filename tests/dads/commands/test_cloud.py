import logging
import signal
import socket
import subprocess
import sys
import textwrap

import pytest
import structlog


@pytest.fixture(autouse=True)
def logging_as_before():
    """`dads cloud` sets logging up for its whole process, which here is the tests'."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "--model"),
        (("--model", "zoo:easy_net", "--listen", "nowhere"), "HOST:PORT"),
        (("--model", "zoo:easy_net", "--listen", "0.0.0.0:0"), "--insecure"),
        (("--model", "zoo:easy_net", "--max-concurrency", "0"), "max_concurrency"),
        (("--model", "zoo:easy_net", "--max-decoders", "0"), "max_decoders"),
        (("--model", "zoo:easy_net", "--max-streams", "0"), "max_streams"),
        (("--model", "zoo:easy_net", "--replica", ""), "replica"),
        (("--model", "zoo:nothing", "--tls-cert", "missing.pem"), "belong together"),
        (("--model", "zoo:nothing", "--tls-cert", "missing.pem", "--tls-key", "k.pem"), "tls_cert missing.pem"),
        (("--model", "zoo:nothing", "--token-file", "missing"), "token_file missing"),
        (("--model", "zoo:easy_net", "--metrics-port", "99999"), "--metrics-port"),
        (("--model", "zoo:nothing", "--listen", "127.0.0.1:0"), "nothing"),
        (("--model", "zoo:nothing", "--model", "a:b", "--name", "x"), "--name is given 1 times, --model 2 times"),
    ],
)
def test_wrong_settings_are_2(dads, args, said):
    result = dads("cloud", *args)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert said in result.stderr


@pytest.mark.parametrize(("option", "taken"), [("--no-packets", False), ("--packets", True), (None, True)])
def test_packets_are_taken_unless_told_otherwise(dads, monkeypatch, option, taken):
    seen = []
    monkeypatch.setattr("dads.commands.cloud._check_ports", seen.append)
    dads("cloud", "--model", "zoo:nothing", *([option] if option else []), "--max-decoders", "3")
    assert [(config.packets, config.max_decoders) for config in seen] == [(taken, 3)]


def test_limits_are_options_before_they_are_variables(dads, monkeypatch):
    seen = []
    monkeypatch.setattr("dads.commands.cloud._check_ports", seen.append)
    monkeypatch.setenv("DADS_CLOUD_MAX_STREAMS", "7")
    monkeypatch.setenv("DADS_CLOUD_MAX_CALLS", "9")
    options = {"max-streams": 20, "max-calls-per-client": 11, "max-tails-per-client": 3, "replica": "north"}
    dads(
        "cloud",
        "--model",
        "zoo:nothing",
        *(text for name, value in options.items() for text in (f"--{name}", str(value))),
    )
    (config,) = seen
    assert (config.max_streams, config.max_calls, config.replica) == (20, 9, "north")
    assert (config.calls_per_client, config.calls_per_address) == (11, 11)
    assert (config.tails_per_client, config.tails_per_address) == (3, 3)


def test_a_port_in_use_is_told_before_the_model_is_loaded(dads):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        listen = dads("cloud", "--model", "zoo:easy_net", "--listen", address)
        metrics = ("--metrics-port", address.rpartition(":")[2])
        both = dads("cloud", "--model", "zoo:easy_net", "--listen", "127.0.0.1:0", *metrics)
    for result, option in ((listen, "--listen"), (both, "--metrics-port")):
        said = f"error: {option}: {address} is in use; expected a free port, or 0 to pick one\n"
        assert (result.exit_code, result.stderr) == (1, said)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_second_ends_at_once(number):
    code = f"""
        import asyncio, os
        from dads.commands.cloud import _stop_on_signals

        async def main():
            stop = asyncio.Event()
            _stop_on_signals(stop)
            os.kill(os.getpid(), {int(number)})
            await stop.wait()
            print("draining", flush=True)
            os.kill(os.getpid(), {int(number)})
            await asyncio.sleep(60)

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.stdout, done.returncode) == ("draining\n", -number)
