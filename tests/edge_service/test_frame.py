"""What a result says about itself."""

import dataclasses

import pytest

from edge_service import FrameResult, Outcome, StageTimes, cut_label
from partitioner import Partition


def partition(*cut: str) -> Partition:
    return Partition(
        edge=frozenset({"x", *cut}),
        cut=cut,
        edge_s=1.0,
        transfer_s=2.0,
        cloud_s=4.0,
        fixed_s=8.0,
        lower_bound_s=15.0,
    )


@pytest.mark.parametrize(
    ("cut", "label"),
    [
        ((), "edge"),
        (("a",), "a"),
        (("a", "b"), "a+b"),
        (("a", "b", "c"), "a+b+1 more"),
        (tuple("abcdef"), "a+b+4 more"),
        (("add_3", "_native_batch_norm_legit_no_training_17"), "add_3+batch_norm_17"),
    ],
)
def test_a_cut_has_a_short_name(cut, label):
    assert cut_label(partition(*cut)) == label


def test_a_cut_is_shown_by_places():
    assert cut_label(partition("a", "b", "c"), {"a": "body.0.conv"}) == "body.0.conv+b+1 more"


def test_only_three_outcomes_have_a_result():
    assert {outcome for outcome in Outcome if outcome.has_result} == {
        Outcome.OFFLOADED,
        Outcome.EDGE_ONLY,
        Outcome.LOCAL_FALLBACK,
    }


def test_predicted_and_measured_speak_of_the_same_stages():
    times = StageTimes(*(float(2**power) for power in range(len(dataclasses.fields(StageTimes)))))
    result = FrameResult(0, Outcome.OFFLOADED, partition=partition("a"), times=times)
    assert result.predicted() == {"head": 1.0, "transfer": 2.0, "fixed": 8.0, "tail": 4.0}
    measured = result.measured()
    assert measured.keys() == result.predicted().keys()
    assert measured == {
        "head": times.head_s + times.encode_s,
        "transfer": times.transfer_s,
        "fixed": times.round_trip_s + times.server_s + times.decode_s,
        "tail": times.unpack_s + times.tail_s,
    }
    waits_s = times.wait_s + times.link_wait_s + times.queue_s
    total_s = sum(dataclasses.astuple(times))
    assert sum(measured.values()) == total_s - waits_s, "everything but waiting is predicted"


def test_a_frame_that_never_started_predicts_nothing():
    assert FrameResult(0, Outcome.DROPPED).predicted() == {}
