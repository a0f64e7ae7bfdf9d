"""The measurement of split points on a small real graph; and the graphs that are kept as files."""

import pytest

from bench.wide_graphs.real import encodings, load, names
from bench.wide_graphs.tables import measure_table


def test_what_is_measured_of_a_graph():
    row = measure_table("ssdlite", 1, links=3, searches=1)
    assert (row["kind"], row["layers"], row["encodings"]) == ("real", 198, 1)
    assert row["light"] == {"median": 1.0, "worst": 1.0}
    assert 1.0 <= row["heavy"]["median"] <= row["heavy"]["worst"] <= 1.005
    assert row["searched"]["ratio"]["worst"] <= 1.005
    assert row["points"] > 100
    assert all(row[name] > 0.0 for name in ("build_s", "memory_mb"))


@pytest.mark.parametrize("name", names())
def test_a_graph_loads_with_a_profile_and_encodings(name):
    graph, costs = load(name)
    costs.check(graph)
    assert load(name) == (graph, costs) != load(name, seed=1)
    for encoding in encodings(graph, 4):
        encoding.check(graph)
