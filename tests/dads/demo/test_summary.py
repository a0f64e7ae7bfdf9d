"""The demo's last words: what is wrong is said, what is better or worse is said the right way round."""

import copy
import io

import pytest
from rich.console import Console

from dads.demo.summary import print_summary, verdict


def run(*, done=10, dropped=0, failed=0, checked=None, different=0, against="module", mean_s=0.1, **fields):
    return {
        "frames": {
            "read": done + dropped + failed,
            "done": done,
            "dropped": dropped,
            "failed": failed,
            "local_fallback": 1,
        },
        "latency_s": {"mean": mean_s, "p50": mean_s, "p95": mean_s, "p99": mean_s},
        "throughput_hz": 5.0,
        "switches": 3,
        "engine": "onnx",
        "stages": {
            "head": {"predicted_s": 0.010, "measured_s": 0.012},
            "tail": {"predicted_s": None, "measured_s": 0.5},
        },
        "verify": {"checked": done if checked is None else checked, "different": different, "against": against},
        **fields,
    }


FRAMES = 10


def report(adaptive=None, edge_only=None, cloud_only=None):
    baselines = {"edge_only": edge_only or run(), "cloud_only": cloud_only or run()}
    return (adaptive or run()) | {"baselines": baselines}


def summary(made):
    file = io.StringIO()
    print_summary(made, FRAMES, Console(file=file, highlight=False, width=120))
    return file.getvalue()


RUNS = ("adaptive", "edge_only", "cloud_only")


def test_nothing_wrong():
    assert verdict(report(), FRAMES) is None
    assert "Every one of the 30 results equals the whole model's." in summary(report())


@pytest.mark.parametrize("against", ["module", "session"])
def test_what_results_were_compared_with_is_said(against):
    assert f"They were compared with its {against}." in summary(report(run(against=against)))


def test_what_the_edge_computed_in_is_said_and_what_edge_only_is_then():
    assert "The edge computed in ONNX Runtime, so edge-only is what runs without a cloud" in summary(report())
    assert "The edge computed in torch.\n" in summary(report(run(engine="torch")))
    without = report() | {"baselines": {"cloud_only": run()}}
    assert "The edge computed in ONNX Runtime.\n" in summary(without)


@pytest.mark.parametrize("which", RUNS)
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"different": 1}, "differ from the whole model's"),
        ({"failed": 2}, "2 frames failed"),
        ({"checked": 8}, "2 results were not compared"),
    ],
)
def test_what_is_wrong_in_any_run_is_said(which, wrong, said):
    made = report(**{which: run(**wrong)})
    assert said in verdict(made, FRAMES)
    text = summary(made)
    assert said in text
    assert "Every one" not in text


def test_an_early_end_is_said_with_its_reason():
    assert verdict(report(run(error="the clip ends too soon")), FRAMES) == "the run ended early: the clip ends too soon"


def test_a_difference_is_worse_than_a_failure_and_that_than_a_result_unchecked():
    worst = run(different=3, failed=2, checked=9)
    assert "differ" in verdict(report(worst), FRAMES)
    assert "failed" in verdict(report(run(failed=2, checked=9)), FRAMES)


def test_differences_of_all_runs_are_summed():
    assert verdict(report(run(different=1), run(different=2), run(different=4)), FRAMES).startswith("7 results")


def test_nothing_done_is_no_success():
    empty = {"done": 0, "mean_s": None, "throughput_hz": None, "stages": {}}
    assert verdict(report(run(**empty)), FRAMES) == "no frame was finished"
    text = summary(report(run(**empty), run(**empty), run(**empty)))
    assert "no frame was finished" in text
    assert "unknown" in text


@pytest.mark.parametrize("missing", ["edge_only", "cloud_only"])
def test_a_baseline_that_was_not_run_is_no_success(missing):
    made = report()
    del made["baselines"][missing]
    assert verdict(made, FRAMES) == f"{missing.replace('_', '-')} was not run"
    text = summary(made)
    assert f"{missing.replace('_', '-')} was not run" in text
    assert text.count("Against") == 1
    assert "Every one" not in text


def test_other_policies_may_stand_beside_adaptive():
    given = "given:conv_1,relu"
    made = run() | {"baselines": {"chain": run(), given: run()}}
    assert verdict(made, FRAMES, ("chain", given)) is None
    assert verdict(made, FRAMES, ("chain", "cloud_only")) == "cloud-only was not run"
    file = io.StringIO()
    print_summary(made, FRAMES, Console(file=file, highlight=False, width=120), ("chain", given))
    assert "Against chain: " in file.getvalue()
    assert f"Against {given}: " in file.getvalue()


@pytest.mark.parametrize("which", RUNS)
def test_a_run_that_ended_early_is_no_success(which):
    made = report(**{which: run(done=7, dropped=2)})
    assert verdict(made, FRAMES) == f"{which.replace('_', '-')} read 9 of 10 frames"
    assert "9 of 10" in summary(made)
    assert verdict(made, 9) is None


def test_dropped_frames_are_no_failure():
    assert verdict(report(run(dropped=5)), FRAMES) is None
    assert "10 of 15" in summary(report(run(dropped=5)))


@pytest.mark.parametrize(
    ("adaptive_s", "baseline_s", "said"),
    [
        (0.1, 0.25, "mean latency 2.50 times shorter"),
        (0.25, 0.1, "mean latency 2.50 times longer"),
        (0.1, 0.1, "the same mean latency"),
        (0.1, 0.1004, "the same mean latency"),
        (0.1004, 0.1, "the same mean latency"),
        (0.1, 0.1006, "mean latency 1.01 times shorter"),
        (0.1006, 0.1, "mean latency 1.01 times longer"),
        (None, 0.1, "mean latency unknown"),
        (0.1, None, "mean latency unknown"),
    ],
)
def test_the_ratio_is_worded_from_the_adaptive_runs_side(adaptive_s, baseline_s, said):
    made = report(run(mean_s=adaptive_s, done=12), run(mean_s=baseline_s, done=4), run(mean_s=baseline_s))
    line = next(line for line in summary(made).splitlines() if line.startswith("Against edge-only"))
    assert line == f"Against edge-only: {said}, 12 frames finished instead of 4."


def test_every_run_has_a_column_and_times_are_in_milliseconds():
    text = summary(report(run(mean_s=0.1234), run(mean_s=1.5), run(mean_s=0.02)))
    header = next(line for line in text.splitlines() if "adaptive" in line and "edge-only" in line)
    assert "cloud-only" in header
    mean = next(line for line in text.splitlines() if "latency, mean" in line)
    assert [word for word in mean.split() if word[0].isdigit()] == ["123.4", "1500.0", "20.0"]
    head = next(line for line in text.splitlines() if line.strip(" │┃|").startswith("head"))
    assert ("10.0 ms" in head, "12.0 ms" in head) == (True, True)


def test_a_report_is_only_read():
    made = report()
    before = copy.deepcopy(made)
    verdict(made, FRAMES)
    summary(made)
    assert made == before
