"""What was typed, then the environment, then the defaults; and who is to blame for a value that cannot be used."""

import pytest

from dads.errors import InvalidUsageError
from dads.session.settings import for_source, settings

NONE = {"rate_hz": None, "strategy": None, "slowdown": None, "require_cloud": None, "keep_inputs": None}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in NONE:
        monkeypatch.delenv(f"DADS_EDGE_{name.upper()}", raising=False)


def test_policy_is_the_option_and_strategy_its_other_name(monkeypatch):
    monkeypatch.setenv("DADS_EDGE_POLICY", "chain")
    assert settings(**NONE).policy == "chain"
    assert settings(**NONE | {"strategy": "edge_only"}).policy == "edge_only"
    with pytest.raises(
        InvalidUsageError, match=r"^--policy is 'best': expected one of adaptive, edge_only, cloud_only"
    ):
        settings(**NONE, policy="best")
    with pytest.raises(InvalidUsageError, match=r"^policy is 'chain' and strategy, .* give one of the two$"):
        settings(**NONE | {"strategy": "edge_only"}, policy="chain")


def test_the_defaults():
    found = settings(**NONE)
    assert (found.rate_hz, found.strategy, found.slowdown, found.keep_inputs) == (5.0, "adaptive", 1.0, False)


def test_the_environment_comes_before_the_defaults(monkeypatch):
    monkeypatch.setenv("DADS_EDGE_RATE_HZ", "2.5")
    monkeypatch.setenv("DADS_EDGE_STRATEGY", "edge_only")
    monkeypatch.setenv("DADS_EDGE_SLOWDOWN", "3")
    found = settings(**NONE)
    assert (found.rate_hz, found.strategy, found.slowdown) == (2.5, "edge_only", 3.0)


def test_what_was_typed_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv("DADS_EDGE_RATE_HZ", "2.5")
    monkeypatch.setenv("DADS_EDGE_STRATEGY", "edge_only")
    found = settings(**NONE | {"rate_hz": 7.0, "strategy": "cloud_only"})
    assert (found.rate_hz, found.strategy) == (7.0, "cloud_only")


@pytest.mark.parametrize("value", ["abc", "0.5", "inf", "nan", ""])
def test_a_variable_that_cannot_be_used_is_named(monkeypatch, value):
    monkeypatch.setenv("DADS_EDGE_SLOWDOWN", value)
    with pytest.raises(InvalidUsageError, match=r"^DADS_EDGE_SLOWDOWN"):
        settings(**NONE)


def test_every_variable_that_cannot_be_used_is_named(monkeypatch):
    monkeypatch.setenv("DADS_EDGE_MAX_WAITING", "0")
    monkeypatch.setenv("DADS_EDGE_STRATEGY", "best")
    with pytest.raises(InvalidUsageError, match=r"DADS_EDGE_STRATEGY is 'best'.*; DADS_EDGE_MAX_WAITING is '0'"):
        settings(**NONE)


@pytest.mark.parametrize(
    ("name", "value", "option"),
    [("rate_hz", float("inf"), "--rate"), ("slowdown", 0.5, "--edge-slowdown"), ("strategy", "best", "--strategy")],
)
def test_an_option_that_cannot_be_used_is_named(monkeypatch, name, value, option):
    monkeypatch.setenv(f"DADS_EDGE_{name.upper()}", "also wrong")
    with pytest.raises(InvalidUsageError, match=f"^{option}"):
        settings(**NONE | {name: value})


def test_of_a_live_source_the_newest_frame_alone_waits(monkeypatch):
    config = settings(**NONE)
    assert for_source(config, "clip.mp4") is config
    assert for_source(config, "rtsp://camera/1").max_waiting == 1
    monkeypatch.setenv("DADS_EDGE_MAX_WAITING", "3")
    assert for_source(settings(**NONE), "rtsp://camera/1").max_waiting == 3
