import threading

import numpy as np
import pytest

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.building import Builder
from split_model.engines.onnx.packed_weights import PackedWeights
from split_model.engines.onnx.session import Session
from split_model.errors import ExecutionError, MissingTensorError, UnsupportedModelError
from split_model.specs import TensorSpec


@pytest.fixture
def session(tmp_path):
    def make(file, spec):
        return Builder(file, PackedWeights(tmp_path / "packed"), 1).lasting(spec)

    return make


@pytest.fixture
def negated(one_operator, session):
    """Runs `-x` on an array."""

    def run(array, shape=(2, 3)):
        spec = TensorSpec(array.dtype.name, shape)
        file = one_operator("Neg", {"x": spec}, spec)
        return session(file, PartSpec(("x",), ("y",))).run({"x": array}).layers["y"]

    return run


def _unaligned(array):
    copied = np.frombuffer(b"x" + array.tobytes(), array.dtype, array.size, 1).reshape(array.shape)
    assert not copied.flags.aligned
    return copied


@pytest.mark.parametrize(
    "change",
    [
        lambda array: array,
        np.asfortranarray,
        lambda array: np.repeat(array, 2, axis=1)[:, ::2],
        lambda array: np.broadcast_to(array, array.shape),  # read-only
        lambda array: array.astype(">f4"),
        _unaligned,
    ],
    ids=["plain", "fortran", "strided", "read-only", "big-endian", "unaligned"],
)
def test_an_array_of_any_layout_is_read_as_its_elements(negated, change):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    given = change(array)
    assert np.array_equal(negated(given), -array)
    assert np.array_equal(given, array)


def test_an_empty_array_is_a_value(negated):
    assert negated(np.zeros((0, 3), np.float32), (0, 3)).shape == (0, 3)


def test_half_precision_passes(negated):
    array = np.array([[1, 2, 3]], np.float16)
    assert np.array_equal(negated(array, (1, 3)), -array)


def test_booleans_and_tuples_pass(tiny, session):
    head = session(tiny, PartSpec(("picture",), ("positive", "halves"))).run(tiny.feeds).layers
    assert head["positive"].dtype == np.bool_
    assert [half.shape for half in head["halves"]] == [(1, 32, 8, 8)] * 2
    total = session(tiny, PartSpec(("halves",), ("sum",))).run(head).layers["sum"]
    assert np.allclose(total, 1.5 * head["halves"][0] + head["halves"][1], rtol=1e-6)


def test_a_wanted_feed_is_what_was_given(tiny, session):
    array = np.ones((1, 16, 8, 8), np.float32)
    found = session(tiny, PartSpec(("relu",), ("relu",))).run({"relu": array}).layers["relu"]
    assert found is array
    both = session(tiny, PartSpec(("wide",), ("wide", "halves")))
    wide = np.ones((1, 64, 8, 8), np.float32)
    assert both.run({"wide": wide}).layers["wide"] is wide


def test_results_are_not_overwritten_by_later_runs(tiny, session):
    part = session(tiny, tiny.whole)
    first = part.run(tiny.feeds).outputs
    before = {path: array.copy() for path, array in first.items()}
    for _ in range(3):
        part.run({"picture": 255 - tiny.feeds["picture"]})
    assert all(np.array_equal(first[path], before[path]) for path in before)


def test_several_threads_may_run_one_session(tiny, session):
    part = session(tiny, tiny.whole)
    pictures = [np.full((1, 3, 8, 8), number, np.uint8) for number in range(4)]
    expected = [part.run({"picture": picture}).outputs["scores"] for picture in pictures]
    found = [None] * len(pictures)

    def work(number):
        for _ in range(20):
            found[number] = part.run({"picture": pictures[number]}).outputs["scores"]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def test_a_failing_operator_is_named_and_nothing_is_printed(one_operator, session, capfd):
    spec = TensorSpec("float32", (None,))
    file = one_operator("Reshape", {"x": spec}, TensorSpec("float32", (2, 3)), {"shape": np.array([2, 3])})
    part = session(file, PartSpec(("x",), ("y",)))
    with pytest.raises(ExecutionError, match=r"'y' failed: .*cannot be reshaped") as caught:
        part.run({"x": np.zeros(5, np.float32)})
    assert caught.value.layer == "y"
    assert capfd.readouterr() == ("", "")


def test_a_missing_feed_is_named(tiny, session):
    with pytest.raises(MissingTensorError, match="'relu'"):
        session(tiny, PartSpec(("relu",), ("wide",))).run({})


def test_a_network_that_the_runtime_refuses_is_an_error_of_one_line(one_operator, session):
    file = one_operator("NoSuchOperator", {"x": TensorSpec("float32", (2,))}, TensorSpec("float32", (2,)))
    with pytest.raises(
        UnsupportedModelError, match=r"ONNX Runtime cannot run this part of the model: .*NoSuchOperator"
    ) as caught:
        session(file, PartSpec(("x",), ("y",)))
    assert "\n" not in str(caught.value)


class Counting:
    """A session of the runtime that counts its runs, and may refuse them."""

    def __init__(self, error=None):
        self.given = []
        self.error = error

    def run(self, wanted, arrays):
        self.given.append(arrays)
        if self.error is not None:
            raise self.error
        return [np.ones((2, 3), np.float32)]


@pytest.mark.parametrize("error", [None, RuntimeError("zeros are no input of this part")])
def test_the_first_run_is_of_zeros_and_fails_nothing(error):
    runtime = Counting(error)
    session = Session(PartSpec(("x",), ("y",)), (("x#1", "x", 1),), {"y": ("y",)}, runtime, 0)
    session.run_first({"x": (TensorSpec("int64", (5,)), TensorSpec("uint8", (2, 3)))})
    ((name, array),) = (pair for arrays in runtime.given for pair in arrays.items())
    assert (name, array.dtype, array.shape, array.any()) == ("x#1", np.uint8, (2, 3), False)


def test_a_part_with_a_size_that_depends_on_values_has_no_first_run():
    runtime = Counting()
    session = Session(PartSpec(("x",), ("y",)), (("x", "x", 0),), {"y": ("y",)}, runtime, 0)
    session.run_first({"x": (TensorSpec("float32", (None, 3)),)})
    assert runtime.given == []
