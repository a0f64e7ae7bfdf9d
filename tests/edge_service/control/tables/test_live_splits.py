"""A table at the numbers of now answers; without one, or where nothing is proven, known splits are compared too."""

import dataclasses

import pytest

from edge_service.control.conditions import Conditions
from edge_service.control.plan import Phase
from edge_service.control.tables import Build, LiveSplits, Reprice, Search
from partitioner import CostProfile, Link, PartitionError

LINK = Link(2.5e6, fixed_s=0.01)
CONDITIONS = Conditions(Phase.OFFLOADING, 2.5e6, 0.01, 1.0, 1.0, 5.0)
FASTER = CostProfile((0.0, 0.01, 0.01, 0.01, 0.005), (0.0, 0.01, 0.01, 0.01, 0.005))


def named(partition):
    return partition.edge, partition.encoding


def repriced(live):
    reprice = Reprice(live.table.origin, live.table.built, live.numbers)
    return live.with_result(reprice, reprice.run())


@pytest.fixture
def live(searched):
    return LiveSplits.of(searched)


@pytest.fixture
def with_table(live, table_of):
    """The live splits with a table that proves a share of its answers."""
    return lambda share=1.0: live.with_result(Build(live.numbers), table_of(live.numbers, share))


def test_at_first_it_knows_the_ends_and_then_what_was_found(live, searched, graph):
    everything = {layer.name for layer in graph.layers}
    best = searched.dsl(LINK)
    assert best.edge not in (everything, {"image"})
    assert live.dsl(LINK).edge in (everything, {"image"})
    assert (live.current, live.fresh, live.proven) == (False, False, False)
    found = live.with_result(Search(searched, live.numbers, live.question, CONDITIONS), best)
    assert found.dsl(LINK).edge == best.edge
    assert found.dsl(Link(1e9)).edge == {"image"}
    assert found.with_costs(searched.costs).dsl(LINK).edge == best.edge


@pytest.mark.parametrize("bps", [1e5, 1e6, 4e6, 1e8])
@pytest.mark.parametrize("rate_hz", [0.5, 5.0, 50.0])
def test_once_the_answer_is_found_it_is_the_searchs(live, searched, bps, rate_hz):
    link = Link(bps, fixed_s=0.01)
    live.decide(link, rate_hz, edge_load=2.0)
    search = Search(searched, live.numbers, live.question, CONDITIONS)
    live = live.with_result(search, search.run())
    found, wanted = live.decide(link, rate_hz, edge_load=2.0), searched.decide(link, rate_hz, edge_load=2.0)
    assert found.partition.latency_s == pytest.approx(wanted.partition.latency_s)
    assert (found.mode, found.keeps_up) == (wanted.mode, wanted.keeps_up)


def test_each_question_is_kept_as_it_was_asked(live, searched):
    live.dsl(LINK)
    assert live.question.answer(searched).latency_s == searched.dsl(LINK).latency_s
    live.dsh(LINK)
    assert live.question.answer(searched).bottleneck_s == searched.dsh(LINK).bottleneck_s
    assert live.dsh(LINK).bottleneck_s >= searched.dsh(LINK).bottleneck_s
    live.decide(LINK, 3.0, edge_load=2.0)
    wanted = searched.decide(LINK, 3.0, edge_load=2.0).partition
    assert live.question.answer(searched).latency_s == pytest.approx(wanted.latency_s)


def test_a_proven_answer_is_the_tables(with_table):
    live = with_table()
    table = live.answering
    for link in (LINK, Link(1e5), Link(1e8, 1e7)):
        assert live.dsl(link) == table.dsl(link)
        assert live.dsh(link, edge_load=3.0) == table.dsh(link, edge_load=3.0)
        assert live.decide(link, 7.0, cloud_load=2.0) == table.decide(link, 7.0, cloud_load=2.0)
        assert live.proven


def test_an_answer_that_is_not_proven_is_compared_with_what_was_found(live, searched, table_of):
    """The table holds cloud-only and edge-only alone: a split that was found is better, and stays so."""
    poor = table_of(live.numbers, share=0.5)
    poor.dsh = lambda link, rate_hz=None, **loads: poor.evaluate({"image"}, link, **loads)
    live = live.with_result(Build(live.numbers), poor)
    assert live.dsh(LINK).edge == {"image"}
    assert not live.proven
    best = searched.dsh(LINK)
    live = live.with_result(Search(searched, live.numbers, live.question, CONDITIONS), best)
    assert named(live.dsh(LINK)) == named(best) != ({"image"}, "raw")


def test_what_a_table_does_not_prove_it_does_not_prove_at_sizes_that_drifted_either(with_table, searched):
    raw, zstd = searched.encodings
    for share in (0.5, 1.0):
        live = with_table(share)
        live = repriced(live.resized((raw, scaled(zstd, 1.1))))
        live.decide(LINK, 5.0)
        assert (live.fresh, live.proven) == (True, share == 1.0)


def test_a_table_at_other_numbers_does_not_answer_until_it_is_priced_anew(with_table, table_of):
    live = with_table()
    best = live.decide(LINK, 5.0).partition
    table = live.answering
    live = live.with_costs(FASTER)
    asked = table.asked
    assert live.decide(LINK, 5.0).partition.edge, "what was the best is among the splits that it compares"
    assert (live.current, live.fresh, table.asked) == (False, False, asked)
    assert live.evaluate(best.edge, LINK, encoding=best.encoding).edge_s < best.edge_s
    live = repriced(live)
    wanted = table_of(live.numbers)
    assert named(live.decide(LINK, 5.0).partition) == named(wanted.decide(LINK, 5.0).partition)
    assert (live.current, live.fresh, live.proven) == (True, False, False)
    live = live.with_result(Build(live.numbers), wanted)
    live.decide(LINK, 5.0)
    assert (live.current, live.fresh, live.proven) == (True, True, True)


def test_it_is_the_table_as_built_that_is_priced_anew_and_is_proven_again_at_its_own_numbers(with_table, searched):
    live = with_table()
    origin = live.answering
    live = repriced(live.with_costs(FASTER))
    assert live.answering is not origin
    live = repriced(live.with_costs(searched.costs))
    assert live.answering is origin
    assert live.fresh


def test_the_tables_last_answers_are_known_splits_while_it_waits(with_table):
    live = with_table()
    best = live.dsl(LINK)
    assert named(best) == named(live.with_costs(live.costs).dsl(LINK))


def test_a_table_that_was_built_while_the_numbers_changed_is_kept_and_priced_anew(live, table_of):
    build = Build(live.numbers)
    live = live.with_costs(FASTER).with_result(build, table_of(build.numbers))
    assert (live.current, live.fresh) == (False, False)
    assert live.table.built is build.numbers


def scaled(encoding, factor):
    return dataclasses.replace(encoding, output_bytes=tuple(factor * size for size in encoding.output_bytes))


@pytest.mark.parametrize(
    ("raw_factor", "zstd_factor", "near"),
    [(1.0, 1.2, True), (1.0, 0.81, True), (1.0, 1.3, False), (1.0, 0.7, False), (1.2, 0.9, False), (3.0, 3.0, True)],
)
def test_a_table_for_sizes_that_drifted_a_little_is_good_enough(with_table, searched, raw_factor, zstd_factor, near):
    live = with_table()
    raw, zstd = searched.encodings
    live = repriced(live.resized((scaled(raw, raw_factor), scaled(zstd, zstd_factor))))
    live.decide(LINK, 5.0)
    assert (live.current, live.fresh, live.proven) == (True, near, near)


def test_other_times_or_encodings_are_never_near(with_table, searched):
    live = with_table()
    raw, zstd = searched.encodings
    assert not live.with_costs(FASTER).numbers.near(live.numbers)
    every = dataclasses.replace(zstd, output_bytes=(1.0,) * 5)
    for encodings in ((raw,), (raw, dataclasses.replace(zstd, decode_s=(1.0,) * 5)), (zstd, raw), (raw, every)):
        assert not live.with_encodings(encodings).numbers.near(live.numbers)
    assert live.with_costs(searched.costs).with_encodings((raw, zstd)).numbers.near(live.numbers)


def test_a_listed_model_has_its_table_from_the_start(searched, table_of):
    live = LiveSplits.of(table_of(LiveSplits.of(searched).numbers).table)
    live.decide(LINK, 5.0)
    assert (live.current, live.fresh, live.proven) == (True, True, True)
    live = live.with_costs(FASTER)
    live = repriced(live)
    assert live.fresh, "it holds every split, whatever the numbers"


def test_wrong_numbers_are_refused_at_once(live, searched):
    with pytest.raises(PartitionError):
        live.with_costs(CostProfile((0.1,), (0.1,)))
    with pytest.raises(PartitionError):
        live.with_encodings((searched.encodings[0], searched.encodings[0]))
    assert live.with_encodings(()).encodings[0].name == "raw"
