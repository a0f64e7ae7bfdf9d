from hypothesis import given
from hypothesis import strategies as st

from link_emulator.backlog import Backlog


def test_bytes_that_were_not_seen_arrive_when_they_are_read() -> None:
    backlog = Backlog()
    assert backlog.read(100, 1.0) == 1.0
    backlog.saw(0, 2.0)
    assert backlog.read(100, 3.0) == 3.0


def test_bytes_that_were_seen_arrived_when_they_were_first_seen() -> None:
    backlog = Backlog()
    backlog.saw(100, 1.0)
    backlog.saw(100, 2.0)
    backlog.saw(150, 3.0)
    assert backlog.read(60, 9.0) == 1.0
    assert backlog.read(40, 9.0) == 1.0
    assert backlog.read(10, 9.0) == 3.0
    assert backlog.read(41, 9.0) == 9.0
    assert backlog.read(1, 10.0) == 10.0


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=40))
def test_equals_a_list_of_every_byte(steps: list[tuple[int, int]]) -> None:
    """In each step some bytes arrive and are looked at, then some of those that are there are read."""
    backlog = Backlog()
    arrived_s: list[float] = []
    read = 0
    for step, (arriving, wanted) in enumerate(steps):
        arrived_s += [float(step)] * arriving
        backlog.saw(len(arrived_s) - read, float(step))
        size = min(wanted, len(arrived_s) - read)
        if size:
            read += size
            assert backlog.read(size, step + 0.5) == arrived_s[read - 1]
