"""Arguments, then environment, then defaults; wrong values are refused by name."""

import pytest
from pydantic import ValidationError

from edge_service import AgentConfig
from split_wire.access import ClientAccess


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in AgentConfig.model_fields:
        monkeypatch.delenv(f"DADS_EDGE_{name.upper()}", raising=False)


def test_arguments_win_over_the_environment_and_that_over_defaults(monkeypatch):
    assert AgentConfig().rate_hz == 1.0
    monkeypatch.setenv("DADS_EDGE_RATE_HZ", "7.5")
    monkeypatch.setenv("DADS_EDGE_MAX_WAITING", "9")
    assert (AgentConfig().rate_hz, AgentConfig().max_waiting) == (7.5, 9)
    assert AgentConfig(rate_hz=2.0).rate_hz == 2.0


@pytest.mark.parametrize("name", sorted(AgentConfig.model_fields))
def test_every_setting_is_read_from_its_variable(monkeypatch, name):
    default = getattr(AgentConfig(), name)
    words = {"policy": "chain", "strategy": "cloud_only", "encodings": "raw", "input_encoding": "jpeg"}
    words |= {"packets": "off"}
    words |= {"tls_ca": "ca.pem", "tls_server_name": "cloud.example", "token": "t0p-secret", "token_file": "token"}
    words |= {"tls_cert": "cert.pem", "tls_key": "key.pem"}
    pairs = {"tls_cert": "tls_key", "tls_key": "tls_cert", "tls_server_name": "tls"}  # none of these goes alone
    if name in pairs:
        monkeypatch.setenv(f"DADS_EDGE_{pairs[name].upper()}", "true")
    other = words.get(name) or {bool: "true", int: "5", float: "3.5"}[type(default)]
    monkeypatch.setenv(f"DADS_EDGE_{name.upper()}", other)
    assert getattr(AgentConfig(), name) != default


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate_hz", 0.0),
        ("rate_hz", -1.0),
        ("strategy", "best"),
        ("policy", "best"),
        ("policy", "given:"),
        ("policy", "given:a,,b"),
        ("slowdown", 0.5),
        ("connect_timeout_s", 0.0),
        ("call_timeout_s", -1.0),
        ("ping_timeout_s", 0.0),
        ("silence_s", 0.0),
        ("max_waiting", 0),
        ("max_in_flight", 0),
        ("encodings", "best"),
        ("max_error", -0.1),
        ("max_error", float("inf")),
        ("input_encoding", "png"),
        ("no_such_setting", 1),
    ],
)
def test_what_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ValidationError, match=name):
        AgentConfig(**{name: value})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tls_cert": "cert.pem"}, "tls_cert and tls_key belong together"),
        ({"token": "t0p-secret", "token_file": "token"}, "both set"),
        ({"tls_server_name": "cloud.example"}, "needs tls"),
    ],
)
def test_an_access_that_does_not_fit_together_is_refused(settings, said):
    with pytest.raises(ValidationError, match=said) as caught:
        AgentConfig(**settings)
    assert "t0p-secret" not in str(caught.value)


def test_policy_and_strategy_are_two_names_of_one_setting(monkeypatch):
    for config in (AgentConfig(policy="chain"), AgentConfig(strategy="chain"), AgentConfig().with_policy("chain")):
        assert (config.policy, config.strategy) == ("chain", "chain")
    monkeypatch.setenv("DADS_EDGE_STRATEGY", "cloud_only")
    assert (AgentConfig().policy, AgentConfig(policy="chain").policy) == ("cloud_only", "chain")
    monkeypatch.delenv("DADS_EDGE_STRATEGY")
    monkeypatch.setenv("DADS_EDGE_POLICY", "given:conv_1,conv_2")
    assert (AgentConfig().policy, AgentConfig(strategy="edge_only").policy) == ("given:conv_1,conv_2", "edge_only")


@pytest.mark.parametrize("by", ["arguments", "environment"])
def test_two_policies_are_one_too_many(monkeypatch, by):
    both = {"policy": "chain", "strategy": "cloud_only"}
    if by == "environment":
        for name, value in both.items():
            monkeypatch.setenv(f"DADS_EDGE_{name.upper()}", value)
    with pytest.raises(ValidationError, match="policy is 'chain' and strategy, its other name, is 'cloud_only'"):
        AgentConfig(**(both if by == "arguments" else {}))
    assert AgentConfig(policy="chain", strategy="chain").policy == "chain"


def test_the_token_is_nowhere_to_be_read(monkeypatch):
    monkeypatch.setenv("DADS_EDGE_TOKEN", "t0p-secret")
    config = AgentConfig()
    assert config.access.metadata() == (("authorization", "Bearer t0p-secret"),)
    assert "t0p-secret" not in f"{config!r} {config} {config.access!r} {config.model_dump_json()}"


def test_an_empty_variable_of_access_is_none(monkeypatch):
    for name in ("TLS_CA", "TLS_CERT", "TLS_KEY", "TLS_SERVER_NAME", "TOKEN", "TOKEN_FILE"):
        monkeypatch.setenv(f"DADS_EDGE_{name}", "")
    assert AgentConfig().access == ClientAccess()


def test_a_configuration_never_changes():
    with pytest.raises(ValidationError, match="frozen"):
        AgentConfig().rate_hz = 3.0


@pytest.mark.parametrize("name", ["policy", "strategy"])
def test_a_copy_takes_another_policy_by_either_name(name):
    copied = AgentConfig(rate_hz=2.0).model_copy(update={name: "cloud_only", "slowdown": 3.0})
    assert (copied.policy, copied.strategy, copied.rate_hz, copied.slowdown) == ("cloud_only", "cloud_only", 2.0, 3.0)
    assert (copied.model_copy().policy, copied.with_policy("chain").strategy) == ("cloud_only", "chain")


@pytest.mark.parametrize(
    ("settings", "sends"),
    [({}, True), ({"packets": "off"}, False), ({"encodings": "raw"}, False), ({"max_error": 0.02}, True)],
)
def test_packets_are_for_who_lets_encodings_be_chosen(settings, sends):
    assert AgentConfig(**settings).sends_packets is sends
