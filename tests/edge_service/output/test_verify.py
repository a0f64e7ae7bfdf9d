"""When two outputs are equal, when they are not, and that every result with inputs is compared."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edge_service import FrameResult, Outcome, Verifier
from edge_service.output import verify
from edge_service.output.verify import TOLERANCE, difference

NAN, INF = float("nan"), float("inf")


def of(*values: float, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    return {"out": torch.tensor(values, dtype=dtype)}


def row(*values: float) -> dict[str, torch.Tensor]:
    return {"out": torch.tensor([values])}


@pytest.mark.parametrize(
    "outputs",
    [
        of(),
        of(0.0, 0.0),
        of(1.0, -2.0),
        of(NAN, 1.0),
        of(INF, -INF, 1.0),
        of(1, 2, dtype=torch.int64),
        of(True, False, dtype=torch.bool),
        of(1.5, 2.5, dtype=torch.bfloat16),
        {"a": torch.zeros(0, 3), "b": torch.tensor(3.0)},
        {"out": torch.tensor([[True, False], [False, True]])},
        {"out": torch.tensor([[1 + 2j, 3 - 1j]])},
        {},
    ],
)
def test_everything_equals_itself(outputs):
    assert difference(outputs, {path: tensor.clone() for path, tensor in outputs.items()}) is None


@given(st.floats(1e-30, 1e30), st.floats(0.0, 10.0), st.sampled_from([-1.0, 1.0]))
def test_the_tolerance_is_relative_to_the_outputs_own_scale(scale, steps, sign):
    """The scale is the largest element's, whichever element is off; and steps are of 1e-4 of it."""
    want = torch.tensor([scale, 0.0, -scale / 3], dtype=torch.float64)
    off = want + torch.tensor([0.0, sign * steps * TOLERANCE * scale, 0.0], dtype=torch.float64)
    found = difference({"out": want}, {"out": off})
    if steps < 0.999:
        assert found is None
    elif steps > 1.001:
        assert found is not None
        assert "out is off by" in found


@pytest.mark.parametrize(
    ("want", "got", "said"),
    [
        (of(0.0, 0.0), of(0.0, 1e-30), "off by 1e-30, inf of its scale"),
        (of(1.0, NAN), of(NAN, 1.0), "not-a-numbers in other places"),
        (of(1.0, 2.0), of(1.0, NAN), "not-a-numbers in other places"),
        (of(NAN, 2.0), of(0.0, 2.0), "not-a-numbers in other places"),
        (of(INF), of(-INF), "infinit"),
        (of(INF, 1.0), of(1.0, 1.0), "infinit"),
        (of(1.0, 2.0), of(1.0, INF), "infinit"),
        (of(-INF, 1.0, 2.0), of(-INF, 1.5, 2.0), "off by 0.5, 0.25 of its scale"),
        (of(1.0), of(1.0, 1.0), r"\(2,\) instead of torch.float32 \(1,\)"),
        (row(1.0), of(1.0), r"\(1,\) instead of torch.float32 \(1, 1\)"),
        (of(1.0), of(1.0, dtype=torch.float64), "float64 .* instead of torch.float32"),
        (of(1, dtype=torch.int32), of(2, dtype=torch.int32), "1 other values of 1"),
        (of(True, dtype=torch.bool), of(False, dtype=torch.bool), "1 other values of 1"),
        (of(6e4, dtype=torch.float16), of(-6e4, dtype=torch.float16), "2 of its scale"),
        ({"a": torch.ones(1)}, {"b": torch.ones(1)}, r"outputs \['b'\] instead of \['a'\]"),
        ({"a": torch.ones(1), "b": torch.ones(1)}, {"a": torch.ones(1)}, r"outputs \['a'\] instead of \['a', 'b'\]"),
        ({"out": torch.tensor([1 + 1j])}, {"out": torch.tensor([1 - 1j])}, "off by 2"),
        (row(1.0, 1.00001), row(1.00001, 1.0), "another top-1"),
    ],
)
def test_every_kind_of_difference_is_named(want, got, said):
    found = difference(want, got)
    assert found is not None
    assert re.search(said, found), found


def test_whole_numbers_have_no_rounding_to_forgive():
    """An index of a class that is off by one is another class, however large the index."""
    assert difference(of(30_000, dtype=torch.int64), of(30_001, dtype=torch.int64)) is not None
    big = 2**60
    assert difference(of(big, dtype=torch.int64), of(big + 1, dtype=torch.int64)) is not None


def test_the_second_output_is_looked_at_too():
    want = {"a": torch.ones(2), "b": torch.ones(2)}
    assert "b is off by" in difference(want, {"a": torch.ones(2), "b": torch.full((2,), 2.0)})


def test_top_1_is_asked_of_rows_of_classes_only():
    """The same swap of two nearly equal elements is no classification in one or three dimensions, or in one column."""
    want, got = torch.tensor([1.0, 1.00001]), torch.tensor([1.00001, 1.0])
    assert difference({"out": want}, {"out": got}) is None
    assert difference({"out": want.view(1, 2, 1)}, {"out": got.view(1, 2, 1)}) is None
    assert difference({"out": want.view(2, 1)}, {"out": got.view(2, 1)}) is None
    assert difference({"out": want.view(1, 2)}, {"out": got.view(1, 2)}) is not None


def right(model, inputs, frame_id=0, outcome=Outcome.OFFLOADED) -> FrameResult:
    with torch.inference_mode():
        outputs = model(*inputs)
    return FrameResult(frame_id, outcome, outputs=outputs, feeds=inputs)


def wrong(model, inputs, frame_id=0) -> FrameResult:
    made = right(model, inputs, frame_id)
    return FrameResult(
        frame_id, Outcome.OFFLOADED, outputs={**made.outputs, "parts": [made.outputs["total"]]}, feeds=inputs
    )


def test_a_verifier_counts_and_names_the_first_difference(two_by_two, random_inputs):
    verifier = Verifier(two_by_two)
    inputs = [random_inputs(two_by_two, seed) for seed in range(4)]
    for made in (
        right(two_by_two, inputs[0], 0),
        wrong(two_by_two, inputs[1], 1),
        right(two_by_two, inputs[2], 2, Outcome.LOCAL_FALLBACK),
        wrong(two_by_two, inputs[3], 3),
    ):
        verifier.add(made)
    assert verifier.pending() == 4
    found = verifier.outcome()
    assert (found.checked, found.different, verifier.pending()) == (4, 2, 0)
    assert found.first.startswith("frame 1: parts.0 is off by")
    assert verifier.outcome() == found, "asking twice compares nothing twice"


@pytest.mark.parametrize(
    "outputs", [None, torch.ones(1, 3), {"total": torch.ones(1, 3)}, {"total": torch.ones(1, 3), "parts": []}]
)
def test_another_structure_is_a_difference_and_no_crash(two_by_two, random_inputs, outputs):
    verifier = Verifier(two_by_two)
    verifier.add(FrameResult(7, Outcome.OFFLOADED, outputs=outputs, feeds=random_inputs(two_by_two)))
    found = verifier.outcome()
    assert (found.checked, found.different) == (1, 1)
    assert found.first.startswith("frame 7: ")


def test_results_without_outputs_or_inputs_are_not_compared(two_by_two, random_inputs):
    verifier = Verifier(two_by_two)
    inputs = random_inputs(two_by_two)
    verifier.add(FrameResult(0, Outcome.DROPPED, feeds=inputs))
    verifier.add(FrameResult(1, Outcome.FAILED, feeds=inputs))
    verifier.add(FrameResult(2, Outcome.OFFLOADED, outputs=right(two_by_two, inputs).outputs))
    assert verifier.outcome().checked == 0


def test_what_is_kept_is_bounded_and_nothing_is_skipped(two_by_two, random_inputs, monkeypatch):
    verifier = Verifier(two_by_two)
    inputs = random_inputs(two_by_two)
    monkeypatch.setattr(verify, "_MOST_KEPT_BYTES", 3 * verifier._bytes(right(two_by_two, inputs)))
    for frame_id in range(10):
        verifier.add(wrong(two_by_two, inputs, frame_id) if frame_id == 0 else right(two_by_two, inputs, frame_id))
        assert verifier.pending() <= 3
    found = verifier.outcome()
    assert (found.checked, found.different) == (10, 1)
    assert found.first.startswith("frame 0: ")
