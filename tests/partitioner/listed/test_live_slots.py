from hypothesis import given
from hypothesis import strategies as st

from partitioner.listed.live_slots import assign_slots, masks


@given(st.lists(st.integers(0, 12), max_size=30))
def test_no_two_live_layers_share_a_bit(lengths):
    until = [i + length for i, length in enumerate(lengths)]
    slots = assign_slots(until)
    live = [(i, until[i], slot) for i, slot in enumerate(slots.slot) if slot is not None]
    assert {i for i, _, _ in live} == {i for i, length in enumerate(lengths) if length}
    for i, end, slot in live:
        assert all(other != slot for j, _, other in live if i < j <= end)
    widest = max((sum(i <= step <= end for i, end, _ in live) for step in range(30)), default=0)
    assert slots.count == widest


def test_masks_go_by_word():
    slots = assign_slots([200] * 130)
    assert slots.words == 3
    assert masks(slots, [0, 63, 64, 129]) == {0: 1 | 1 << 63, 1: 1, 2: 2}
