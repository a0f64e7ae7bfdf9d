import itertools
import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dads.planning.alternatives import Alternatives
from dads.planning.output import print_plan
from dads.planning.profile_file import profile_json
from dads.planning.profiles import StoredEncodings
from partitioner import CostProfile, Link, decide, dsh, dsl, evaluate
from split_wire import limits

LINK = ("--uplink", "20Mbit/s", "--rtt", "10ms", "--rate", "5")


def plan_json(dads, *args):
    result = dads("plan", "zoo:easy_net", *args, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("uplink_bps", [1e5, 5e6, 1e9])
@pytest.mark.parametrize("rate_hz", [0.5, 30.0, 5000.0])
def test_the_plan_is_the_partitioners_decision(dads, easy_net, times, uplink_bps, rate_hz):
    plan = plan_json(dads, "--uplink", f"{uplink_bps:.0f}bit/s", "--rtt", "10ms", "--rate", rate_hz, *times.options)
    costs = CostProfile(times.edge.layer_s, times.cloud.layer_s)
    expected = decide(easy_net.graph, costs, Link(uplink_bps, fixed_s=0.010), rate_hz)
    assert plan["mode"] == expected.mode
    assert plan["keeps_up"] == expected.keeps_up
    assert plan["max_rate_hz"] == pytest.approx(expected.max_rate_hz)
    assert plan["chosen"]["cut"] == list(expected.partition.cut)
    assert plan["chosen"]["latency_s"] == pytest.approx(expected.partition.latency_s)
    assert plan["digest"] == easy_net.digest


def test_the_baselines_stand_beside_it(dads, easy_net, times):
    plan = plan_json(dads, *LINK, *times.options)
    costs = CostProfile(times.edge.layer_s, times.cloud.layer_s)
    cloud_only = evaluate(easy_net.graph, costs, Link(20e6, fixed_s=0.010), frozenset({"image"}))
    assert plan["edge_only"]["latency_s"] == pytest.approx(sum(times.edge.layer_s))
    assert plan["edge_only"]["cut"] == []
    assert plan["cloud_only"]["latency_s"] == pytest.approx(cloud_only.latency_s)


def test_edge_slowdown_stretches_the_edge_only(dads, times):
    before = plan_json(dads, *LINK, *times.options)
    after = plan_json(dads, *LINK, *times.options, "--edge-slowdown", "8")
    assert after["edge_only"]["edge_s"] == pytest.approx(8 * before["edge_only"]["edge_s"])
    assert after["cloud_only"]["cloud_s"] == pytest.approx(before["cloud_only"]["cloud_s"])


def test_an_unlimited_uplink_is_null_in_json(dads, times):
    plan = plan_json(dads, "--uplink", "inf", "--rtt", "0ms", "--rate", "5", *times.options)
    assert plan["uplink_bps"] is None
    assert plan["chosen"]["transfer_s"] == 0


def test_a_slow_downlink_counts(dads, times):
    free = plan_json(dads, *LINK, *times.options)["cloud_only"]
    slow = plan_json(dads, *LINK, *times.options, "--downlink", "1Mbit/s")["cloud_only"]
    assert slow["transfer_s"] > free["transfer_s"]


def choice(item):
    return {key: item[key] for key in ("mode", "cut", "encoding")}


def test_a_sweep_covers_all_uplinks_and_changes_at_every_break(dads, times):
    found = plan_json(dads, *LINK, *times.options, "--sweep")["sweep"]
    assert (found[0]["from_bps"], found[-1]["to_bps"]) == (1e5, 1e9)
    assert len(found) > 1
    for one, other in itertools.pairwise(found):
        assert one["to_bps"] == other["from_bps"]
        assert choice(one) != choice(other)


def test_the_break_points_are_where_the_sweep_changes(dads, times):
    with_table = plan_json(dads, *LINK, *times.options, "--sweep")
    plan = plan_json(dads, *LINK, *times.options)
    assert plan["sweep"] == []
    assert plan["break_points"] == with_table["break_points"]
    assert len(plan["break_points"]) > 0
    for point, (one, other) in zip(plan["break_points"], itertools.pairwise(with_table["sweep"]), strict=True):
        assert point["uplink_bps"] == other["from_bps"]
        assert point["from"] == choice(one)
        assert point["to"] == choice(other)


def test_each_mode_s_highest_rate_is_its_splits(dads, easy_net, times):
    plan = plan_json(dads, *LINK, *times.options)
    problem = easy_net.graph, CostProfile(times.edge.layer_s, times.cloud.layer_s), Link(20e6, fixed_s=0.010)
    assert plan["sustainable_hz"]["light"] == pytest.approx(1 / dsl(*problem).bottleneck_s)
    assert plan["sustainable_hz"]["heavy"] == pytest.approx(1 / dsh(*problem).bottleneck_s)
    assert plan["sustainable_hz"]["heavy"] == pytest.approx(plan["max_rate_hz"])


def test_the_best_chain_cut_stands_beside_it(dads, easy_net, times):
    chain = plan_json(dads, *LINK, *times.options)["chain_cut"]
    costs, link = CostProfile(times.edge.layer_s, times.cloud.layer_s), Link(20e6, fixed_s=0.010)
    names = [layer.name for layer in easy_net.graph.layers]
    prefixes = [evaluate(easy_net.graph, costs, link, names[: k + 1]) for k in range(len(names))]
    assert chain["latency_s"] == pytest.approx(min(split.latency_s for split in prefixes))


def test_with_a_source_encodings_are_chosen_too(dads, times, pictures):
    slow = ("--uplink", "1Mbit/s", "--rtt", "10ms", "--rate", "0.1")
    plain = plan_json(dads, *slow, *times.options)
    encoded = plan_json(dads, *slow, *times.options, "--source", str(pictures), "--max-error", "0.5")
    assert plain["chosen"]["encoding"] == "raw"
    assert encoded["chosen"]["encoding"] != "raw", "one color compresses"
    assert encoded["chosen"]["latency_s"] < plain["chosen"]["latency_s"]
    assert encoded["cloud_only"]["encoding"] != "raw", "as --policy cloud_only sends it"
    assert encoded["cloud_only"]["latency_s"] < plain["cloud_only"]["latency_s"]
    assert encoded["chain_cut"] == plain["chain_cut"], "as it is, which is how Neurosurgeon sends it"


def test_encodings_of_the_profiles_are_chosen_from(dads, times, tmp_path):
    """One that takes a hundredth of the bytes and a millisecond on either side."""
    count = len(times.edge.layers)
    raw = tuple(float(layer) for layer in times.output_bytes)
    kept = StoredEncodings(
        max_error=0.0,
        wanted_input="raw",
        input_encoding="raw",
        output_bytes={"raw": raw, "zstd": tuple(size / 100 for size in raw)},
        encode_s={"raw": (0.0,) * count, "zstd": (0.001,) * count},
    )
    edge, cloud = tmp_path / "edge.json", tmp_path / "cloud.json"
    edge.write_text(profile_json(replace(times.edge, encodings=kept)))
    cloud.write_text(profile_json(replace(times.cloud, decode_s={"raw": (0.0,) * count, "zstd": (0.001,) * count})))
    link = ("--uplink", "1Mbit/s", "--rtt", "10ms", "--rate", "0.1")
    chosen = plan_json(dads, *link, "--edge-profile", edge, "--cloud-profile", cloud)
    plain = plan_json(dads, *link, *times.options)
    assert (plain["chosen"]["encoding"], chosen["chosen"]["encoding"]) == ("raw", "zstd")
    assert chosen["chosen"]["latency_s"] < plain["chosen"]["latency_s"]
    # A cloud that knows only raw leaves nothing else to choose.
    cloud.write_text(profile_json(replace(times.cloud, decode_s={"raw": (0.0,) * count})))
    assert plan_json(dads, *link, "--edge-profile", edge, "--cloud-profile", cloud)["chosen"] == plain["chosen"]


@pytest.mark.parametrize("option", [("--preprocess", "pad"), ("--max-error", "0.1"), ("--input-encoding", "jpeg")])
def test_what_depends_on_frames_needs_a_source(dads, times, option):
    result = dads("plan", "zoo:easy_net", *LINK, *times.options, *option)
    assert result.exit_code == 2
    assert "--source" in result.stderr


def test_the_readmes_lines_work_with_defaults_for_what_they_leave_out(dads, times, tmp_path):
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    lines = [line.partition("#")[0].split()[3:] for line in readme.splitlines() if line.startswith("    dads plan ")]
    assert len(lines) >= 2
    assert any("--rtt" not in line and "--rate" not in line for line in lines)
    for args in lines:
        written = [str(tmp_path / arg) if arg.endswith(".svg") else arg for arg in args]
        result = dads("plan", "zoo:easy_net", *written, *times.options)
        assert result.exit_code == 0, result.stderr
        assert "round trip 10 ms, 5 frames/s" in result.stdout


def test_layers_have_their_places(dads, easy_net, times):
    slow = ("--uplink", "8Mbit/s", "--edge-slowdown", "0.1")
    plan = plan_json(dads, *slow, *times.options, "--sweep")
    named = {name for item in plan["sweep"] for name in item["cut"]}
    assert named <= plan["places"].keys()
    assert plan["places"].items() <= easy_net.places.items()
    shown = dads("plan", "zoo:easy_net", *slow, *times.options, "--sweep").stdout
    assert all(plan["places"][name] in shown for name in named)


OWN = """
import sys

import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 2, 3)

    def forward(self, image):
        print("a forward", sys.argv)
        return self.stem(image.float())


def build():
    torch.manual_seed(0)
    return Net(), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)


def fails():
    raise ValueError("not today")
"""


def test_ones_own_network_in_the_working_directory(dads, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_network.py").write_text(OWN)
    for spec in ("./own_network.py:build", "own_network:build"):
        result = dads("plan", spec, "--uplink", "1Mbit/s", "--json")
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["model"] == spec
        assert f"a forward ['{spec.partition(':')[0]}']" not in result.stdout
    failed = dads("plan", "own_network.py:fails", "--uplink", "1Mbit/s")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert failed.stderr.splitlines()[-1] == (
        "error: own_network.py:fails fails at own_network.py:23: ValueError: not today"
    )
    assert "Traceback" not in failed.stderr
    assert "in fails" in dads("plan", "own_network.py:fails", "--uplink", "1Mbit/s", "--debug").stderr


def test_the_table_for_people(dads, times):
    result = dads("plan", "zoo:easy_net", *LINK, *times.options, "--sweep")
    assert result.exit_code == 0, result.stderr
    for text in (
        "edge only",
        "cloud only",
        "chosen",
        "20 Mbit/s",
        "keeps up with 5 frames/s",
        "uplink from",
        "best chain cut",
    ):
        assert text in result.stdout


def test_people_see_the_break_points_and_the_rates(dads, times):
    result = dads("plan", "zoo:easy_net", *LINK, *times.options)
    assert result.exit_code == 0, result.stderr
    assert re.search(r"the choice changes at .+bit/s \(from 100 kbit/s to 1 Gbit/s\)", result.stdout)
    assert re.search(r"light load .* can sustain [\d.]+ frames/s, heavy load .* [\d.]+", result.stdout)
    assert "uplink from" not in result.stdout


def test_it_says_which_rate_could_be_sustained(dads, times):
    result = dads("plan", "zoo:easy_net", "--uplink", "1Mbit/s", "--rtt", "10ms", "--rate", "5000", *times.options)
    promised_hz = float(result.stdout.partition("lower the rate below ")[2].split()[0])
    sustained = plan_json(
        dads, "--uplink", "1Mbit/s", "--rtt", "10ms", "--rate", math.nextafter(promised_hz, 0), *times.options
    )
    assert sustained["keeps_up"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--uplink", "20", "--rtt", "10ms", "--rate", "5"), "Mbit/s"),
        (("--uplink", "20Mbps", "--rtt", "10ms", "--rate", "5"), "Mbit/s"),
        (("--uplink", "20Mbit/s", "--rtt", "10", "--rate", "5"), "ms"),
        (("--uplink", "0Mbit/s", "--rtt", "10ms", "--rate", "5"), "--uplink"),
        (("--uplink", "20Mbit/s", "--rtt", "10ms", "--rate", "0"), "--rate"),
        (("--uplink", "20Mbit/s", "--rtt", "10ms", "--rate", "nan"), "--rate"),
        (("--uplink", "20Mbit/s", "--rtt", "10ms", "--rate", "fast"), "--rate"),
        ((*LINK, "--edge-slowdown", "0"), "--edge-slowdown"),
        ((*LINK, "--edge-profile", "/nowhere/edge.json"), "/nowhere/edge.json"),
        ((*LINK, "--device", "tpu"), "cuda"),
        ((*LINK, "--plot", "plan.pdf"), ".svg"),
        ((*LINK, "--plot", "/nowhere/plan.svg"), "/nowhere"),
    ],
)
def test_wrong_usage_is_2_and_says_what_was_expected(dads, args, said):
    result = dads("plan", "zoo:easy_net", *args)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert said in result.stderr
    assert result.stdout == ""


def test_a_profile_of_another_model_is_refused(dads, times, other_model):
    result = dads("plan", "zoo:easy_net", *LINK, "--edge-profile", other_model)
    assert result.exit_code == 2
    assert str(other_model) in result.stderr


def test_what_does_not_fit_in_a_message_is_told_and_never_recommended(dads, times, monkeypatch):
    """The network's output is its largest value, so nothing can be in the cloud."""
    monkeypatch.setattr(limits, "MAX_CUT_BYTES", max(times.output_bytes) - 1)
    fast = ("--uplink", "10Gbit/s", "--rtt", "1us", "--rate", "5", *times.options)
    plan = plan_json(dads, *fast)
    assert plan["cloud_only"]["latency_s"] is plan["cloud_only"]["transfer_s"] is None
    assert plan["chosen"] == plan["edge_only"] == plan["chain_cut"]
    monkeypatch.setattr(limits, "MAX_CUT_BYTES", max(times.output_bytes))
    assert plan_json(dads, *fast)["chosen"] == plan_json(dads, *fast)["cloud_only"]
    monkeypatch.setattr(limits, "MAX_CUT_BYTES", max(times.output_bytes) - 1)
    told = dads("plan", "zoo:easy_net", *fast)
    assert told.exit_code == 0
    assert "cloud only cannot be sent: it takes more than a message holds" in told.stdout
    assert "never" in told.stdout


def test_a_models_name_is_printed_as_it_is(capsys, easy_net):
    """rich would draw an arrow for `:up:`, and leave out what stands in brackets."""
    alternatives = Alternatives(easy_net.graph, CostProfile(*[(0.01,) * len(easy_net.graph)] * 2))
    named = SimpleNamespace(name="nets:up:[bold]net", graph=easy_net.graph)
    print_plan(named, Link(1e6), 1.0, alternatives.compare(Link(1e6), 1.0), (), sweep=False)
    assert capsys.readouterr().out.startswith("nets:up:[bold]net: ")
