from hypothesis import given, settings
from hypothesis import strategies as st

from partitioner.listed.blocks import block_starts


@st.composite
def predecessor_lists(draw):
    count = draw(st.integers(0, 14))
    sources = [draw(st.lists(st.integers(0, i - 1), max_size=4, unique=True)) if i else [] for i in range(count)]
    # Chains are what random arcs hardly ever make.
    chained = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return [
        tuple(sorted({*read, i - 1})) if chain and i else tuple(read)
        for i, (read, chain) in enumerate(zip(sources, chained, strict=True))
    ]


@given(predecessor_lists())
@settings(max_examples=500, deadline=None)
def test_a_block_starts_where_all_before_precede_all_after(predecessors):
    ancestors = []
    for read in predecessors:
        ancestors.append(set(read).union(*(ancestors[i] for i in read)))
    count = len(predecessors)
    expected = [k for k in range(1, count) if all(ancestors[i].issuperset(range(k)) for i in range(k, count))]
    assert block_starts(predecessors) == sorted({0, *expected, count})


def test_two_layers_may_feed_two_layers_without_an_articulation_layer():
    assert block_starts([(), (), (0, 1), (0, 1)]) == [0, 2, 4]
    assert block_starts([(), (), (0, 1), (0,)]) == [0, 4]
