"""The oracle against brute force over every closed set and a link stepped through in small steps."""

import itertools

import pytest

from bench.live.choosers import TracedSplits
from link_emulator import Trace
from partitioner import Layer, LayerGraph

GRAPH = LayerGraph(
    (
        Layer("x", (), 1000),
        Layer("a", ("x",), 400),
        Layer("b", ("x",), 300),
        Layer("c", ("a", "b"), 200),
    ),
    ("c",),
)
EDGE_S, CLOUD_S = (0.0, 0.3, 0.2, 0.4), (0.0, 0.03, 0.02, 0.04)
FIXED_S = 0.01


def closed_sets():
    names = [layer.name for layer in GRAPH.layers]
    for size in range(1, len(names) + 1):
        for edge in itertools.combinations(names, size):
            inside = set(edge)
            if "x" in inside and all(set(layer.inputs) <= inside for layer in GRAPH.layers if layer.name in inside):
                yield frozenset(inside)


def ends_s(edge, trace, begin_s, free_s):
    head_s = sum(s for layer, s in zip(GRAPH.layers, EDGE_S, strict=True) if layer.name in edge)
    outside = [layer for layer in GRAPH.layers if layer.name not in edge]
    if not outside:
        return begin_s + head_s
    sent = {name for layer in outside for name in layer.inputs if name in edge}
    size = sum(layer.output_bytes for layer in GRAPH.layers if layer.name in sent)
    tail_s = sum(s for layer, s in zip(GRAPH.layers, CLOUD_S, strict=True) if layer.name not in edge)
    return trace.time_after(max(begin_s + head_s, free_s), size) + FIXED_S + tail_s


@pytest.mark.parametrize("begin_s", [0.0, 0.7, 1.9, 3.2])
@pytest.mark.parametrize("free_s", [0.0, 2.5])
def test_it_takes_the_split_that_ends_first(begin_s, free_s):
    trace = Trace((0.0, 1.0, 2.0, 3.0), (8_000.0, 400.0, 0.0, 80_000.0))
    splits = TracedSplits(GRAPH, EDGE_S, CLOUD_S, trace, 1.0)
    index = splits.best(begin_s, FIXED_S, free_s)
    best_s = min(ends_s(edge, trace, begin_s, free_s) for edge in closed_sets())
    assert splits.ended_s(index, begin_s, FIXED_S, free_s)[0] == pytest.approx(best_s)
    assert ends_s(splits.edge(index), trace, begin_s, free_s) == pytest.approx(best_s)


def test_headers_cost_time():
    trace = Trace.constant(8_000.0)
    splits = TracedSplits(GRAPH, EDGE_S, CLOUD_S, trace, 0.5)
    assert splits.ended_s(0, 0.0, 0.0)[1] == pytest.approx(2.0)
