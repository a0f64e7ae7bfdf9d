"""Splits and encodings chosen together, against brute force over every pair of them."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import (
    best,
    brute_force_encoded,
    closed_sets,
    encodings_of,
    exact_problems,
    graphs,
    priced_encoded,
    problems,
)

from partitioner import (
    CostProfile,
    Encoding,
    Layer,
    LayerGraph,
    Link,
    Partition,
    PartitionError,
    SplitTable,
    decide,
    dsh,
    dsl,
    evaluate,
)
from partitioner.searched.each_encoding import EachEncoding
from partitioner.searched.heavy_load import heavy_load
from partitioner.searched.problem import Problem
from partitioner.searched.remainder import Remainder
from partitioner.searched.searched_splits import SearchedSplits
from partitioner.searched.walks import _on_the_way
from partitioner.searched.weighted_cuts import search

GRAPH = LayerGraph((Layer("image", (), 1000), Layer("a", ("image",), 100), Layer("b", ("a",), 10)), ("b",))
COSTS = CostProfile((0.0, 1.0, 2.0), (0.0, 0.1, 0.2))
RAW = Encoding.raw(GRAPH)
HALF = Encoding("half", (500, 50, 5), (0.5, 0.05, 0.0), (0.25, 0.025, 0.0))
LINK = Link(8000.0, fixed_s=0.01)


@st.composite
def encoded(draw, exact=False, max_layers=7, most=3):
    problem = draw(exact_problems(max_layers) if exact else problems(max_layers))
    return problem, draw(encodings_of(problem[0], exact=exact, most=most))


def assert_encoded_right(problem, encodings, partition):
    """The reported choice is feasible, may be sent, and costs what its definition says."""
    chosen = [each for each in encodings if each.name == partition.encoding]
    offloads = len(partition.edge) < len(problem[0])
    assert chosen or not offloads
    expected = priced_encoded(*problem, partition.edge, chosen[0] if chosen else encodings[0])
    assert expected is not None
    assert (partition.cut, partition.encoding) == (expected.cut, expected.encoding)
    for name in ("edge_s", "transfer_s", "cloud_s", "fixed_s", "encode_s", "decode_s", "latency_s", "bottleneck_s"):
        assert math.isclose(getattr(partition, name), getattr(expected, name), rel_tol=1e-12), name


def by_table(graph, costs, link, encodings):
    return SplitTable(graph, costs, encodings=encodings).dsl(link)


def by_min_cuts(graph, costs, link, encodings):
    return SearchedSplits(graph, costs, encodings).dsl(link)


@pytest.mark.parametrize("solve", [dsl, by_table, by_min_cuts])
@given(case=encoded())
@settings(max_examples=200, deadline=None)
def test_lowest_latency_of_all_splits_and_encodings(solve, case):
    problem, encodings = case
    split = solve(*problem, encodings)
    assert_encoded_right(problem, encodings, split)
    smallest_s = min(priced.latency_s for priced in brute_force_encoded(problem, encodings))
    assert math.isclose(split.latency_s, smallest_s, rel_tol=1e-12)
    assert split.lower_bound_s == split.latency_s


@given(encoded())
@settings(max_examples=200, deadline=None)
def test_smallest_bottleneck_of_all_splits_and_encodings(case):
    problem, encodings = case
    split = dsh(*problem, encodings=encodings)
    assert_encoded_right(problem, encodings, split)
    smallest_s = min(priced.bottleneck_s for priced in brute_force_encoded(problem, encodings))
    assert math.isclose(split.bottleneck_s, smallest_s, rel_tol=1e-12)
    assert split.lower_bound_s == split.bottleneck_s


# Around the bottlenecks that exist, also nearly on them.
FACTORS = st.sampled_from([0.5, 0.999, 1.001, 2.0, 1e3])


def period_near(splits, choice, factor):
    return splits[choice % len(splits)].bottleneck_s * factor or 1e-3


@given(encoded(), FACTORS, st.integers(0, 10**6))
@settings(max_examples=250, deadline=None)
def test_at_a_rate_against_brute_force(case, factor, choice):
    problem, encodings = case
    splits = brute_force_encoded(problem, encodings)
    rate_hz = 1.0 / period_near(splits, choice, factor)
    latencies_s = [priced.latency_s for priced in splits if priced.bottleneck_s < 1.0 / rate_hz]
    smallest_s = min(priced.bottleneck_s for priced in splits)
    split = dsh(*problem, rate_hz, encodings)
    assert_encoded_right(problem, encodings, split)
    if latencies_s:
        assert split.bottleneck_s < 1.0 / rate_hz
        assert math.isclose(split.latency_s, min(latencies_s), rel_tol=1e-12)
    else:
        assert math.isclose(split.bottleneck_s, smallest_s, rel_tol=1e-12)
    decision = decide(*problem, rate_hz, encodings=encodings)
    assert_encoded_right(problem, encodings, decision.partition)
    assert decision.keeps_up == bool(latencies_s)
    assert math.isclose(decision.max_rate_hz * smallest_s, 1.0, rel_tol=1e-9) or smallest_s == 0.0
    light = dsl(*problem, encodings)
    assert decision.mode == ("light" if light.bottleneck_s < 1.0 / rate_hz else "heavy")
    assert decision.partition == (light if decision.mode == "light" else split)


@given(encoded(exact=True, max_layers=6), st.sampled_from([None, 0.125, 0.25, 0.5]))
@settings(max_examples=300, deadline=None)
def test_ties(case, rate_hz):
    """The whole order: the criteria, then graph order, then the order of the encodings."""
    problem, encodings = case
    splits = brute_force_encoded(problem, encodings)
    order = {each.name: k for k, each in enumerate(encodings)}
    table = SplitTable(*problem[:2], encodings=encodings)

    def winners(candidates, *criteria):
        found = best(candidates, *criteria, lambda p: p.sent_bytes)
        first = {}
        for split in found:
            first.setdefault(
                split.edge, min((s for s in found if s.edge == split.edge), key=lambda s: order.get(s.encoding, 0))
            )
        return [(split.edge, split.encoding) for split in first.values()]

    light = table.dsl(problem[2])
    assert (light.edge, light.encoding) in winners(splits, lambda p: p.latency_s, lambda p: p.bottleneck_s)
    keeping_up = [priced for priced in splits if rate_hz and priced.bottleneck_s < 1 / rate_hz]
    if keeping_up:
        expected = winners(keeping_up, lambda p: p.latency_s, lambda p: p.bottleneck_s)
    else:
        expected = winners(splits, lambda p: p.bottleneck_s, lambda p: p.latency_s)
    heavy = table.dsh(problem[2], rate_hz)
    assert (heavy.edge, heavy.encoding) in expected


@given(encoded(exact=True, max_layers=5), st.sampled_from([0.0, 1.0, 2.0]), st.sampled_from([0.0, 1.0, 2.0]))
@settings(max_examples=200, deadline=None)
def test_loads_multiply_encoding_and_decoding_too(case, edge_load, cloud_load):
    (graph, costs, link), encodings = case
    loads = {"edge_load": edge_load, "cloud_load": cloud_load}

    def loaded(times, load):
        return tuple(seconds * load for seconds in times)

    scaled = tuple(
        Encoding(e.name, e.output_bytes, loaded(e.encode_s, edge_load), loaded(e.decode_s, cloud_load))
        for e in encodings
    )
    others = CostProfile(loaded(costs.edge_s, edge_load), loaded(costs.cloud_s, cloud_load))
    table, fresh = SplitTable(graph, costs, encodings=encodings), SplitTable(graph, others, encodings=scaled)
    assert table.decide(link, 0.25, **loads) == fresh.decide(link, 0.25)
    chosen = table.dsl(link, **loads)
    again = table.evaluate(chosen.edge, link, encoding=chosen.encoding, **loads)
    assert (again.latency_s, again.encode_s, again.decode_s) == (chosen.latency_s, chosen.encode_s, chosen.decode_s)


@given(encoded(), st.data())
@settings(max_examples=150, deadline=None)
def test_other_costs_and_other_encodings_equal_a_fresh_table(case, data):
    (graph, costs, link), encodings = case
    others = data.draw(encodings_of(graph))
    times = st.lists(st.floats(0.0, 10.0), min_size=len(graph), max_size=len(graph)).map(tuple)
    first = CostProfile(data.draw(times), data.draw(times))
    table = SplitTable(graph, first, encodings=others)
    before = table.decide(link, 1.0)
    for changed in (
        table.with_costs(costs).with_encodings(encodings),
        table.with_encodings(encodings).with_costs(costs),
    ):
        fresh = SplitTable(graph, costs, encodings=encodings)
        assert changed.decide(link, 1.0) == fresh.decide(link, 1.0)
        assert changed.dsh(link) == fresh.dsh(link)
    plain = table.with_encodings(())
    assert plain.dsl(link) == SplitTable(graph, first).dsl(link)
    assert table.decide(link, 1.0) == before


def test_other_encodings_share_the_listing():
    table = SplitTable(GRAPH, COSTS)
    assert table.with_encodings((RAW, HALF))._sets is table._sets
    assert len(table.with_encodings((RAW, HALF))) == len(table) == 3


@given(problems(max_layers=8), st.sampled_from([1e-3, 1.0, 1e3]))
@settings(max_examples=100, deadline=None)
def test_raw_alone_is_no_encoding_at_all(problem, rate_hz):
    raw = (Encoding.raw(problem[0]),)
    assert dsl(*problem, raw) == dsl(*problem)
    assert dsh(*problem, rate_hz, raw) == dsh(*problem, rate_hz)
    assert decide(*problem, rate_hz, encodings=raw) == decide(*problem, rate_hz)


@given(encoded(), st.data())
@settings(max_examples=100, deadline=None)
def test_every_split_in_every_encoding_costs_what_the_definitions_say(case, data):
    problem, encodings = case
    encoding = data.draw(st.sampled_from(encodings))
    table = SplitTable(*problem[:2], encodings=encodings)
    for edge in closed_sets(problem[0]):
        split = evaluate(*problem, edge, encoding)
        assert table.evaluate(edge, problem[2], encoding=encoding.name) == split
        if priced_encoded(*problem, edge, encoding) is None:
            assert split.transfer_s == math.inf
        else:
            assert_encoded_right(problem, encodings, split)


@given(encoded(max_layers=8, most=2))
@settings(max_examples=60, deadline=None)
def test_beyond_the_table_the_smallest_bottleneck(case):
    problem, encodings = case
    split = SearchedSplits(*problem[:2], encodings).dsh(problem[2])
    assert_encoded_right(problem, encodings, split)
    smallest_s = min(priced.bottleneck_s for priced in brute_force_encoded(problem, encodings))
    assert split.lower_bound_s <= smallest_s * (1 + 1e-9)
    assert smallest_s * (1 - 1e-12) <= split.bottleneck_s
    # What the tree leaves open on graphs as small as these.
    assert split.bottleneck_s <= smallest_s * 1.011


@given(encoded(max_layers=8, most=2), FACTORS, st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_beyond_the_table_at_a_rate(case, factor, choice):
    problem, encodings = case
    splits = brute_force_encoded(problem, encodings)
    rate_hz = 1.0 / period_near(splits, choice, factor)
    split = SearchedSplits(*problem[:2], encodings).dsh(problem[2], rate_hz)
    assert_encoded_right(problem, encodings, split)
    if split.bottleneck_s < 1.0 / rate_hz:
        smallest_s = min(priced.latency_s for priced in splits if priced.bottleneck_s < 1.0 / rate_hz)
        assert split.lower_bound_s <= smallest_s * (1 + 1e-9)
        assert split.latency_s >= smallest_s * (1 - 1e-12)
    else:
        assert split.lower_bound_s <= min(priced.bottleneck_s for priced in splits) * (1 + 1e-9)


@given(encoded(max_layers=8, most=1))
@settings(max_examples=60, deadline=None)
def test_beyond_the_table_one_encoding(case):
    problem, encodings = case
    encoding = encodings[-1]
    whole = Problem.of(*problem, encoding)
    split = heavy_load(whole, search(whole, dsl(*problem, (encoding,))), None)
    smallest_s = min(priced.bottleneck_s for priced in brute_force_encoded(problem, (encoding,)))
    assert split.lower_bound_s <= smallest_s * (1 + 1e-9)
    assert smallest_s * (1 - 1e-12) <= split.bottleneck_s <= smallest_s * 1.011


def test_an_encoding_that_may_yet_keep_up_lends_its_latency_to_the_bound():
    each = EachEncoding([Problem.of(GRAPH, COSTS, LINK, RAW)], [dsl(GRAPH, COSTS, LINK)])
    period_s = 1.0
    late = Partition(frozenset(), (), 1.001, 0.0, 0.0, 0.0, lower_bound_s=0.999)
    assert each._latency_bound_s(0, late, period_s) == dsl(GRAPH, COSTS, LINK).latency_s
    assert each._latency_bound_s(0, dataclasses.replace(late, lower_bound_s=1.0), period_s) == math.inf
    in_time = dataclasses.replace(late, edge_s=0.9, lower_bound_s=0.5)
    assert each._latency_bound_s(0, in_time, period_s) == 0.5


def to_array(graph, edge):
    return np.array([layer.name in edge for layer in graph.layers])


def stages_of(problem, edge, encoding):
    split = priced_encoded(*problem, edge, encoding)
    return split.edge_s, split.transfer_s, split.cloud_s


@st.composite
def sendable(draw):
    """A problem with an encoding that may send everything, and two nested splits of it."""
    problem = draw(problems(max_layers=7))
    count = len(problem[0])
    times = st.lists(st.floats(0.0, 10.0), min_size=count, max_size=count).map(tuple)
    encoding = Encoding("e", draw(times), draw(times), draw(times))
    splits = closed_sets(problem[0])
    low = draw(st.sampled_from(splits))
    return problem, encoding, low, draw(st.sampled_from([edge for edge in splits if edge >= low]))


@given(sendable())
@settings(max_examples=100, deadline=None)
def test_every_step_on_the_way_from_one_split_to_another(case):
    problem, encoding, low, high = case
    graph, whole = problem[0], Problem.of(*problem, encoding)
    added = np.flatnonzero(to_array(graph, high) & ~to_array(graph, low))
    for step, found in enumerate(_on_the_way(whole, to_array(graph, low), added)):
        edge = low.union(graph.layers[i].name for i in added[:step])
        expected = stages_of(problem, edge, encoding)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * sum(stages_of(problem, low, encoding)))
        assert whole.stages(to_array(graph, edge)) == pytest.approx(expected, rel=1e-9, abs=1e-12)


WEIGHTS = st.tuples(*[st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.01, 10.0))] * 3)


@given(sendable(), WEIGHTS)
@settings(max_examples=150, deadline=None)
def test_the_minimum_over_what_is_left(case, weights):
    problem, encoding, smaller, larger = case
    graph = problem[0]

    def weighted(edge):
        return math.fsum(w * s for w, s in zip(weights, stages_of(problem, edge, encoding), strict=True))

    smallest = min(weighted(edge) for edge in closed_sets(graph) if smaller <= edge <= larger)
    remainder = Remainder(Problem.of(*problem, encoding), to_array(graph, smaller), ~to_array(graph, larger))
    inside, bound = remainder.minimum(np.array(weights))
    found = frozenset(layer.name for layer, here in zip(graph.layers, inside, strict=True) if here)
    assert smaller <= found <= larger
    assert math.isclose(weighted(found), smallest, rel_tol=1e-9, abs_tol=1e-12)
    assert math.isclose(bound, smallest, rel_tol=1e-9, abs_tol=1e-12)


def wide(count=60):
    layers = [Layer("image", (), 1000), *(Layer(f"v{i}", ("image",), 100) for i in range(count))]
    graph = LayerGraph((*layers, Layer("join", tuple(f"v{i}" for i in range(count)), 0)), ("join",))
    edge_s = (0.0, *(float(1 + i % 7) for i in range(count)), 0.5)
    return graph, CostProfile(edge_s, tuple(seconds / 10 for seconds in edge_s))


def test_a_graph_too_wide_to_list():
    graph, costs = wide()
    encodings = (Encoding.raw(graph), Encoding("zip", (10.0,) * len(graph), (0.25,) * len(graph), (0.0,) * len(graph)))
    slow, fast = Link(80.0), Link(8e6)
    assert (dsl(graph, costs, slow, encodings).cut, dsl(graph, costs, slow, encodings).encoding) == (("image",), "zip")
    assert (dsl(graph, costs, fast, encodings).cut, dsl(graph, costs, fast, encodings).encoding) == (("image",), "raw")
    for rate_hz in (1e-3, 1.0):
        decision = decide(graph, costs, slow, rate_hz, encodings=encodings)
        assert decision.partition.encoding == "zip"
    worst = decide(graph, costs, fast, 1e-3, uplink_interval_bps=(80.0, 8e6), encodings=encodings)
    assert (worst.partition.encoding, worst.worst_case_uplink_bps) == ("zip", 80.0)
    assert dsh(graph, costs, slow, encodings=encodings).lower_bound_s <= dsh(graph, costs, slow).lower_bound_s


def test_what_may_not_be_sent_is_not_sent():
    """Only b could leave as it is, and nothing reads it: everything stays."""
    never = Encoding("never", (math.inf, math.inf, 10.0), (0.0,) * 3, (0.0,) * 3)
    for link in (LINK, Link(math.inf), Link(1e-300)):
        for solve in (dsl, by_table, by_min_cuts):
            split = solve(GRAPH, COSTS, link, (never,))
            assert (split.edge, split.encoding, split.encode_s) == ({"image", "a", "b"}, "raw", 0.0)
        assert dsh(GRAPH, COSTS, link, encodings=(never,)).cut == ()
        assert decide(GRAPH, COSTS, link, 100.0, encodings=(never,)).partition.cut == ()
        # Nor does it make a bound lower than what is possible.
        assert SearchedSplits(GRAPH, COSTS, (never,)).dsh(link).lower_bound_s == pytest.approx(3.0)
    # Not even where staying takes no time either.
    free = CostProfile((0.0,) * 3, (0.0,) * 3)
    assert by_min_cuts(GRAPH, free, Link(math.inf), (never,)).cut == ()
    assert by_table(GRAPH, free, Link(math.inf), (never,)).cut == ()


def test_edge_only_is_raw_whatever_there_is_to_choose_from():
    table = SplitTable(GRAPH, COSTS, encodings=(HALF,))
    everything = {"image", "a", "b"}
    assert table.dsl(Link(1.0)).edge == everything
    for name in ("raw", "half"):
        split = table.evaluate(everything, LINK, encoding=name)
        assert (split.encoding, split.encode_s, split.decode_s, split.latency_s) == ("raw", 0.0, 0.0, 3.0)


def test_parts_add_up():
    split = SplitTable(GRAPH, COSTS, encodings=(RAW, HALF)).evaluate(
        {"image", "a"}, LINK, encoding="half", edge_load=2.0
    )
    assert split.edge_s == (1.0 + 0.05) * 2.0
    assert split.encode_s == 0.1
    assert split.decode_s == 0.025
    assert split.latency_s == split.edge_s + 0.05 + 0.2 + 0.025 + 0.01


BAD = {
    "negative": (Encoding("bad", (1, -1, 1), (0.0,) * 3, (0.0,) * 3), "'bad', layer 'a': output_bytes"),
    "nan": (Encoding("bad", (1, 1, math.nan), (0.0,) * 3, (0.0,) * 3), "'bad', layer 'b': output_bytes"),
    "inf": (Encoding("bad", (1, 1, 1), (0.0, math.inf, 0.0), (0.0,) * 3), "'bad', layer 'a': encode_s"),
    "text": (Encoding("bad", (1, 1, 1), (0.0,) * 3, (0.0, "1", 0.0)), "'bad', layer 'a': decode_s"),
    "none": (Encoding("bad", (None, 1, 1), (0.0,) * 3, (0.0,) * 3), "'bad', layer 'image': output_bytes"),
    "short": (Encoding("bad", (1, 1), (0.0,) * 3, (0.0,) * 3), "'bad': output_bytes has 2 numbers for 3.*'b'"),
    "long": (Encoding("bad", (1, 1, 1), (0.0,) * 3, (0.0,) * 4), "'bad': decode_s has 4 numbers for 3"),
    "too much": (Encoding("bad", (1e308, 1e308, 1), (0.0,) * 3, (0.0,) * 3), "'bad': output_bytes.*infinity"),
    "no name": (Encoding("", (1, 1, 1), (0.0,) * 3, (0.0,) * 3), "name ''.*non-empty"),
}
ASK = {
    "dsl": lambda each: dsl(GRAPH, COSTS, LINK, each),
    "dsh": lambda each: dsh(GRAPH, COSTS, LINK, encodings=each),
    "decide": lambda each: decide(GRAPH, COSTS, LINK, 1.0, encodings=each),
    "table": lambda each: SplitTable(GRAPH, COSTS, encodings=each),
    "with_encodings": lambda each: SplitTable(GRAPH, COSTS).with_encodings(each),
    "evaluate": lambda each: evaluate(GRAPH, COSTS, LINK, {"image"}, each[-1]),
}


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_errors_name_the_encoding_and_the_layer(ask, bad):
    encoding, message = bad
    with pytest.raises(PartitionError, match=message):
        ask((RAW, encoding))


@pytest.mark.parametrize("ask", [ASK["dsl"], ASK["table"], ASK["with_encodings"]])
def test_names_are_distinct(ask):
    with pytest.raises(PartitionError, match="'half' is repeated"):
        ask((HALF, RAW, HALF))


def test_unknown_encoding():
    with pytest.raises(PartitionError, match=r"'zip'.*'raw', 'half'"):
        SplitTable(GRAPH, COSTS, encodings=(RAW, HALF)).evaluate({"image"}, LINK, encoding="zip")


@given(graphs(max_layers=8), st.data())
@settings(max_examples=50, deadline=None)
def test_a_worse_encoding_changes_nothing(graph, data):
    """What is dominated is left out of the scan, and could not have been chosen."""
    better = data.draw(encodings_of(graph, most=1))[0]
    worse = Encoding("worse", better.output_bytes, tuple(s + 1.0 for s in better.encode_s), better.decode_s)
    costs = CostProfile((1.0,) * len(graph), (0.5,) * len(graph))
    table = SplitTable(graph, costs, encodings=(better,))
    both = table.with_encodings((better, worse))
    assert len(both._choices) == len(table._choices)
    assert both.decide(Link(1e6), 1.0) == table.decide(Link(1e6), 1.0)
