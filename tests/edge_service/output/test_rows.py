"""Rows match in any order; close calls are no difference, and everything else is."""

import numpy as np
import pytest

from edge_service.output.rows import differing_rows

TOLERANCE = 1e-4


def boxes(*found: tuple[float, int]) -> dict[str, np.ndarray]:
    """A box for each score and label; its place depends on the label alone."""
    sides = [[label * 10.0, 5.0, label * 10.0 + 8, 9.0] for _, label in found]
    return {
        "0.boxes": np.array(sides, np.float32).reshape(-1, 4),
        "0.labels": np.array([label for _, label in found], np.int64),
        "0.scores": np.array([score for score, _ in found], np.float32),
    }


def moved(outputs: dict[str, np.ndarray], path: str, by: float) -> dict[str, np.ndarray]:
    array = outputs[path].copy()
    array[0] += by
    return outputs | {path: array}


SEEN = boxes((0.9, 3), (0.8, 1), (0.5001, 2))


@pytest.mark.parametrize(
    "actual",
    [
        SEEN,
        boxes((0.8, 1), (0.5001, 2), (0.9, 3)),
        boxes((0.90001, 3), (0.79999, 1), (0.5001, 2)),
        moved(SEEN, "0.boxes", 0.003),
    ],
)
def test_the_same_rows_in_any_order(actual):
    assert differing_rows(SEEN, actual, [], TOLERANCE) is None


@pytest.mark.parametrize(
    ("actual", "said"),
    [
        (boxes((0.9, 3), (0.8, 1)), "1 of 3 rows of 0 are missing, 0 are unexpected"),
        (boxes(), "3 of 3 rows of 0 are missing, 0 are unexpected"),
        (boxes((0.9, 3), (0.8, 1), (0.5001, 2), (0.5001, 2)), "0 of 3 rows of 0 are missing, 1 are unexpected"),
        (boxes((0.9, 3), (0.8, 1), (0.51, 2)), "1 of 3 rows of 0 are missing, 1 are unexpected"),
        (boxes((0.9, 3), (0.8, 1), (0.5001, 4)), "1 of 3 rows of 0 are missing, 1 are unexpected"),
        (moved(SEEN, "0.boxes", 0.1), "1 of 3 rows of 0 are missing, 1 are unexpected"),
        (moved(SEEN, "0.boxes", float("nan")), "1 of 3 rows of 0 are missing, 1 are unexpected"),
    ],
)
def test_other_rows(actual, said):
    assert differing_rows(SEEN, actual, [SEEN, SEEN], TOLERANCE) == said


def test_a_row_that_comes_and_goes_is_no_difference():
    """The box of 0.5001 is at a threshold: the run that is slightly off has lost it, and found that of 0.4999."""
    run = boxes((0.9001, 3), (0.8, 1), (0.4999, 7))
    assert differing_rows(SEEN, boxes((0.9, 3), (0.8, 1)), [SEEN, run], TOLERANCE) is None
    assert differing_rows(SEEN, boxes((0.9, 3), (0.8, 1), (0.4999, 7)), [run], TOLERANCE) is None
    found = differing_rows(SEEN, boxes((0.9, 3), (0.5001, 2)), [SEEN, run], TOLERANCE)
    assert found == "1 of 3 rows of 0 are missing, 0 are unexpected"
    found = differing_rows(SEEN, boxes((0.9, 3), (0.8, 1), (0.5001, 2), (0.6, 7)), [run], TOLERANCE)
    assert found == "0 of 3 rows of 0 are missing, 1 are unexpected"


def test_nothing_found_on_either_side():
    assert differing_rows(boxes(), boxes(), [], TOLERANCE) is None
    assert differing_rows(boxes(), SEEN, [boxes()], TOLERANCE) == "0 of 0 rows of 0 are missing, 3 are unexpected"


def test_columns_of_other_lengths_are_compared_on_their_own():
    """So that no row is left out because its neighbours are fewer."""
    one = {"boxes": np.zeros((3, 4)), "size": np.array([480, 640]), "most": np.array(0.5)}
    assert differing_rows(one, dict(one), [], TOLERANCE) is None
    for path, other, missing in [
        ("size", np.array([480, 641]), "1 of 2 rows of size"),
        ("most", np.array(0.6), "1 of 1 rows of most"),
        ("boxes", np.zeros((2, 4)), "1 of 3 rows of boxes"),
        ("boxes", np.zeros((3, 5)), "3 of 3 rows of boxes"),
    ]:
        assert differing_rows(one, one | {path: other}, [], TOLERANCE).startswith(missing)


def test_infinite_and_missing_numbers_match_themselves_alone():
    want = {"scores": np.array([np.inf, np.nan, -np.inf, 1.0], np.float32)}
    assert differing_rows(want, {"scores": want["scores"][::-1]}, [], TOLERANCE) is None
    other = {"scores": np.array([np.inf, np.nan, np.inf, 1.0], np.float32)}
    assert differing_rows(want, other, [], TOLERANCE).startswith("1 of 4 rows")


def test_complex_numbers_are_the_same_but_for_rounding():
    want = {"waves": np.array([1 + 1j, 2 - 1j])}
    assert differing_rows(want, {"waves": want["waves"] + 1e-5j}, [], TOLERANCE) is None
    assert differing_rows(want, {"waves": want["waves"].conj()}, [], TOLERANCE).startswith("2 of 2 rows")
