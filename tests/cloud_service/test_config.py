"""Settings: which source wins, and what is refused with which words."""

import re
from pathlib import Path

import pytest

from cloud_service import CloudConfig, ConfigurationError
from split_wire.limits import MAX_MESSAGE_BYTES

TOKEN = "t0p-secret-of-the-tests"


def test_defaults_serve_this_machine_only(monkeypatch):
    config = CloudConfig()
    assert (config.listen, config.insecure, config.metrics_port) == ("127.0.0.1:50051", False, None)
    assert (config.max_concurrency, config.max_message_bytes) == (1, MAX_MESSAGE_BYTES)


def test_arguments_then_environment_then_default(monkeypatch):
    monkeypatch.setenv("DADS_CLOUD_MAX_QUEUE", "3")
    monkeypatch.setenv("DADS_CLOUD_GRACE_S", "2.5")
    monkeypatch.setenv("DADS_CLOUD_PACKETS", "false")
    monkeypatch.setenv("DADS_CLOUD_THREADS", "")  # as a compose file leaves it
    config = CloudConfig(max_queue=4)
    assert (config.max_queue, config.grace_s, config.threads, config.packets) == (4, 2.5, None, False)


@pytest.mark.parametrize(
    ("listen", "host"),
    [("127.0.0.1:0", "127.0.0.1"), ("127.8.9.1:80", "127.8.9.1"), ("[::1]:80", "::1"), ("localhost:1", "localhost")],
)
def test_loopback_needs_no_word(listen, host):
    assert CloudConfig(listen=listen).host == host


@pytest.mark.parametrize("listen", ["0.0.0.0:50051", "[::]:50051", "192.168.1.5:1", "cloud.example:1"])
def test_plain_text_leaves_the_machine_only_on_demand(listen):
    with pytest.raises(
        ConfigurationError,
        match=r"expected tls_cert and tls_key .*, a loopback address such as 127\.0\.0\.1, or insecure=True",
    ):
        CloudConfig(listen=listen)
    assert CloudConfig(listen=listen, insecure=True).listen == listen


@pytest.mark.parametrize("listen", ["", "50051", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:80"])
def test_an_address_is_host_and_port(listen):
    with pytest.raises(ConfigurationError, match=r"listen: .* is not HOST:PORT, such as 127.0.0.1:50051"):
        CloudConfig(listen=listen)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_concurrency", 0),
        ("max_queue", -1),
        ("threads", 0),
        ("max_decoders", 0),
        ("metrics_port", 70000),
        ("max_message_bytes", MAX_MESSAGE_BYTES + 1),
        ("grace_s", -1),
        ("grace_s", float("inf")),
        ("max_streams", "many"),
    ],
)
def test_a_value_out_of_range_is_named(name, value):
    with pytest.raises(ConfigurationError, match=f"{name}: Input should be"):
        CloudConfig(**{name: value})


def test_a_setting_that_does_not_exist_is_named():
    with pytest.raises(ConfigurationError, match="max_workers: Extra inputs are not permitted"):
        CloudConfig(max_workers=3)


def test_a_certificate_opens_public_addresses():
    config = CloudConfig(listen="0.0.0.0:0", tls_cert="cert.pem", tls_key="key.pem")
    assert (config.access, config.host) == ("TLS, without a token", "0.0.0.0")


def test_a_token_in_plain_text_stays_here_too():
    assert CloudConfig(token=TOKEN).access == "plain text, with a token"
    with pytest.raises(ConfigurationError, match="take the token from it"):
        CloudConfig(listen="0.0.0.0:0", token=TOKEN)
    assert CloudConfig(listen="0.0.0.0:0", token=TOKEN, insecure=True).insecure


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tls_cert": "a.pem"}, "tls_cert and tls_key belong together"),
        ({"tls_key": "a.pem"}, "tls_cert and tls_key belong together"),
        ({"tls_client_ca": "a.pem"}, "needs tls_cert and tls_key"),
        ({"token": TOKEN, "token_file": "tokens"}, "both set"),
    ],
)
def test_half_of_an_access_is_refused(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        CloudConfig(**settings)


def test_the_token_is_nowhere_to_be_read(monkeypatch):
    monkeypatch.setenv("DADS_CLOUD_TOKEN", TOKEN)
    config = CloudConfig()
    assert config.token.get_secret_value() == TOKEN
    with pytest.raises(ConfigurationError) as caught:
        CloudConfig(listen="0.0.0.0:0")
    assert TOKEN not in f"{config!r} {config} {config.access} {caught.value} {caught.value.__cause__}"


def test_a_client_leaves_room_to_others_unless_told():
    assert CloudConfig().tails_per_client == 8
    assert CloudConfig(max_concurrency=4, max_frames_per_stream=2).tails_per_client == 5
    assert CloudConfig(max_tails_per_client=1).tails_per_client == 1


def test_five_hundred_edges_at_one_address_have_their_streams():
    config = CloudConfig()
    assert config.max_streams >= 2 * 500
    assert config.calls_per_address >= 2 * 500 + 100, "and some short calls"
    assert config.calls_per_address < config.max_calls, "another address finds places"
    assert config.tails_per_client < config.tails_per_address < config.max_queue + config.max_concurrency
    assert CloudConfig(max_calls=8).calls_per_address == 32, "an address has no less than one client"


def test_security_md_tells_the_limits_that_hold():
    config, told = CloudConfig(), {}
    for line in (Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `MAX_"):
            names, numbers = line.split("|")[1:3]
            told |= dict(zip(re.findall(r"`(MAX_\w+)`", names), map(int, re.findall(r"\d+", numbers)), strict=False))
    assert told.pop("MAX_QUEUED_BYTES") * 1024 * 1024 == config.max_queued_bytes
    assert told.pop("MAX_TAILS_PER_CLIENT") == config.tails_per_client
    assert told.pop("MAX_CALLS_PER_CLIENT") == config.calls_per_client
    assert len(told) >= 5
    assert told == {name: getattr(config, name.lower()) for name in told}
