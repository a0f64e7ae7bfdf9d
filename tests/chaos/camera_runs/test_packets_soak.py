import pytest

from chaos.camera_runs.packets_soak import differences, steps_back, way

ANSWERS = {0: [1.0, -2.0], 1: [1.5, -2.0]}


def record(frame, picture, features, outcome="offloaded", encoding="packets"):
    return {
        "frame": frame,
        "outcome": outcome,
        "cut": ["image"],
        "encoding": encoding,
        "result": {"picture": picture, "features": features},
    }


def test_right_answers_have_no_differences():
    good = [record(0, 0, [1.0, -2.0001]), record(1, 1, [1.5, -2.0]), {"frame": 2, "outcome": "dropped"}]
    assert differences(good, ANSWERS, shows=lambda frame: frame) == []
    assert differences(good[:1], ANSWERS, shows=None) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            record(1, 1, [1.5, -2.1]),
            "1 frames: another answer; the first: frame 1 (as packets), picture 1: off by 5.0e-02",
        ),
        (record(1, 0, [1.0, -2.0]), "1 frames: another picture; the first: frame 1 (as packets) shows 0 instead of 1"),
        (record(1, None, [1.0, -2.0]), "1 frames: picture not read"),
        (record(1, 7, [1.0, -2.0]), "1 frames: picture not read"),
    ],
)
def test_wrong_ones_are_told(wrong, said):
    [found] = differences([record(0, 0, [1.0, -2.0]), wrong], ANSWERS, shows=lambda frame: frame)
    assert found.startswith(said)


@pytest.mark.parametrize("pictures", [[97, 98, 99, 0, 1], [10, 20, 60], [90, 3], [50, 51, 5, 6]])
def test_a_stream_goes_forward_or_begins_anew(pictures):
    assert steps_back([record(frame, picture, []) for frame, picture in enumerate(pictures)], 100) == []


@pytest.mark.parametrize("pictures", [[50, 50], [50, 49], [30, 90]])
def test_a_stream_that_goes_back_is_told(pictures):
    [found] = steps_back([record(frame, picture, []) for frame, picture in enumerate(pictures)], 100)
    assert found.endswith(f"frame 1 (as packets) shows {pictures[1]} after {pictures[0]}")


def test_ways_are_named():
    assert way(record(0, 0, [], encoding="zstd")) == "image as zstd"
    assert way(record(0, 0, [], outcome="local_fallback")) == "local_fallback"
