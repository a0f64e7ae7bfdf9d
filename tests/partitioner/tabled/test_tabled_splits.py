"""The table of split points against brute force, on a thousand random graphs with encodings, loads, links and rates."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import brute_force_encoded, encodings_of, exact_problems, problems

from partitioner import CostProfile, Encoding, Layer, LayerGraph, Link, PartitionError, SplitTable, tabulate

# What a frontier leaves open.
EPS = 0.005
CLOSE = 1e-9


def random_case(rng):
    count = rng.randint(3, 6)
    layers = []
    for i in range(count):
        reads = rng.sample(range(i), min(i, rng.choice([0, 1, 1, 2, 3]))) if i else []
        size = rng.choice([0, 10 ** rng.randint(0, 6), rng.randint(1, 10**6)])
        layers.append(Layer(f"v{i}", tuple(f"v{j}" for j in sorted(reads)), size))
    graph = LayerGraph(tuple(layers), tuple(f"v{i}" for i in rng.sample(range(count), rng.randint(1, 3))))
    edge_s = tuple(rng.choice([0.0, rng.random(), rng.random() / 30]) for _ in layers)
    # A cloud that is faster by one factor makes many splits equally good.
    same = rng.random() < 0.1
    cloud_s = tuple(seconds / 8 if same else rng.random() / 5 for seconds in edge_s)
    return graph, CostProfile(edge_s, cloud_s), tuple(random_encodings(graph, rng))


def random_encodings(graph, rng):
    yield Encoding.raw(graph)
    for k in range(rng.choice([1, 1, 2])):
        share, forbids = rng.uniform(0.1, 0.9), rng.random() < 0.3
        sizes = [layer.output_bytes * share * rng.uniform(0.5, 1.5) for layer in graph.layers]
        if forbids:
            sizes[rng.randrange(len(sizes))] = math.inf
        encode_s, decode_s = (
            tuple(layer.output_bytes * factor * rng.random() for layer in graph.layers) for factor in (1e-7, 1e-8)
        )
        yield Encoding(f"e{k}", tuple(sizes), encode_s, decode_s)


def random_question(rng):
    downlink_bps = rng.choice([math.inf, 10 ** rng.uniform(4, 9)])
    link = Link(10 ** rng.uniform(4, 9), downlink_bps, rng.choice([0.0, 0.01, 0.1]))
    return link, {name: rng.choice([1.0, 16 ** rng.uniform(-0.25, 1)]) for name in ("edge_load", "cloud_load")}


def all_splits(graph, costs, encodings, link, loads):
    """Every split in every encoding, by the definitions."""
    edge, cloud = loads["edge_load"], loads["cloud_load"]
    loaded = CostProfile(tuple(s * edge for s in costs.edge_s), tuple(s * cloud for s in costs.cloud_s))
    coded = [
        Encoding(e.name, e.output_bytes, tuple(s * edge for s in e.encode_s), tuple(s * cloud for s in e.decode_s))
        for e in encodings
    ]
    return brute_force_encoded((graph, loaded, link), tuple(coded))


def assert_light(table, splits, link, loads):
    lowest_s = min(split.latency_s for split in splits)
    found = table.dsl(link, **loads)
    assert math.isclose(found.latency_s, lowest_s, rel_tol=CLOSE)
    assert math.isclose(found.lower_bound_s, lowest_s, rel_tol=CLOSE)


def assert_heavy(table, splits, link, loads, eps=EPS):
    smallest_s = min(split.bottleneck_s for split in splits)
    found = table.dsh(link, **loads)
    assert smallest_s * (1 - CLOSE) <= found.bottleneck_s <= smallest_s * (1 + eps + CLOSE)
    assert found.lower_bound_s <= smallest_s * (1 + CLOSE)
    assert found.bottleneck_s <= found.lower_bound_s * (1 + eps + CLOSE)


def assert_heavy_at(table, splits, link, loads, period_s):
    rate_hz = 1.0 / period_s
    found = table.dsh(link, rate_hz, **loads)
    decision = table.decide(link, rate_hz, **loads)
    in_time = [split.latency_s for split in splits if split.bottleneck_s < 1.0 / rate_hz]
    if found.bottleneck_s < 1.0 / rate_hz:
        assert min(in_time) * (1 - CLOSE) <= found.latency_s
        assert found.lower_bound_s <= min(in_time) * (1 + CLOSE)
    else:
        smallest_s = min(split.bottleneck_s for split in splits)
        assert smallest_s * (1 + EPS) >= 1.0 / rate_hz * (1 - CLOSE), "a split keeps up by more than eps"
        assert found.lower_bound_s <= smallest_s * (1 + CLOSE)
    assert decision.keeps_up == (decision.partition.bottleneck_s < 1.0 / rate_hz)
    assert decision.partition == (table.dsl(link, **loads) if decision.mode == "light" else found)


def assert_priced_right(table, found, link, loads):
    again = table.evaluate(found.edge, link, encoding=found.encoding, **loads)
    assert again.cut == found.cut
    for name in ("edge_s", "transfer_s", "cloud_s", "fixed_s", "encode_s", "decode_s", "latency_s", "bottleneck_s"):
        assert math.isclose(getattr(again, name), getattr(found, name), rel_tol=1e-12), name


@pytest.mark.parametrize("batch", range(5))
def test_a_thousand_random_graphs(batch):
    rng = random.Random(batch)
    for _ in range(200):
        graph, costs, encodings = random_case(rng)
        table = tabulate(graph, costs, encodings)
        link, loads = random_question(rng)
        splits = all_splits(graph, costs, encodings, link, loads)
        assert_light(table, splits, link, loads)
        assert_heavy(table, splits, link, loads)
        assert_heavy_at(table, splits, link, loads, rng.choice(splits).bottleneck_s * rng.choice([0.9, 1.01, 1.3]) or 1)
        assert_priced_right(table, table.dsl(link, **loads), link, loads)
        assert_priced_right(table, table.dsh(link, **loads), link, loads)


@st.composite
def encoded(draw, exact):
    problem = draw(exact_problems(6) if exact else problems(6))
    return problem, draw(encodings_of(problem[0], exact=exact))


@given(st.booleans().flatmap(encoded))
@settings(max_examples=40, deadline=None)
def test_extreme_numbers_and_ties(case):
    """Times from 0 and a microsecond to 100 s, links without a limit, many splits that cost the same."""
    (graph, costs, link), encodings = case
    splits = brute_force_encoded((graph, costs, link), encodings)
    table = tabulate(graph, costs, encodings)
    assert_light(table, splits, link, {})
    assert_heavy(table, splits, link, {})


def chain(*sizes, **options):
    layers = [Layer(f"v{i}", (f"v{i - 1}",) if i else (), size) for i, size in enumerate(sizes)]
    return LayerGraph(tuple(layers), (f"v{len(sizes) - 1}",), **options)


GRAPH = chain(100_000, 50_000, 1000, 10)
COSTS = CostProfile((0.0, 0.1, 0.2, 0.3), (0.0, 0.01, 0.02, 0.03))
HALF = Encoding("half", (50_000.0, 25_000.0, 500.0, 5.0), (0.01,) * 4, (0.01,) * 4)


def test_the_first_of_equal_splits_is_that_of_the_table_of_all_closed_sets():
    graph, costs = chain(8, 8, 8, 8), CostProfile((0.0, 0.0, 0.0, 5.0), (0.0, 0.0, 0.0, 1.0))
    for link in (Link(8.0), Link(64.0, fixed_s=0.5)):
        assert tabulate(graph, costs).dsl(link) == SplitTable(graph, costs).dsl(link)
        assert tabulate(graph, costs).dsh(link) == SplitTable(graph, costs).dsh(link)


def test_a_split_and_its_cut_are_named_once():
    table = tabulate(GRAPH, COSTS)
    assert table.dsl(Link(1e7)).edge is table.dsl(Link(1e7)).edge
    assert table.listed
    assert len(table) >= 2


def test_other_costs_price_the_same_points_and_prove_nothing():
    table = tabulate(GRAPH, COSTS, (Encoding.raw(GRAPH), HALF))
    slow = CostProfile(tuple(10 * s for s in COSTS.edge_s), COSTS.cloud_s)
    other, fresh = table.with_costs(slow), tabulate(GRAPH, slow, (Encoding.raw(GRAPH), HALF))
    for bps in (1e5, 1e6, 1e7, 1e9):
        found, best = other.dsl(Link(bps)), fresh.dsl(Link(bps))
        assert (found.edge, found.encoding) == (best.edge, best.encoding)
        assert found.latency_s == pytest.approx(best.latency_s)
        assert found.lower_bound_s == 0.0
        assert other.dsh(Link(bps)).lower_bound_s == 0.0
        assert other.dsh(Link(bps), 1e-3).lower_bound_s == 0.0
    assert other.costs == slow
    again = other.with_costs(COSTS).dsl(Link(1e6))
    assert again.latency_s == pytest.approx(table.dsl(Link(1e6)).latency_s)


def test_other_encodings_are_taken_for_all_splits():
    table = tabulate(GRAPH, COSTS).with_encodings((Encoding.raw(GRAPH), HALF))
    found, best = table.dsl(Link(1e6)), tabulate(GRAPH, COSTS, (Encoding.raw(GRAPH), HALF)).dsl(Link(1e6))
    assert (found.edge, found.encoding) == (best.edge, best.encoding)
    assert table.dsl(Link(1e5)).encoding == "half"
    assert table.with_encodings(()).dsl(Link(1e5)).encoding == "raw"


def test_a_value_that_is_never_sent_is_not_sent():
    layers = tuple(
        Layer(layer.name, layer.inputs, layer.output_bytes, sendable=layer.name != "v2") for layer in GRAPH.layers
    )
    graph = LayerGraph(layers, GRAPH.outputs)
    table = tabulate(graph, COSTS, (Encoding.raw(graph), HALF))
    for link in (Link(1e3), Link(1e6), Link(1e9), Link(math.inf)):
        for found in (table.dsl(link), table.dsh(link), table.dsh(link, 1.0)):
            assert "v2" not in found.cut
            assert math.isfinite(found.transfer_s)


def test_an_output_that_is_never_sent_stays_on_the_edge_with_all_that_it_needs():
    layers = (*GRAPH.layers[:-1], Layer("v3", ("v2",), 10, sendable=False))
    table = tabulate(LayerGraph(layers, ("v3",)), COSTS)
    for link in (Link(1e6), Link(math.inf)):
        assert table.dsl(link).cut == table.dsh(link).cut == ()
        assert table.dsh(link).bottleneck_s == table.dsh(link).lower_bound_s == pytest.approx(0.6)


def test_what_is_too_large_for_a_message_together_is_not_sent_together():
    layers = (Layer("image", (), 60), Layer("a", ("image",), 60), Layer("b", ("a", "image"), 1))
    graph = LayerGraph(layers, ("b",), max_message_bytes=100)
    costs = CostProfile((0.0, 1e-3, 10.0), (0.0, 5.0, 0.1))
    table = tabulate(graph, costs)
    # Sending both would take 0.1 s, but does not fit; all in the cloud takes 5.1 s.
    found = table.dsl(Link(9600.0))
    assert found.cut == ("image",)
    assert 0.0 < found.lower_bound_s <= found.latency_s
    assert table.dsh(Link(9600.0)).cut == ("image",)
    assert table.dsh(Link(9600.0)).lower_bound_s <= table.dsh(Link(9600.0)).bottleneck_s


def test_a_bad_question_is_an_error():
    table = tabulate(GRAPH, COSTS, (HALF,))
    for ask in (
        lambda: table.decide(Link(1e6), 0.0),
        lambda: table.dsh(Link(1e6), -1.0),
        lambda: table.dsl(Link(1e6), edge_load=-1.0),
        lambda: table.evaluate({"v0"}, Link(1e6), encoding="zip"),
        lambda: table.with_costs(CostProfile((1.0,), (1.0,))),
        lambda: tabulate(GRAPH, COSTS, (HALF, HALF)),
    ):
        with pytest.raises(PartitionError):
            ask()
