"""How the benchmark of engines times and compares."""

from types import SimpleNamespace

import numpy as np
import pytest

from bench.engines.__main__ import beginnings, deviation, in_turns, ratio
from partitioner import Layer, LayerGraph

GRAPH = LayerGraph((Layer("x", (), 8), *(Layer(f"l{i}", (f"l{i - 1}" if i else "x",), 8) for i in range(6))), ("l5",))


def test_everything_takes_turns_and_warms_up():
    calls = []
    taken = in_turns({name: lambda name=name: calls.append(name) for name in "ab"}, 3)
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 3, "b": 3}
    assert all(set(calls[i : i + 2]) == {"a", "b"} for i in range(0, len(calls), 2))
    assert len(calls) > 6


def test_ratios_are_of_pairs():
    assert ratio([1.0, 4.0, 9.0], [1.0, 2.0, 3.0]) == {"median": 2.0, "low": 1.5, "high": 2.5}


def test_a_deviation_is_relative_to_each_outputs_scale():
    right = [np.array([1.0, -100.0]), np.array([1.0, 2.0])]
    assert deviation([np.array([2.0, -100.0]), np.array([1.0, 2.1])], right) == pytest.approx(0.05)


def test_random_splits_are_closed_and_the_same_every_time():
    model = SimpleNamespace(graph=GRAPH, digest="abc")
    found = beginnings(model, 3)
    assert found == beginnings(model, 3)
    assert len(set(found)) == 3
    assert all("x" in edge for edge in found)
    for edge in found:
        assert all(set(layer.inputs) <= edge for layer in GRAPH.layers if layer.name in edge)
    assert len(beginnings(model, 100)) == 6
