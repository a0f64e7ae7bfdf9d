"""When two outputs are equal, when they are not, and that every result with inputs is compared."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import split_model
from edge_service import FrameResult, Outcome, Verifier
from edge_service.output import verify
from edge_service.output.verify import TOLERANCE, Expected, difference
from split_model import Model, TensorSpec

NAN, INF = float("nan"), float("inf")


def of(*values: float, dtype: type = np.float32) -> dict[str, np.ndarray]:
    return {"out": np.array(values, dtype=dtype)}


def row(*values: float) -> dict[str, np.ndarray]:
    return {"out": np.array([values], dtype=np.float32)}


@pytest.mark.parametrize(
    "outputs",
    [
        of(),
        of(0.0, 0.0),
        of(1.0, -2.0),
        of(NAN, 1.0),
        of(INF, -INF, 1.0),
        of(1, 2, dtype=np.int64),
        of(True, False, dtype=np.bool_),
        of(1.5, 2.5, dtype=np.float16),
        {"a": np.zeros((0, 3)), "b": np.array(3.0)},
        {"out": np.array([[True, False], [False, True]])},
        {"out": np.array([[1 + 2j, 3 - 1j]])},
        {"out": np.array([[complex(INF, NAN), complex(NAN, 1)]], dtype=np.complex64)},
        {},
    ],
)
def test_everything_equals_itself(outputs):
    assert difference(outputs, {path: array.copy() for path, array in outputs.items()}) is None


@given(st.floats(1e-30, 1e30), st.floats(0.0, 10.0), st.sampled_from([-1.0, 1.0]))
def test_the_tolerance_is_relative_to_the_outputs_own_scale(scale, steps, sign):
    """The scale is the largest element's, whichever element is off; and steps are of 1e-4 of it."""
    want = np.array([scale, 0.0, -scale / 3])
    off = want + np.array([0.0, sign * steps * TOLERANCE * scale, 0.0])
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
        (of(1.0), of(1.0, 1.0), r"\(2,\) instead of float32 \(1,\)"),
        (row(1.0), of(1.0), r"\(1,\) instead of float32 \(1, 1\)"),
        (of(1.0), of(1.0, dtype=np.float64), "float64 .* instead of float32"),
        (of(1, dtype=np.int32), of(2, dtype=np.int32), "1 other values of 1"),
        (of(True, dtype=np.bool_), of(False, dtype=np.bool_), "1 other values of 1"),
        (of(6e4, dtype=np.float16), of(-6e4, dtype=np.float16), "2 of its scale"),
        ({"a": np.ones(1)}, {"b": np.ones(1)}, r"outputs \['b'\] instead of \['a'\]"),
        ({"a": np.ones(1), "b": np.ones(1)}, {"a": np.ones(1)}, r"outputs \['a'\] instead of \['a', 'b'\]"),
        ({"out": np.array([1 + 1j])}, {"out": np.array([1 - 1j])}, "off by 2"),
        (of(1.7e308, dtype=np.float64), of(-1.7e308, dtype=np.float64), "off by inf"),
        (of(complex(1, INF), dtype=np.complex64), of(complex(1, -INF), dtype=np.complex64), "infinit"),
        (row(1.0, 1.00003), row(1.00003, 1.0), r"another top-1: \[0\] instead of \[1\]"),
    ],
)
def test_every_kind_of_difference_is_named(want, got, said):
    found = difference(want, got)
    assert found is not None
    assert re.search(said, found), found


def test_whole_numbers_have_no_rounding_to_forgive():
    """An index of a class that is off by one is another class, however large the index."""
    assert difference(of(30_000, dtype=np.int64), of(30_001, dtype=np.int64)) is not None
    big = 2**60
    assert difference(of(big, dtype=np.int64), of(big + 1, dtype=np.int64)) is not None


def test_the_second_output_is_looked_at_too():
    want = {"a": np.ones(2), "b": np.ones(2)}
    assert "b is off by" in difference(want, {"a": np.ones(2), "b": np.full(2, 2.0)})


def test_a_difference_anywhere_in_a_large_output_is_found():
    """Also in the last block, in the scale of the first; and memory may lie in another order."""
    want = np.zeros((3, verify._BLOCK), np.float32)
    want[0, 0] = 100.0
    got = np.asfortranarray(want)
    got[2, -1] = 0.009
    assert difference({"out": want}, {"out": got}) is None
    got[2, -1] = 0.011
    assert difference({"out": want}, {"out": got}) == "out is off by 0.011, 0.00011 of its scale"
    got[2, -1] = NAN
    assert "not-a-numbers" in difference({"out": want}, {"out": got})


def test_top_1_is_asked_of_rows_of_classes_only():
    """The same swap of two nearly equal elements is no classification in one or three dimensions, or in one column."""
    want, got = np.array([1.0, 1.00003]), np.array([1.00003, 1.0])
    assert difference({"out": want}, {"out": got}) is None
    assert difference({"out": want.reshape(1, 2, 1)}, {"out": got.reshape(1, 2, 1)}) is None
    assert difference({"out": want.reshape(2, 1)}, {"out": got.reshape(2, 1)}) is None
    assert difference({"out": want.reshape(1, 2)}, {"out": got.reshape(1, 2)}) is not None


def test_of_two_classes_that_are_as_good_as_tied_either_is_the_top_1():
    assert difference(row(1.0, 1.00001), row(1.00001, 1.0)) is None
    assert difference(row(100.0, 100.001, -3.0), row(100.001, 100.0, -3.0)) is None
    for tolerance in (TOLERANCE, 0.1):  # not what is tied within what a lossy encoding may change
        assert "another top-1" in difference(row(1.0, 1.00003), row(1.00003, 1.0), tolerance)
    rows = np.array([[1.0, 1.00001], [0.5, 0.50003]], np.float32)
    assert difference({"out": rows}, {"out": rows[:, ::-1]}) == "out has another top-1: [0, 0] instead of [1, 1]"


def bits(*values: float) -> dict[str, np.ndarray]:
    return {"out": (np.array(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)}


def pairs(*values: complex) -> dict[str, np.ndarray]:
    return {"out": np.array(values, np.complex64).view(np.float32).reshape(-1, 2)}


@pytest.mark.parametrize(
    ("dtype", "want", "close", "far", "said"),
    [
        ("bfloat16", bits(64.0, 1e-3), bits(64.0, 2e-3), bits(65.0, 1e-3), "out is off by 1, 0.0156 of its scale"),
        ("complex64", pairs(3 + 4j, 0), pairs(3 + 4j, 3e-4j), pairs(4 + 4j, 0), "out is off by 1, 0.2 of its scale"),
    ],
)
def test_what_arrays_carry_is_compared_as_numbers(dtype, want, close, far, said):
    carry = {"out": TensorSpec(dtype, (2,))}
    assert difference(want, want, carry=carry) is None
    assert difference(want, close, carry=carry) is None
    assert difference(want, far, carry=carry) == said
    short = {"out": want["out"][:1]}
    assert difference(want, short, carry=carry) == f"out is {dtype} (1,) instead of {dtype} (2,)"
    assert f"instead of {dtype} (2,)" in difference(want, of(1.0, 2.0, dtype=np.float64), carry=carry)


def right(model, inputs, frame_id=0, outcome=Outcome.OFFLOADED) -> FrameResult:
    return FrameResult(frame_id, outcome, outputs=model(*inputs), feeds=inputs)


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
    assert found.as_json() == {"checked": 4, "different": 2, "against": "module"}
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


def arrays(inputs):
    return tuple(tensor.numpy() for tensor in inputs)


def test_arrays_are_compared_with_the_module_as_tensors_are(two_by_two, random_inputs):
    verifier = Verifier(two_by_two)
    verifier.add(right(two_by_two, arrays(random_inputs(two_by_two)), 0))
    verifier.add(wrong(two_by_two, arrays(random_inputs(two_by_two, 1)), 1))
    found = verifier.outcome()
    assert (found.checked, found.different, found.against) == (2, 1, "module")


def test_without_the_module_the_session_of_all_layers_is_compared_with(two_by_two, random_inputs):
    """As for a model from a file."""
    alone = Model(two_by_two.definition, two_by_two.engine, name="alone", example_inputs=two_by_two.example_inputs)
    verifier = Verifier(alone)
    verifier.add(right(two_by_two, arrays(random_inputs(two_by_two)), 0))
    verifier.add(wrong(two_by_two, arrays(random_inputs(two_by_two, 1)), 1))
    found = verifier.outcome()
    assert (found.checked, found.different, found.against) == (2, 1, "session")
    assert found.first.startswith("frame 1: parts.0 is off by")


class Carried(torch.nn.Module):
    def forward(self, x):
        return {"half": (x * 2).bfloat16(), "turned": torch.complex(x, x)}


def test_a_models_own_outputs_are_compared_as_the_numbers_that_they_carry():
    """Bits and pairs that are off by a rounding are no difference; another sign is one."""
    model = split_model.model_of(Carried().eval(), (torch.ones(1, 3),), name="made_here:carried")
    inputs = (np.array([[1.0, 2.0, 3.0]], np.float32),)
    expected = Expected(model, inputs, 0.01)
    outputs = model.flatten(model(*inputs))
    assert (outputs["half"].dtype, outputs["turned"].shape) == (np.uint16, (1, 3, 2))
    assert expected.difference(outputs) is None
    close = outputs["half"].copy()
    close[0, 0] += 1  # the last bit of 2.0: 0.0026 of the scale, which is 6
    assert expected.difference(outputs | {"half": close}) is None
    for path, other in (("half", outputs["half"] ^ 0x8000), ("turned", -outputs["turned"])):
        assert f"{path} is off by" in expected.difference(outputs | {path: other})
