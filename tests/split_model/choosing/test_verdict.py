from math import inf

import pytest

from split_model.choosing.verdict import Verdict


@pytest.mark.parametrize(
    ("verdict", "takes_onnx", "reason"),
    [
        (Verdict(deviation=3e-7, time=0.59), True, "0.59 of torch's time, outputs within 3e-07"),
        (Verdict(deviation=3e-7, time=1.05), True, "1.05 of torch's time"),
        (Verdict(deviation=3e-7, time=1.2), False, "takes 1.20 of torch's time; at most 1.05"),
        (Verdict(deviation=2e-5, time=0.5), False, "off by 2e-05 of their scale; at most 1e-05"),
        (Verdict(deviation=inf), False, "gives other outputs"),
        (Verdict(refusal="layer x has no ONNX form"), False, "layer x has no ONNX form"),
    ],
)
def test_why_which_engine_is_taken(verdict, takes_onnx, reason):
    assert verdict.takes_onnx is takes_onnx
    assert reason in verdict.reason
    assert Verdict.of_json(verdict.to_json()) == verdict


@pytest.mark.parametrize("kept", [None, [], {}, {"refusal": None}])
def test_what_is_no_verdict_is_none(kept):
    assert Verdict.of_json(kept) is None
