"""What the page about engines makes of small made-up measurements."""

import pytest

from bench.engines.report import report
from bench.publishing.figures import verdicts


def ratio(median):
    return {"median": median, "low": 0.9 * median, "high": 1.1 * median}


def whole(model, engine="onnx", **others):
    told = {"model": model, "eager_s": 0.03, "torch": ratio(0.6), "onnxruntime": ratio(0.3), "ever_chosen": 9}
    return {**told, "auto": {"engine": engine, "why": "it was faster"}, **others}


def cut(model, over_whole=1.05, over_today=0.55, head=0.5, chosen=True, off=1e-6):
    return {
        "model": model,
        "layers": 3,
        "of": 6,
        "chosen": chosen,
        "over_onnxruntime": ratio(over_whole),
        "over_today": ratio(over_today),
        "whole_s": 0.01,
        "head_s": 0.005,
        "tail_s": 0.005,
        "head_profile_s": head * 0.02,
        "whole_profile_s": 0.02,
        "deviation": off,
        "mixed_deviation": 2 * off,
    }


def made(wholes, cuts):
    return report({"rounds": 5, "wholes": wholes, "cuts": cuts})


def test_the_worst_model_decides_and_only_cuts_that_can_be_chosen_count():
    cuts = [
        cut("alexnet", 1.0),
        cut("alexnet", 1.08, 0.9),
        cut("alexnet", 9.0, 9.0, chosen=False),
        cut("efficientnet_lite0", 1.2, 0.7),
    ]
    figures = made([whole("alexnet"), whole("efficientnet_lite0")], cuts).figures
    over, light, slowest, *_ = figures
    assert (over.measured, over.kept, over.why) == (1.2, False, "efficientnet_lite0")
    assert (light.what, light.measured, light.kept) == (
        "head + tail over today's in torch, efficientnet_lite0",
        0.7,
        False,
    )
    assert (slowest.measured, slowest.why) == (0.9, "alexnet")


def test_a_model_that_auto_leaves_with_torch_may_be_slower_and_is_named():
    report_ = made([whole("alexnet", engine="torch"), whole("nin")], [cut("alexnet", over_today=2.0), cut("nin")])
    assert next(figure for figure in report_.figures if "auto" in figure.what).measured == 0.55
    assert any("Auto leaves with torch: alexnet (it was faster)." in line for line in report_.body)


def test_without_openvino_its_cells_say_so():
    report_ = made([whole("nin"), whole("alexnet", openvino=ratio(0.25))], [cut("nin"), cut("alexnet")])
    rows = [line for line in report_.body if line.startswith(("| nin | 30", "| alexnet | 30"))]
    assert "not installed" in rows[0]
    assert "0.25 (0.23 to 0.28)" in rows[1]


def test_predictions_are_held_against_every_side_that_takes_long_enough():
    cuts = [cut("nin"), cut("nin", head=0.6, chosen=False), {**cut("nin", head=0.0), "head_s": 0.0, "tail_s": 0.01}]
    error = next(figure for figure in made([whole("nin")], cuts).figures if "predicted" in figure.what)
    # 0 and 0 %; 20 and -20 %; the head of nothing is left out, and the tail is right.
    assert error.measured == pytest.approx(0.0, abs=1e-9)
    off = made([whole("nin")], [cut("nin", head=0.6)])
    assert next(figure for figure in off.figures if "predicted" in figure.what).measured == pytest.approx(20.0)


def test_a_deviation_that_is_too_large_is_missed():
    figures = made([whole("nin")], [cut("nin", off=8e-6)]).figures
    assert [figure.kept for figure in figures[-2:]] == [True, False]
    assert any("missed" in line for line in verdicts(figures))
