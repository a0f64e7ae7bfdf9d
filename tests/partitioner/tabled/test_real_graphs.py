"""Split points of a real detector's heads: what holds for any link is tried on many, against the search."""

import pytest

from bench.wide_graphs.real import encodings, load
from bench.wide_graphs.tables import questions
from partitioner import tabulate
from partitioner.searched.searched_splits import SearchedSplits


@pytest.fixture(scope="module")
def detector():
    graph, costs = load("ssdlite")
    choices = encodings(graph, 2)
    return tabulate(graph, costs, choices), SearchedSplits(graph, costs, choices)


def test_light_load_is_that_of_a_minimum_cut_and_heavy_load_is_proven(detector):
    table, search = detector
    for link, loads in questions(25):
        light, heavy = table.dsl(link, **loads), table.dsh(link, **loads)
        assert light.latency_s == pytest.approx(search.dsl(link, **loads).latency_s, rel=1e-9)
        assert light.lower_bound_s == light.latency_s
        assert heavy.lower_bound_s <= heavy.bottleneck_s <= heavy.lower_bound_s * 1.005 * (1 + 1e-9)
        for found in (light, heavy):
            again = table.evaluate(found.edge, link, encoding=found.encoding, **loads)
            assert again.latency_s == pytest.approx(found.latency_s, rel=1e-12)
            assert again.cut == found.cut


def test_no_search_finds_what_a_bound_excludes(detector):
    table, search = detector
    for link, loads in questions(4):
        heavy, searched = table.dsh(link, **loads), search.dsh(link, **loads)
        assert heavy.lower_bound_s <= searched.bottleneck_s * (1 + 1e-9)
        assert searched.lower_bound_s <= heavy.bottleneck_s * (1 + 1e-9)
        rate_hz = 0.9 / heavy.bottleneck_s
        at, found = table.dsh(link, rate_hz, **loads), search.dsh(link, rate_hz, **loads)
        assert at.lower_bound_s <= found.latency_s * (1 + 1e-9)
        assert found.lower_bound_s <= at.latency_s * (1 + 1e-9)
