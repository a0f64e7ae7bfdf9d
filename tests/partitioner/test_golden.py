"""The paper's own measurements of tiny YOLOv2, and the splits that follow from them."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from partitioner import CostProfile, Layer, LayerGraph, Link, SplitTable, decide, dsh, dsl
from partitioner.searched.problem import Problem
from partitioner.searched.searched_splits import SearchedSplits
from partitioner.searched.weighted_cuts import search

FIXTURE = json.loads((Path(__file__).parent / "data" / "tiny_yolov2_dads.json").read_text())
ROWS = FIXTURE["layers"]
NAMES = [row["name"] for row in ROWS]
GRAPH = LayerGraph(
    tuple(
        Layer(row["name"], tuple(NAMES[i - 1 : i]) if i else (), round(row["output_mb"] * 1e6))
        for i, row in enumerate(ROWS)
    ),
    ("output",),
)
COSTS = CostProfile(tuple(row["edge_s"] for row in ROWS), tuple(row["cloud_s"] for row in ROWS))
TABLE = SplitTable(GRAPH, COSTS)
RANGES = FIXTURE["expected"]["latency_optimal_last_edge_layer_by_uplink_mbps"]
AT_4_MBPS = FIXTURE["expected"]["at_4_mbps"]
HEAVY = AT_4_MBPS["rate_hz_1_over_0.45"]


def last(split):
    """The last layer on the edge; the model is a chain, so it says everything."""
    assert split.edge == frozenset(NAMES[: len(split.edge)])
    return NAMES[len(split.edge) - 1]


def mbps_within(entry):
    """Points spread over a range, and close to either end; the ends are published to three digits."""
    low, high = entry.get("from", 0.05) * 1.005, entry.get("below", 1000.0) * 0.995
    return [low * (high / low) ** (i / 8) for i in range(9)]


SOLVERS = {
    "dsl": lambda link: dsl(GRAPH, COSTS, link),
    "table": TABLE.dsl,
    "min_cut": SearchedSplits(GRAPH, COSTS).dsl,
}


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("entry", RANGES, ids=lambda entry: entry["last"])
def test_split_at_every_bandwidth(solve, entry):
    for mbps in mbps_within(entry):
        assert last(solve(Link(mbps * 1e6))) == entry["last"], mbps


@pytest.mark.parametrize("entry", RANGES[:-1], ids=lambda entry: f"{entry['below']}")
def test_splits_change_once_at_every_boundary(entry):
    following = RANGES[RANGES.index(entry) + 1]
    assert following["from"] == entry["below"]
    lasts = [last(TABLE.dsl(Link(entry["below"] * 1e6 * (0.98 + 0.0005 * i)))) for i in range(81)]
    assert (lasts[0], lasts[-1]) == (entry["last"], following["last"])
    changes = sum(before != after for before, after in pairwise(lasts))
    assert changes == 1


def test_light_at_4_mbps():
    split = dsl(GRAPH, COSTS, Link(4e6))
    assert last(split) == AT_4_MBPS["dsl"]["last"]
    assert split.latency_s == pytest.approx(AT_4_MBPS["dsl"]["latency_s"], abs=5e-4)
    assert split.bottleneck_s == pytest.approx(HEAVY["dsl_max_stage_s"], abs=5e-4)


@pytest.mark.parametrize("rate_hz", [1 / 0.45, None])
def test_heavy_at_4_mbps(rate_hz):
    split = dsh(GRAPH, COSTS, Link(4e6), rate_hz)
    assert last(split) == HEAVY["dsh_last"]
    assert split.bottleneck_s == pytest.approx(HEAVY["dsh_max_stage_s"], abs=5e-4)


def test_decisions_at_4_mbps():
    heavy = decide(GRAPH, COSTS, Link(4e6), 1 / 0.45)
    assert (heavy.mode, heavy.keeps_up, last(heavy.partition)) == ("heavy", True, HEAVY["dsh_last"])
    assert heavy.max_rate_hz == pytest.approx(1 / HEAVY["dsh_max_stage_s"], rel=2e-3)
    light = decide(GRAPH, COSTS, Link(4e6), 1.0)
    assert (light.mode, light.keeps_up, last(light.partition)) == ("light", True, AT_4_MBPS["dsl"]["last"])
    hopeless = decide(GRAPH, COSTS, Link(4e6), 10.0)
    assert (hopeless.mode, hopeless.keeps_up) == ("heavy", False)


def test_megabits_are_not_megabytes():
    """4 MB/s are 32 Mbit/s, where everything goes to the cloud."""
    assert last(dsl(GRAPH, COSTS, Link(8 * 4e6))) == "input"


def test_weighted_cuts_find_the_paper_s_splits_too():
    assert (
        last(search(Problem.of(GRAPH, COSTS, Link(4e6)), dsl(GRAPH, COSTS, Link(4e6))).heavy(1 / 0.45))
        == HEAVY["dsh_last"]
    )
