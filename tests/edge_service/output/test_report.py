"""The report's counts are exact, its percentiles are those of the plain definition, and it is JSON."""

import dataclasses
import json
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service import FrameResult, Outcome, RunReport, StageTimes
from edge_service.output import report as report_module
from edge_service.output.report import percentile
from partitioner import Partition


def split(*cut: str) -> Partition:
    return Partition(
        edge=frozenset({"x", *cut}), cut=cut, edge_s=0.1, transfer_s=0.2, cloud_s=0.3, fixed_s=0.4, lower_bound_s=1.0
    )


def result(frame_id: int, outcome: Outcome = Outcome.OFFLOADED, **fields: object) -> FrameResult:
    if outcome is not Outcome.DROPPED:
        fields = {"partition": split("a"), "mode": "light", "latency_s": 0.5, **fields}
    return FrameResult(frame_id, outcome, **fields)


def gathered(*results: FrameResult, every_s: float = 1.0) -> dict:
    report = RunReport("zoo:net", "ab" * 32, "adaptive")
    for position, each in enumerate(results, start=1):
        report.add(each, 100.0 + every_s * position)
    return json.loads(json.dumps(report.as_json(), allow_nan=False))


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=40),
    st.sampled_from([Fraction(1, 2), Fraction(95, 100), Fraction(99, 100), Fraction(1), Fraction(1, 100)]),
)
def test_a_percentile_is_the_smallest_value_that_the_share_does_not_exceed(values, share):
    expected = min(v for v in values if sum(other <= v for other in values) >= share * len(values))
    assert percentile(sorted(values), float(share)) == expected


@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(95, 100), Fraction(99, 100)])
def test_percentiles_are_exact_at_every_length(share):
    """0.95 and 0.99 are no binary numbers: their product with a length may fall on the wrong side of a whole one."""
    for count in range(1, 3001):
        ordered = [float(rank) for rank in range(1, count + 1)]
        assert percentile(ordered, float(share)) == -(-share * count // 1), count


def test_nothing_measured_is_none_and_still_json():
    assert percentile([], 0.5) is None
    made = gathered()
    assert made["frames"]["read"] == made["frames"]["done"] == 0
    assert made["latency_s"] == {"mean": None, "p50": None, "p95": None, "p99": None}
    assert made["throughput_hz"] is None
    assert (made["splits"], made["switches"], made["stages"], made["uplink_bps"]) == ([], 0, {}, None)


@given(st.lists(st.sampled_from(list(Outcome)), max_size=60))
def test_every_frame_read_is_done_dropped_or_failed(outcomes):
    made = gathered(*(result(position, outcome) for position, outcome in enumerate(outcomes)))
    frames = made["frames"]
    assert frames["read"] == len(outcomes) == frames["done"] + frames["dropped"] + frames["failed"]
    assert frames["done"] == frames["offloaded"] + frames["edge_only"] + frames["local_fallback"]
    for outcome in Outcome:
        assert frames[outcome.value] == outcomes.count(outcome)
    assert sum(entry["frames"] for entry in made["splits"]) == frames["done"]


def test_encodings_are_counted_where_something_was_sent():
    zipped = dataclasses.replace(split("a"), encoding="zstd")
    made = gathered(
        result(0, partition=zipped, mode="light"),
        result(1, partition=zipped, mode="heavy"),
        result(2, partition=split("a"), mode="light"),
        result(3, Outcome.EDGE_ONLY, partition=split(), mode="light"),
    )
    assert made["encodings"] == {"zstd": 2, "raw": 1}


def test_all_names_of_the_report():
    assert gathered(result(0)).keys() == {
        "model",
        "digest",
        "strategy",
        "frames",
        "latency_s",
        "throughput_hz",
        "clouds",
        "encodings",
        "splits",
        "switches",
        "stages",
        "uplink_bps",
        "downlink_bps",
        "sent_bytes",
    }


def test_bytes_of_all_messages_count_also_of_frames_that_were_finished_here():
    made = gathered(result(0, sent_bytes=700), result(1, Outcome.LOCAL_FALLBACK, sent_bytes=50), result(2))
    assert made["sent_bytes"] == 750


def test_latencies_are_of_frames_with_a_result_only():
    made = gathered(
        result(0, latency_s=1.0),
        result(1, Outcome.FAILED, latency_s=50.0),
        result(2, Outcome.DROPPED, latency_s=70.0),
        result(3, Outcome.LOCAL_FALLBACK, latency_s=3.0),
    )
    assert made["latency_s"] == {"mean": 2.0, "p50": 1.0, "p95": 3.0, "p99": 3.0}


def test_stage_means_are_of_predictions_and_measurements_without_fallbacks():
    made = gathered(
        result(0, times=StageTimes(head_s=1.0, transfer_s=2.0, tail_s=3.0, encode_s=0.5, round_trip_s=0.5)),
        result(1, Outcome.EDGE_ONLY, times=StageTimes(head_s=3.0)),
        result(2, Outcome.LOCAL_FALLBACK, times=StageTimes(head_s=100.0, tail_s=1000.0)),
        result(3, Outcome.FAILED, times=StageTimes(head_s=100.0)),
    )
    assert {stage: both["measured_s"] for stage, both in made["stages"].items()} == {
        "head": 2.25,
        "transfer": 1.0,
        "fixed": 0.25,
        "tail": 1.5,
    }
    predicted = {stage: both["predicted_s"] for stage, both in made["stages"].items()}
    assert predicted == pytest.approx({"head": 0.1, "transfer": 0.2, "fixed": 0.4, "tail": 0.3})


def test_splits_are_counted_by_cut_and_mode_and_switches_apart():
    made = gathered(
        result(0, partition=split("a"), mode="light"),
        result(1, partition=split("b"), mode="light", switched=True),
        result(2, partition=split("b"), mode="heavy"),
        result(3, partition=split("b"), mode="light"),
        result(4, Outcome.FAILED, partition=split("c"), switched=True),
    )
    counted = {(*entry["cut"], entry["mode"]): entry["frames"] for entry in made["splits"]}
    assert counted == {("a", "light"): 1, ("b", "light"): 2, ("b", "heavy"): 1}
    assert made["splits"][0]["frames"] == 2, "the most used first"
    assert made["switches"] == 2


def test_throughput_counts_from_the_first_frames_submission():
    made = gathered(*(result(frame_id, latency_s=1.0) for frame_id in range(10)), every_s=1.0)
    assert made["throughput_hz"] == pytest.approx(1.0)
    dropped = gathered(result(0, latency_s=1.0), result(1, Outcome.DROPPED), result(2, latency_s=1.0))
    assert dropped["throughput_hz"] == pytest.approx(2 / 3), (
        "a dropped frame is no throughput, its time passed all the same"
    )


@pytest.mark.parametrize("name", ["uplink_bps", "downlink_bps"])
def test_a_rate_is_the_last_one_known(name):
    assert gathered(result(0, **{name: 5e6}), result(1, **{name: None}))[name] == 5e6
    assert gathered(result(0, **{name: 5e6}), result(1, **{name: 7e6}))[name] == 7e6


def test_thinning_keeps_counts_and_means_exact_and_percentiles_close(monkeypatch):
    monkeypatch.setattr(report_module, "_KEPT", 64)
    count = 10_000
    report = RunReport("m", "d", "adaptive")
    latencies = [(7919 * frame_id % count) / count for frame_id in range(count)]  # every value once, well mixed
    for frame_id, latency_s in enumerate(latencies):
        report.add(result(frame_id, latency_s=latency_s), float(frame_id))
        assert len(report._latency_s.values) <= 64, "memory is bounded"
    made = report.as_json()
    assert made["frames"]["done"] == count
    assert made["latency_s"]["mean"] == pytest.approx(statistics.fmean(latencies))
    assert made["latency_s"]["p50"] == pytest.approx(0.5, abs=0.15)
    assert made["latency_s"]["p95"] == pytest.approx(0.95, abs=0.1)


def test_thinning_keeps_values_evenly_spaced(monkeypatch):
    monkeypatch.setattr(report_module, "_KEPT", 8)
    thinned = report_module._Thinned()
    for value in range(1000):
        thinned.add(float(value))
        gaps = {later - earlier for earlier, later in zip(thinned.values, thinned.values[1:], strict=False)}
        assert len(gaps) <= 1, "every second, every fourth, ... from the first on"
        assert thinned.values[0] == 0.0
