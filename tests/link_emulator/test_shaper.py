import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from link_emulator import Trace, bundled
from link_emulator.shaper import DelayLine, Shaper


def test_five_megabytes_at_twenty_megabits_take_two_seconds() -> None:
    shaper = Shaper(Trace.constant(20e6), now_s=100.0)
    for _ in range(1000):
        departure_s = shaper.send(5000, 100.0)
    assert departure_s == pytest.approx(102.0)


def test_an_idle_link_saves_up_nothing() -> None:
    shaper = Shaper(Trace.constant(8e3))  # 1000 bytes a second
    assert shaper.send(500, 0.0) == 0.5
    assert shaper.send(500, 10.0) == 10.5
    assert shaper.send(500, 10.1) == 11.0


@given(st.lists(st.tuples(st.integers(1, 50_000), st.floats(0, 3)), min_size=1, max_size=30))
def test_no_interval_carries_more_than_the_trace_and_a_busy_link_carries_all_of_it(
    chunks: list[tuple[int, float]],
) -> None:
    trace = bundled("lte_uplink_verizon")
    shaper = Shaper(trace)
    now_s, free_s = 0.0, 0.0
    for size_bytes, gap_s in chunks:
        now_s += gap_s
        departure_s = shaper.send(size_bytes, now_s)
        assert trace.bytes_between(max(now_s, free_s), departure_s) == pytest.approx(size_bytes, abs=1e-3)
        free_s = departure_s


def test_a_change_moves_the_chunk_in_service_and_keeps_what_has_left() -> None:
    shaper = Shaper(Trace.constant(8e3))
    shaper.send(1000, 0.0)
    shaper.set_trace(Trace.constant(80e3), 0.5)  # half is through; the rest goes ten times as fast
    assert shaper.departure_s == pytest.approx(0.55)
    shaper.set_trace(Trace.constant(0), 0.525)
    assert shaper.departure_s == math.inf
    shaper.set_trace(Trace.constant(2e3), 5.0)
    assert shaper.departure_s == pytest.approx(6.0)


def test_a_change_does_not_touch_what_has_left() -> None:
    shaper = Shaper(Trace.constant(8e3))
    shaper.send(1000, 0.0)
    shaper.set_trace(Trace.constant(4e3), 2.0)
    assert shaper.departure_s == 1.0
    assert shaper.send(1000, 2.0) == 4.0


def test_a_new_trace_starts_at_its_beginning_and_so_does_a_restart() -> None:
    trace = Trace((0.0, 1.0), (8e3, 4e3))
    shaper = Shaper(Trace.constant(1.0))
    shaper.set_trace(trace, 7.5)
    assert shaper.rate_at(8.4) == 8e3
    assert shaper.rate_at(8.6) == 4e3
    shaper.restart(8.6)
    assert shaper.rate_at(8.6) == 8e3
    assert shaper.send(1500, 8.6) == pytest.approx(10.6)


def test_a_cut_stops_the_bytes_but_not_the_clock_of_the_trace() -> None:
    shaper = Shaper(Trace((0.0, 1.0), (8e3, 4e3)))
    shaper.send(1000, 0.0)
    shaper.cut(0.5)
    assert shaper.departure_s == math.inf
    assert shaper.rate_at(0.7) == 0
    shaper.restore(1.0)
    assert shaper.departure_s == pytest.approx(2.0)  # 500 bytes are left, at 500 bytes a second now


def test_a_trace_set_while_cut_counts_from_the_restore() -> None:
    shaper = Shaper(Trace.constant(8e3))
    shaper.send(1000, 0.0)
    shaper.cut(0.25)
    shaper.set_trace(Trace.constant(16e3), 3.0)
    assert shaper.departure_s == math.inf
    shaper.restore(4.0)
    assert shaper.departure_s == pytest.approx(4.375)


def test_an_idle_link_can_be_cut_and_restored() -> None:
    shaper = Shaper(Trace.constant(8e3))
    shaper.cut(1.0)
    assert shaper.send(1000, 2.0) == math.inf
    shaper.restore(3.0)
    assert shaper.departure_s == 4.0


def test_delay_alone_is_exact() -> None:
    line = DelayLine(0.025)
    assert [line.arrival_s(t) for t in (0.0, 1.0, 1.5)] == [0.025, 1.025, 1.525]


@given(st.integers(0, 1000), st.lists(st.floats(0, 0.1), min_size=1, max_size=50))
def test_jitter_is_bounded_repeatable_and_keeps_the_order(seed: int, gaps_s: list[float]) -> None:
    first, second = DelayLine(0.01, 0.05, seed), DelayLine(0.01, 0.05, seed)
    departure_s, last_s = 0.0, 0.0
    for gap_s in gaps_s:
        departure_s += gap_s
        arrival_s = first.arrival_s(departure_s)
        assert arrival_s == second.arrival_s(departure_s)
        assert departure_s + 0.01 <= arrival_s <= departure_s + 0.06 + 1e-12
        assert arrival_s >= last_s
        last_s = arrival_s


def test_jitter_varies() -> None:
    line = DelayLine(0.0, 0.05, seed=1)
    delays_s = [line.arrival_s(float(t)) - t for t in range(100)]
    assert max(delays_s) - min(delays_s) > 0.03


@pytest.mark.parametrize(("delay_s", "jitter_s"), [(-1, 0), (0, -1), (math.inf, 0), (0, math.nan)])
def test_delays_are_checked(delay_s: float, jitter_s: float) -> None:
    with pytest.raises(ValueError, match="must be 0 seconds or more"):
        DelayLine(delay_s, jitter_s)


def test_a_changed_delay_overtakes_nothing() -> None:
    line = DelayLine(0.5)
    assert line.arrival_s(1.0) == 1.5
    line.set_delay(0.1)
    assert [line.arrival_s(1.2), line.arrival_s(2.0)] == [1.5, 2.1]
    with pytest.raises(ValueError, match="delay_s"):
        line.set_delay(math.inf)
    with pytest.raises(ValueError, match="jitter_s"):
        line.set_delay(0.0, -0.1)
