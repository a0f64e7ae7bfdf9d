"""A proxy of the environment that everything but loopback would go through."""

import socket
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from split_wire.access.proxies import proxy_options, through_proxy

NAMES = ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy")
PROXY = "http://user:secret@proxy.example:3128"


@pytest.fixture
def environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:1", "[::1]:1", "127.8.9.10:1"])
def test_loopback_needs_none(address):
    assert proxy_options(address) == (("grpc.enable_http_proxy", 0),)
    assert through_proxy(address, {"http_proxy": PROXY}) == ""


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({}, ""),
        ({"HTTP_PROXY": PROXY}, ""),
        ({"http_proxy": PROXY}, "http://proxy.example:3128 of http_proxy"),
        ({"http_proxy": "http://other", "grpc_proxy": PROXY}, "http://proxy.example:3128 of grpc_proxy"),
        ({"http_proxy": PROXY, "no_proxy": "a.example, cloud.example"}, ""),
        ({"http_proxy": PROXY, "no_proxy": ".example"}, ""),
        ({"http_proxy": PROXY, "no_proxy": "b.example", "no_grpc_proxy": "cloud.example"}, ""),
        ({"http_proxy": PROXY, "no_proxy": "elsewhere"}, "http://proxy.example:3128 of http_proxy"),
    ],
)
def test_a_proxy_is_named_without_its_user(variables, shown):
    said = through_proxy("cloud.example:50051", variables)
    assert (shown in said) if shown else said == ""
    assert "secret" not in said
    assert proxy_options("cloud.example:50051") == ()


def test_an_address_in_an_excepted_network():
    assert through_proxy("10.1.2.3:1", {"http_proxy": PROXY, "no_proxy": "10.0.0.0/8"}) == ""
    assert through_proxy("192.0.2.1:1", {"http_proxy": PROXY, "no_proxy": "10.0.0.0/8"}) != ""


def test_what_grpc_makes_of_it(environment):
    """Without the option gRPC asks the proxy for a service on this very machine."""
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def refuse():
            try:
                while True:
                    with proxy.accept()[0] as client:
                        asked.set()
                        client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            except OSError:
                return

        thread = threading.Thread(target=refuse)
        thread.start()
        environment.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        assert not was_asked(address, proxy_options(address), asked)
        assert was_asked(address, (), asked)
        proxy.shutdown(socket.SHUT_RDWR)
        thread.join(20)


def was_asked(address, options, asked):
    asked.clear()
    options = (*options, ("grpc.use_local_subchannel_pool", 1))
    with grpc.insecure_channel(address, options=options) as channel, pytest.raises(grpc.RpcError):
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
    return asked.is_set()
