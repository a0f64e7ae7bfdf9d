"""docker compose on a real engine: everything comes up, adapts, survives a crash of the cloud, and goes away.

The tests run in their order and share one set of services. They are left out unless asked for: `-m compose`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from compose_stack import ONCE, PROJECT, ROOT, SERVICES, Stack, require_engine, run, until
from google.protobuf import json_format

from split_wire import split_pb2

pytestmark = [pytest.mark.compose, pytest.mark.timeout(2400)]

BIN = Path(sys.executable).parent
ACCEPTED = {f'dads_{way}_bits_per_second use base unit "bytes" instead of "bits"' for way in ("uplink", "downlink")}
OURS = ("cloud", "link", "edge")
EXAMPLES = re.findall(
    r"<!-- tests/system/test_compose.py runs these -->\n```sh\n(.*?)```",
    (ROOT / "docs/operations.md").read_text(),
    flags=re.DOTALL,
)


@pytest.fixture(scope="module")
def stack():
    stack = Stack(require_engine())
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


def panels_and_marks():
    """Every query of the dashboard by its panel, with the variables filled in; and those of the annotations."""
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/split_decisions.json").read_text())

    def filled(expr):
        return re.sub(r"\$__(rate_)?interval", "20s", re.sub(r"\$(job|instance|model|cloud)\b", ".+", expr))

    panels = {
        f"{panel['title']} {target['refId']}": filled(target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }
    marks = {entry["name"]: filled(entry["expr"]) for entry in dashboard["annotations"]["list"]}
    return panels, marks


def test_every_service_is_healthy(stack):
    states = {service: entry["State"] for service, entry in stack.containers().items()}
    assert states.keys() == {*SERVICES, ONCE}
    for service in SERVICES:
        state = states[service]
        assert (state["Status"], state["Health"]["Status"]) == ("running", "healthy"), service
    assert (states[ONCE]["Status"], states[ONCE]["ExitCode"]) == ("exited", 0)


def test_ports_are_published_on_this_machine_only(stack):
    for service, entry in stack.containers().items():
        for port, bindings in entry["NetworkSettings"]["Ports"].items():
            assert {binding["HostIp"] for binding in bindings or ()} <= {"127.0.0.1"}, (service, port)


@pytest.mark.parametrize("service", OURS)
def test_a_service_may_do_little(stack, service):
    entry = stack.containers()[service]
    host = entry["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert stack.exec(service, "id", "-u").stdout.strip() == "10001"
    assert stack.exec(service, "touch", "/opt/x", check=False).returncode != 0
    stack.exec(service, "touch", "/tmp/x")
    status = stack.exec(service, "cat", "/proc/1/status").stdout
    assert re.search(r"^CapEff:\t0+$", status, flags=re.MULTILINE)


@pytest.mark.parametrize("service", ["cloud", "edge"])
def test_an_image_has_no_compiler_and_says_what_it_is(stack, service):
    tools = "cc gcc g++ c++ clang ld as make cmake ninja cargo rustc go"
    found = stack.exec(service, "sh", "-c", f"for tool in {tools}; do command -v $tool; done; true").stdout
    assert found == ""
    labels = stack.containers()[service]["Config"]["Labels"]
    for name in ("title", "description", "licenses", "version", "revision"):
        assert labels[f"org.opencontainers.image.{name}"]
    assert labels["org.opencontainers.image.title"] == f"dads-{service}"


WHOLE = """
import json, subprocess, sys
import numpy as np

def outputs(policy):
    results, folder = f"/tmp/{policy}.jsonl", f"/tmp/{policy}"
    options = ["--source=sample", "--frames=5", "--rate=5", "--encodings=raw", "--threads=1", "--packets=off"]
    written = [f"--results={results}", f"--save-outputs={folder}"]
    model = ["--model=file:/models/model.dads", "--name=zoo:efficientnet_lite0", "--cloud=cloud:50051"]
    subprocess.run(["dads", "edge", *model, f"--policy={policy}", *options, *written], check=True, stdout=sys.stderr)
    lines = [json.loads(line) for line in open(results)]
    return [line["outcome"] for line in lines], [np.load(f'{folder}/' + line["saved_as"]) for line in lines]

edge, cloud = outputs("edge_only"), outputs("cloud_only")
off = [
    np.abs(mine[name] - theirs[name]).max() / np.abs(theirs[name]).max()
    for mine, theirs in zip(edge[1], cloud[1], strict=True) for name in theirs
]
print(json.dumps({"edge": edge[0], "cloud": cloud[0], "off": float(max(off))}))
"""


def test_the_edge_has_no_torch_and_gives_what_the_whole_model_gives_in_the_cloud(stack):
    missing = stack.exec("edge", "python", "-c", "import torch", check=False)
    assert "No module named 'torch'" in missing.stderr
    assert stack.exec("cloud", "python", "-c", "import torch; print('there')").stdout == "there\n"
    found = json.loads(stack.exec("edge", "python", "-c", WHOLE).stdout.splitlines()[-1])
    assert found["edge"] == ["edge_only"] * 5
    assert found["cloud"] == ["offloaded"] * 5
    assert found["off"] <= 1e-5


def test_an_export_of_the_same_model_leaves_the_file_that_the_edge_runs(stack):
    def identity():
        return stack.exec("edge", "stat", "--format", "%i %Z", "/models/model.dads").stdout

    before = identity()
    stack.compose("run", "--rm", "--no-deps", "-T", ONCE)
    assert identity() == before


def test_frames_flow_to_the_cloud(stack):
    before = stack.outcome("offloaded")
    until(lambda: stack.outcome("offloaded") > before + 3)
    assert stack.outcome("failed") == 0


def test_prometheus_scrapes_both(stack):
    until(lambda: stack.targets() == {"dads-edge": "up", "dads-cloud": "up"})


def test_a_browser_shows_the_targets_up(stack, tmp_path):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium on the PATH (Debian: package chromium)")
    until(lambda: stack.targets() == {"dads-edge": "up", "dads-cloud": "up"})
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", *quiet, f"--user-data-dir={tmp_path}")
    url = f"http://127.0.0.1:{stack.ports['PROMETHEUS']}/classic/targets"
    page = run(browser, *options, "--virtual-time-budget=10000", "--dump-dom", url).stdout
    for job in ("dads-edge", "dads-cloud"):
        assert re.search(rf"{job} \(1/1 up\)", page), page[:2000]


@pytest.mark.parametrize("port", ["EDGE", "CLOUD_METRICS"])
def test_live_metrics_follow_prometheus_rules(stack, port):
    command = ("docker", "compose", "-p", PROJECT, "exec", "-T", "prometheus", "promtool", "check", "metrics")
    done = run(*command, input=stack.get(port, "/metrics"), check=False)
    assert [line for line in (done.stdout + done.stderr).splitlines() if line not in ACCEPTED] == []


def test_the_examples_with_grpcurl_work_as_printed(stack):
    (block,) = EXAMPLES
    commands = [line for line in block.replace("\\\n", "").splitlines() if line]
    assert len(commands) >= 7
    path = f"{BIN}:{os.environ['PATH']}"
    for command in commands:
        assert "localhost:50051" in command
        mine = command.replace("localhost:50051", f"127.0.0.1:{stack.ports['CLOUD']}")
        mine = mine.replace("docker compose exec", f"docker compose -p {PROJECT} exec")
        # grpcurl's status counts, and that of what feeds it.
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", mine],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            cwd=ROOT,
            env=os.environ | {"PATH": path},
        )
        assert done.returncode == 0, (command, done.stderr)
        if command.endswith("RunTail"):
            answer = json_format.Parse(done.stdout, split_pb2.RunTailResponse())
            assert answer.outputs
            assert answer.timing.total_s > 0


def test_a_switch_of_the_link_shows_in_the_split(stack):
    """The link is good, then useless, then good again: the model's last layer is on the edge only in between."""
    last = max_index(stack)

    def both_seen():
        seen = {value for series in stack.range("dads_split_index") for value in series}
        return last in seen and min(seen) < last

    until(both_seen, limit_s=180, every_s=2)
    assert stack.edge()["dads_split_switches_total"] >= 1


def max_index(stack):
    """The position of the model's last layer: where everything runs on the edge."""
    metrics = stack.edge()
    return metrics['dads_split_layers{side="edge"}'] + metrics['dads_split_layers{side="cloud"}'] - 1


def test_every_panel_of_the_dashboard_has_data(stack):
    missing, marks = panels_and_marks()
    missing["mark Switches"] = marks["Switches"]
    assert len(missing) > 20

    def all_there():
        for where in list(missing):
            if any(stack.range(missing[where])):
                del missing[where]
        return not missing

    try:
        until(all_there, limit_s=120, every_s=3)
    except AssertionError:
        raise AssertionError(f"no data for: {missing}") from None


def test_a_killed_cloud_costs_no_frame_and_comes_back_by_itself(stack):
    until(lambda: stack.edge().get("dads_cloud_connected") == 1)
    before = stack.containers()["cloud"]
    os.kill(before["State"]["Pid"], signal.SIGKILL)  # as a crash is: the engine did not ask for it
    until(lambda: stack.edge().get("dads_cloud_connected") == 0, every_s=0.2)
    alone = stack.outcome("edge_only")
    until(lambda: stack.outcome("edge_only") > alone + 2)

    def back():
        state = stack.containers()["cloud"]["State"]
        return state["StartedAt"] != before["State"]["StartedAt"] and state["Health"]["Status"] == "healthy"

    until(back, limit_s=180, every_s=2)
    assert stack.containers()["cloud"]["RestartCount"] == before["RestartCount"] + 1
    offloaded = stack.outcome("offloaded")
    until(lambda: stack.outcome("offloaded") > offloaded, limit_s=180)
    assert stack.outcome("failed") == 0
    _, marks = panels_and_marks()
    until(lambda: any(stack.range(marks["Cloud lost"])), limit_s=30)


OFFLOADED = """
import re, urllib.request
text = urllib.request.urlopen("http://127.0.0.1:9091/metrics", timeout=10).read().decode()
print([int(float(n)) for n in re.findall(r'^dads_frames_total{outcome="(?:offloaded|failed)"} (.+)$', text, re.M)])
"""


def test_edges_share_replicas_behind_envoy_and_go_on_when_two_of_three_are_killed(stack):
    def counted():
        """Of each edge: frames that a replica answered, and that failed, in the metrics' order."""
        told = [stack.exec("edges", "python", "-c", OFFLOADED, number=n, check=False).stdout for n in (1, 2)]
        return [json.loads(text or "[0, 0]") for text in told]  # nothing while an edge starts

    def more_than(before):
        return all(max(now) > max(then) + 3 for now, then in zip(counted(), before, strict=True))

    try:
        stack.scale_up()
        until(lambda: more_than([[0], [0]]))
        until(lambda: stack.containers()["envoy"]["State"]["Health"]["Status"] == "healthy")
        until(lambda: stack.range('count(up{job="dads-cloud"} == 1) == 4'))
        # Two of three, so at least one edge loses its own.
        for replica in json.loads(run("docker", "inspect", f"{PROJECT}-replicas-1", f"{PROJECT}-replicas-2").stdout):
            os.kill(replica["State"]["Pid"], signal.SIGKILL)
        then = counted()
        until(lambda: more_than(then))
        assert [min(counts) for counts in counted()] == [0, 0], "none failed"
    finally:
        stack.scale_down()


def test_it_stops_when_it_is_asked_to_and_down_leaves_nothing(stack):
    stack.compose("stop", limit_s=180)
    codes = {service: entry["State"]["ExitCode"] for service, entry in stack.containers().items()}
    assert codes == dict.fromkeys((*SERVICES, ONCE), 0), "137 is one that had to be killed"
    stack.down()
    mine = f"label=com.docker.compose.project={PROJECT}"
    for kind in (("ps", "--all"), ("network", "ls"), ("volume", "ls")):
        assert run("docker", *kind, "--quiet", "--filter", mine).stdout == "", kind
