import socket
from concurrent import futures
from contextlib import contextmanager

import grpc
import pytest
import trustme
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


# TLS


@contextmanager
def encrypted(tmp_path, client_ca=None):
    """A server with a certificate for 127.0.0.1: its address, and the file of who signed it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    pair = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    servicer = health.HealthServicer()
    servicer.set("", STATUS.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    roots = None if client_ca is None else client_ca.cert_pem.bytes()
    credentials = grpc.ssl_server_credentials([pair], roots, require_client_auth=roots is not None)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}", tmp_path / "ca.pem"
    finally:
        server.stop(None).wait()


def test_over_tls(dads, tmp_path):
    with encrypted(tmp_path) as (address, ca):
        assert dads("health", address, "--timeout", "10s", "--tls-ca", ca).stdout == "SERVING\n"
        plain = dads("health", address, "--timeout", "10s")
        public = dads("health", address, "--timeout", "10s", "--tls")
    assert (plain.exit_code, public.exit_code) == (3, 3)
    assert "if it speaks TLS: --tls" in plain.stderr
    assert "not signed by an authority that is trusted here; expected --tls-ca" in public.stderr


def test_over_mutual_tls_by_variables(dads, tmp_path, monkeypatch):
    clients = trustme.CA()
    own = clients.issue_cert("health")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    own.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    with encrypted(tmp_path, clients) as (address, ca):
        monkeypatch.setenv("DADS_HEALTH_TLS_CA", str(ca))
        stranger = dads("health", address, "--timeout", "10s")
        for name in ("cert", "key"):
            monkeypatch.setenv(f"DADS_HEALTH_TLS_{name.upper()}", str(tmp_path / f"{name}.pem"))
        known = dads("health", address, "--timeout", "10s")
    assert stranger.exit_code == 3
    assert "--tls-cert and --tls-key" in stranger.stderr
    assert (known.exit_code, known.stdout) == (0, "SERVING\n")


def test_a_file_of_tls_that_is_not_there_is_wrong_usage(dads):
    result = dads("health", "127.0.0.1:1", "--tls-ca", "missing.pem")
    assert result.exit_code == 2
    assert "tls_ca missing.pem: No such file" in result.stderr
