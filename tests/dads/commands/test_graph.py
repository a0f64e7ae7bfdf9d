import xml.etree.ElementTree as ET

import pytest

from dads import units
from dads.commands.graph import chosen
from partitioner import CostProfile, Layer, LayerGraph, Link, decide, dsl

SVG = "{http://www.w3.org/2000/svg}"


def texts(path):
    return [element.text for element in ET.parse(path).iter(f"{SVG}text")]


def layers_on(path, side):
    boxes = [box for box in ET.parse(path).iter(f"{SVG}g") if box.get("class") == f"box {side}"]
    return {name for box in boxes for name in box.find(f"{SVG}title").text.split(", ")}


@pytest.fixture
def costs(times):
    return CostProfile(times.edge.layer_s, times.cloud.layer_s)


@pytest.mark.parametrize("uplink_bps", [1e5, 5e6, 1e9])
@pytest.mark.parametrize("rate", [None, 5, 5000])
def test_the_drawing_shows_the_chosen_split(dads, easy_net, times, costs, tmp_path, uplink_bps, rate):
    path = tmp_path / "easy.svg"
    options = ("--uplink", f"{uplink_bps:.0f}bit/s", "--rtt", "10ms", *times.options)
    result = dads("graph", "zoo:easy_net", *options, *(() if rate is None else ("--rate", rate)), "--output", path)
    assert result.exit_code == 0, result.stderr
    link = Link(uplink_bps, fixed_s=0.010)
    expected = dsl(easy_net.graph, costs, link)
    if rate is not None:
        expected = decide(easy_net.graph, costs, link, rate).partition
    everything = {layer.name for layer in easy_net.graph.layers}
    assert layers_on(path, "edge") == {easy_net.places[name] for name in expected.edge}
    assert layers_on(path, "cloud") == {easy_net.places[name] for name in everything - expected.edge}
    sizes = {layer.name: layer.output_bytes for layer in easy_net.graph.layers}
    for name in expected.cut:
        assert units.format_bytes(sizes[name]) in texts(path)
    assert any(units.format_duration(expected.latency_s) in text for text in texts(path))


def test_a_rate_that_the_fastest_split_cannot_keep_is_heavy_load():
    # On 8 Mbit/s: after "x" 0.60 s in all, 0.5 s of it sending; after "a" 0.65 s, and no stage longer than 0.3 s.
    layers = (Layer("x", (), 500_000), Layer("a", ("x",), 300_000), Layer("out", ("a",), 100))
    problem = (
        LayerGraph(layers, outputs=("out",)),
        CostProfile(edge_s=(0.0, 0.3, 2.0), cloud_s=(0.0, 0.05, 0.05)),
        Link(8e6),
    )
    found = {rate_hz: chosen(*problem, rate_hz) for rate_hz in (None, 1.0, 2.5)}
    assert {rate_hz: split.cut for rate_hz, (split, _) in found.items()} == {None: ("x",), 1.0: ("x",), 2.5: ("a",)}
    assert [words for _, words in found.values()] == [
        "lowest latency",
        "1 frames/s (light load)",
        "2.5 frames/s (heavy load)",
    ]


def test_without_a_link_nothing_is_split_or_measured(dads, easy_net, tmp_path):
    path = tmp_path / "easy.svg"
    result = dads("graph", "zoo:easy_net", "--output", path)
    assert result.exit_code == 0, result.stderr
    assert layers_on(path, "none") == {"image", "_to_copy", "sub", "div", "stem", "left", "right", "cat"}
    assert "profiling" not in result.stderr


def test_without_a_file_the_svg_is_on_stdout(dads):
    result = dads("graph", "zoo:easy_net")
    assert ET.fromstring(result.stdout).tag == f"{SVG}svg"


def test_a_branching_model_is_folded_as_told(dads, tmp_path):
    counts = {}
    for detail in ("layers", "blocks"):
        path = tmp_path / f"{detail}.svg"
        assert dads("graph", "zoo:inception", "--detail", detail, "--output", path).exit_code == 0
        counts[detail] = sum(box.get("class") == "box none" for box in ET.parse(path).iter(f"{SVG}g"))
    assert counts["blocks"] < counts["layers"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--rtt", "10ms"), "--uplink"),
        (("--rate", "5"), "--uplink"),
        (("--uplink", "0Mbit/s"), "--uplink"),
        (("--uplink", "20"), "Mbit/s"),
        (("--uplink", "20Mbit/s", "--rate", "0"), "--rate"),
        (("--output", "drawing.png"), ".svg"),
        (("--output", "/nowhere/drawing.svg"), "/nowhere"),
        (("--detail", "none"), "blocks"),
    ],
)
def test_wrong_usage_is_2_and_says_what_was_expected(dads, args, said):
    result = dads("graph", "zoo:easy_net", *args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
