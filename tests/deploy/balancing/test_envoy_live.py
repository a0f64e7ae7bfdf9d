"""Envoy in front of replicas that are killed, drain, or serve with mutual TLS."""

import queue
import signal
from collections import Counter

import grpc
import pytest
import trustme

from split_wire import split_pb2

ASK = split_pb2.RunTailRequest(model="net")
LIMIT = {"timeout": 20, "wait_for_ready": True}


def answered_by(stub):
    """The replica of one call, which is made again where the connection had ended unnoticed."""
    try:
        return stub.RunTail(ASK, **LIMIT).replica
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return stub.RunTail(ASK, **LIMIT).replica


class Stream:
    """An open StreamTails call."""

    def __init__(self, stub):
        self._requests = queue.Queue()
        self._answers = stub.StreamTails(iter(self._requests.get, None), wait_for_ready=True)

    def frame(self):
        """The replica that answers one more frame."""
        self._requests.put(split_pb2.StreamTailsRequest(request=ASK))
        return next(self._answers).result.replica

    def end(self):
        self._requests.put(None)
        assert list(self._answers) == []


def new_edges(proxy, channel, count):
    """The replicas of so many new connections."""
    return [channel(proxy.address).RunTail(ASK, **LIMIT).replica for _ in range(count)]


def test_edges_keep_their_replica_until_it_dies_and_then_use_the_others(replicas, envoy, channel, until):
    started, addresses = replicas("abc")
    proxy = envoy("tcp", addresses)
    # Envoy's figures are its main thread's; the thread that takes connections learns of health a moment later.
    until(lambda: set(new_edges(proxy, channel, 3)) == {"a", "b", "c"})
    stubs = [channel(proxy.address) for _ in range(6)]
    first = [stub.RunTail(ASK, **LIMIT).replica for stub in stubs]
    assert Counter(first) == {"a": 2, "b": 2, "c": 2}
    assert [stub.RunTail(ASK, **LIMIT).replica for stub in stubs] == first
    started[0].end()
    proxy.reaches("membership_healthy", 2)
    until(lambda: sorted(new_edges(proxy, channel, 4)) == ["b", "b", "c", "c"])
    after = [answered_by(stub) for stub in stubs]
    assert Counter(after) == {"b": 3, "c": 3}
    assert all(late == early for early, late in zip(first, after, strict=True) if early != "a")


def test_a_replica_that_drains_gets_no_new_edge_and_keeps_the_streams_it_has(replicas, envoy, channel, until):
    started, addresses = replicas("ab")
    proxy = envoy("tcp", addresses)
    until(lambda: set(new_edges(proxy, channel, 2)) == {"a", "b"})
    streams = [Stream(channel(proxy.address)) for _ in range(2)]
    first = [stream.frame() for stream in streams]
    assert sorted(first) == ["a", "b"]
    started[0].process.send_signal(signal.SIGTERM)
    proxy.reaches("membership_healthy", 1)
    until(lambda: new_edges(proxy, channel, 3) == ["b"] * 3)
    assert [stream.frame() for stream in streams] == first
    for stream in streams:
        stream.end()


@pytest.mark.parametrize("size", [100, 30_000_000], ids=["small", "beyond the default window"])
def test_a_call_whose_replica_is_killed_is_made_again_at_another(replicas, envoy, channel, until, tmp_path, size):
    started, addresses = replicas("ab")
    stub = channel(envoy("http", addresses).address)
    taken = tmp_path / "taken"
    tensor = split_pb2.Tensor(name="x", data=bytes(size))
    call = stub.RunTail.future(split_pb2.RunTailRequest(model=str(taken), tensors=[tensor]), **LIMIT)
    until(lambda: taken.exists() and taken.read_text().endswith("\n"))
    # The replica that has a call to work at gets none while another has less to do.
    first, other = sorted(started, key=lambda replica: replica.name != taken.read_text().strip())
    until(lambda: [stub.RunTail(ASK, **LIMIT).replica for _ in range(3)] == [other.name] * 3)
    first.end()
    assert call.result(20).replica == other.name


def test_one_connection_reaches_every_replica_that_answers(replicas, envoy, channel, until):
    started, addresses = replicas("abc")
    proxy = envoy("http", addresses)
    stub = channel(proxy.address)
    assert {stub.RunTail(ASK, **LIMIT).replica for _ in range(30)} == {"a", "b", "c"}
    started[0].process.send_signal(signal.SIGTERM)
    started[1].process.send_signal(signal.SIGTERM)
    proxy.reaches("membership_healthy", 1)
    # Two of three are down: at the default panic threshold they would be called again.
    until(lambda: [stub.RunTail(ASK, **LIMIT).replica for _ in range(10)] == ["c"] * 10)


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """A folder as --tls wants it, the files of a replica, and an edge's credentials."""
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name, issued in (
        ("replica", authority.issue_cert("replicas", "127.0.0.1")),
        ("proxy", authority.issue_cert("envoy", "127.0.0.1")),
    ):
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    edge = authority.issue_cert("edge", common_name="camera 7")
    own = (edge.private_key_pem.bytes(), edge.cert_chain_pems[0].bytes())
    return folder, grpc.ssl_channel_credentials(authority.cert_pem.bytes(), *own)


def test_a_replica_sees_the_edges_own_certificate_through_envoy(replicas, envoy, channel, pem):
    folder, credentials = pem
    _, addresses = replicas("a", folder / "replica.pem", folder / "replica.key", folder / "ca.pem")
    # That Envoy finds it healthy says that its checks show a certificate, too.
    proxy = envoy("tcp", addresses, "--tls", folder, "--client-certificates")
    answer = channel(proxy.address, credentials).RunTail(ASK, **LIMIT)
    assert [output.name for output in answer.outputs] == ["shown:camera 7"]


def test_callers_reach_replicas_with_tls_by_envoys_certificate(replicas, envoy, channel, pem):
    folder, credentials = pem
    _, addresses = replicas("a", folder / "replica.pem", folder / "replica.key", folder / "ca.pem")
    proxy = envoy("http", addresses, "--tls", folder, "--client-certificates")
    answer = channel(proxy.address, credentials).RunTail(ASK, **LIMIT)
    assert [output.name for output in answer.outputs] == ["shown:"], "Envoy's has no common name"
