"""What is believed of a source's packets follows their means, without following each keyframe."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control.estimators.packet_costs import PacketCosts, PacketEstimates

ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)
COSTS = PacketCosts("image", bytes_per_frame=8_000.0, decode_s=0.02)


def send(estimates, *, rate_hz, seconds, size, key_size=0.0, key_every_s=math.inf, from_s=0.0):
    """Reports frames' packets; a frame with a keyframe is of another size. Returns what was believed after each."""
    believed, next_key_s = [], from_s
    for i in range(int(seconds * rate_hz)):
        now_s = from_s + i / rate_hz
        has_key = now_s >= next_key_s and key_size > 0.0
        next_key_s += key_every_s if has_key else 0.0
        estimates.sized(key_size if has_key else size, now_s)
        estimates.moved(now_s)
        believed.append(estimates.prices.bytes)
    return believed


@pytest.mark.parametrize("rate_hz", [1.0, 6.0, 25.0])
def test_the_mean_of_keyframes_and_others_is_believed_and_hardly_moves(rate_hz):
    estimates = PacketEstimates(COSTS)
    key_every_s = 2.0
    others = key_every_s * rate_hz - 1
    mean = (40_000 + others * 4_000) / (others + 1)
    believed = send(estimates, rate_hz=rate_hz, seconds=60.0, size=4_000, key_size=40_000, key_every_s=key_every_s)
    late = believed[len(believed) // 2 :]
    assert all(size == pytest.approx(mean, rel=0.25) for size in late)
    assert len(set(late)) <= 3, "each move prices every split again"


def test_the_first_frame_may_be_a_keyframe_and_moves_nothing():
    estimates = PacketEstimates(COSTS)
    estimates.sized(400_000, 0.0)
    assert not estimates.moved(0.0)


def test_another_scene_is_followed_within_seconds():
    estimates = PacketEstimates(COSTS)
    send(estimates, rate_hz=6.0, seconds=10.0, size=8_000)
    assert estimates.prices.bytes == 8_000
    send(estimates, rate_hz=6.0, seconds=8.0, size=32_000, from_s=10.0)
    assert estimates.prices.bytes == pytest.approx(32_000, rel=0.2)


def test_small_drifts_move_nothing():
    estimates = PacketEstimates(COSTS)
    assert set(send(estimates, rate_hz=6.0, seconds=30.0, size=8_600)) == {8_000}
    for i in range(50):
        estimates.decoded(0.023, float(i))
        estimates.decoded_there(0.023, float(i))
        assert not estimates.moved(float(i))


def test_seconds_follow_a_lasting_change_and_not_one_slow_frame():
    estimates = PacketEstimates(COSTS)
    estimates.compared(0.25)
    assert estimates.prices.cloud_s == pytest.approx(0.005)
    estimates.decoded(0.5, 0.0)
    estimates.decoded_there(0.5, 0.0)
    assert not estimates.moved(0.0)
    for i in range(1, 6):
        estimates.decoded(0.06, float(i))
        estimates.decoded_there(0.02, float(i))
        estimates.moved(float(i))
    assert estimates.prices.edge_s == pytest.approx(0.06, rel=0.25)
    assert estimates.prices.cloud_s == pytest.approx(0.02, rel=0.25)


def test_seconds_that_are_not_measured_any_more_are_those_that_were_expected():
    """Else a cloud that once decoded slowly would never be sent packets again."""
    estimates = PacketEstimates(COSTS)
    for i in range(6):
        estimates.decoded_there(0.4, float(i))
    assert estimates.moved(6.0)
    assert estimates.prices.cloud_s > 0.3
    assert estimates.moved(200.0)
    assert estimates.prices.cloud_s == pytest.approx(0.02, rel=0.25)


def test_another_cloud_is_expected_to_decode_as_it_computes():
    estimates = PacketEstimates(COSTS)
    estimates.compared(0.0)
    assert 0.0 < estimates.prices.cloud_s < 1e-3, "never for nothing"
    estimates.compared(2.0)
    assert estimates.prices.cloud_s == pytest.approx(0.04)


@given(st.lists(st.tuples(st.sampled_from(["sized", "decoded", "decoded_there"]), ANY_NUMBER, st.floats(0.0, 100.0))))
def test_whatever_is_observed_prices_make_sense(steps):
    estimates, now_s = PacketEstimates(COSTS), 0.0
    for what, number, pause_s in steps:
        now_s += pause_s
        getattr(estimates, what)(number, now_s)
        estimates.moved(now_s)
        prices = estimates.prices
        assert 1.0 <= prices.bytes < math.inf
        assert 0.0 < prices.edge_s < math.inf
        assert 0.0 < prices.cloud_s < math.inf
        assert not estimates.moved(now_s), "it has followed"


@pytest.mark.parametrize("wrong", [-1.0, math.inf, math.nan])
def test_costs_must_make_sense(wrong):
    with pytest.raises(ValueError, match="bytes_per_frame must be"):
        PacketCosts("image", wrong, 0.01)
    with pytest.raises(ValueError, match="decode_s must be"):
        PacketCosts("image", 1_000.0, wrong)


def test_a_slow_edge_decodes_slowly():
    assert COSTS.slowed(8.0) == PacketCosts("image", 8_000.0, 0.16)
