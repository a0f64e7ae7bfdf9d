"""What a client sends to get in, and what it is told when that cannot work."""

import pytest

from split_wire.access import PLAIN, ClientAccess, Identity, advice, is_loopback, suspicion
from split_wire.errors import AccessError

TOKEN = "t0p-secret-of-the-tests"
PEM = "-----BEGIN CERTIFICATE-----"


@pytest.fixture
def file(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_plain_is_no_tls_and_no_token():
    assert (PLAIN.encrypts, PLAIN.identity(), PLAIN.metadata(), PLAIN.options()) == (False, None, (), ())
    PLAIN.check("192.0.2.7:50051")


def test_each_file_of_tls_means_tls(file):
    ca, key = file("ca.pem", PEM), file("key.pem", PEM)
    assert ClientAccess(tls=True).identity() == Identity()
    assert ClientAccess(ca=ca).identity() == Identity(roots=PEM.encode())
    both = ClientAccess(certificate=ca, key=key, server_name="cloud.example")
    assert both.identity() == Identity(key=PEM.encode(), chain=PEM.encode())
    assert both.options() == (("grpc.ssl_target_name_override", "cloud.example"),)
    assert PEM not in repr(Identity(key=PEM.encode()))


def test_files_are_read_each_time(file):
    path = file("token", f"# of the tests\n{TOKEN}\n")
    access = ClientAccess(token_file=path)
    assert access.metadata() == (("authorization", f"Bearer {TOKEN}"),)
    path.write_text("another")
    assert access.metadata() == (("authorization", "Bearer another"),)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ca": "missing.pem"}, "tls_ca .*missing.pem: No such file"),
        ({"ca": "token"}, "tls_ca .*token is not PEM"),
        ({"token_file": "missing"}, "token_file .*missing: No such file"),
        ({"token_file": "empty"}, "holds 0 tokens"),
        ({"token_file": "two"}, "holds 2 tokens"),
        ({"token_file": "binary"}, "is no text"),
    ],
)
def test_files_that_cannot_be_used_are_named_and_not_quoted(file, tmp_path, settings, said):
    file("token", TOKEN)
    file("empty", "\n")
    file("two", f"{TOKEN}\n{TOKEN}2\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + TOKEN.encode())
    access = ClientAccess(**{name: tmp_path / value for name, value in settings.items()})
    with pytest.raises(AccessError, match=said) as caught:
        access.check("127.0.0.1:50051")
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "ünsendable"])
def test_a_token_that_cannot_be_sent_is_refused_without_being_repeated(token):
    with pytest.raises(AccessError, match="cannot be sent") as caught:
        ClientAccess(token=token).metadata()
    assert not token.strip() or token not in str(caught.value)


def test_a_token_leaves_this_machine_encrypted_or_on_demand(file):
    plain = ClientAccess(token=TOKEN)
    for here in ("127.0.0.1:1", "localhost:1", "[::1]:1"):
        plain.check(here)
    for away in ("192.0.2.7:50051", "cloud.example:1", "[2001:db8::1]:1"):
        with pytest.raises(AccessError, match=r"in plain text.*expected --tls, or --insecure"):
            plain.check(away)
        ClientAccess(token=TOKEN, tls=True).check(away)
        ClientAccess(token=TOKEN, insecure=True).check(away)


def test_loopback():
    assert all(map(is_loopback, ("127.0.0.1", "127.8.9.1", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "localhost.example", "10.0.0.1")))


def test_an_ordinary_failure_is_nothing_of_tls():
    refused = "failed to connect to all addresses; last error: UNKNOWN: Connection refused"
    assert advice(refused) is None
    assert suspicion(refused, encrypts=False) == suspicion("Socket closed", encrypts=True) == ""
