import importlib.util

import pytest

from dads.errors import InvalidUsageError
from dads.tracing import is_wanted, tracer

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Without the machine's own variables."""
    for name in (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def test_it_is_off_unless_it_is_asked_for():
    assert not is_wanted(None)
    assert is_wanted(True)


@pytest.mark.parametrize("name", [ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_an_endpoint_in_the_environment_turns_it_on(environment, name):
    environment(name, "http://127.0.0.1:4317")
    assert is_wanted(None)
    assert not is_wanted(False)


def test_the_environment_can_turn_it_off(environment):
    environment(ENDPOINT, "http://127.0.0.1:4317")
    environment("OTEL_TRACES_EXPORTER", "none")
    assert not is_wanted(None)
    environment("OTEL_SDK_DISABLED", "true")
    assert not is_wanted(True)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "opentelemetry.sdk" else find_spec(name)
    )
    assert not is_wanted(None)
    with pytest.raises(
        InvalidUsageError, match=r"no opentelemetry\.sdk; install the extra: pip install 'dads\[tracing\]'"
    ):
        is_wanted(True)


def test_where_it_is_off_there_is_no_tracer():
    with tracer("dads-edge", wanted=False) as spans:
        assert spans is None


@pytest.mark.parametrize(("given", "expected"), [(None, "dads-edge"), ("mine", "mine")])
def test_the_environment_may_name_the_service(environment, given, expected):
    if given is not None:
        environment("OTEL_SERVICE_NAME", given)
    with tracer("dads-edge", wanted=True) as spans:
        assert spans.resource.attributes["service.name"] == expected
