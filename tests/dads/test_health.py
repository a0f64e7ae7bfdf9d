import socket
from concurrent import futures
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

STATUS = health_pb2.HealthCheckResponse


@contextmanager
def serving(status=None):
    """A real gRPC server; without a status it does not know of health."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    if status is not None:
        servicer = health.HealthServicer()
        servicer.set("", status)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize(
    ("status", "exit_code", "said"),
    [(STATUS.SERVING, 0, "SERVING"), (STATUS.NOT_SERVING, 1, "NOT_SERVING"), (None, 1, "")],
)
def test_the_status_is_the_exit_code(dads, status, exit_code, said):
    with serving(status) as address:
        result = dads("health", address, "--timeout", "10s")
    assert result.exit_code == exit_code
    assert result.stdout.strip() == said
    assert result.stderr.startswith("error: ") == (exit_code != 0)


def test_nobody_there_is_3(dads):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = dads("health", f"127.0.0.1:{port}", "--timeout", "5s")
    assert result.exit_code == 3
    assert f"no connection to 127.0.0.1:{port}; is dads cloud running there?" in result.stderr


@pytest.mark.parametrize("address", ["50061", "not an address::::", "localhost"])
def test_what_is_no_address_is_wrong_usage(dads, address):
    result = dads("health", address)
    assert result.exit_code == 2
    assert "is not HOST:PORT" in result.stderr


def test_silence_is_3_after_the_timeout(dads):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = dads("health", f"127.0.0.1:{listener.getsockname()[1]}", "--timeout", "100ms")
    assert result.exit_code == 3
    assert "0.1 s" in result.stderr


def test_a_bare_number_is_no_timeout(dads):
    result = dads("health", "127.0.0.1:1", "--timeout", "2")
    assert result.exit_code == 2
    assert "ms" in result.stderr
