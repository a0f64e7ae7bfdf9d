import copy

import pytest

from chaos.verdict import violations

FRAMES = [{"frame": number, "outcome": outcome} for number, outcome in enumerate(["offloaded", "dropped", "edge_only"])]
COUNTS = {"read": 3, "done": 2, "dropped": 1, "failed": 0, "offloaded": 1, "edge_only": 1, "local_fallback": 0}
REPORT = {"frames": COUNTS, "verify": {"checked": 2, "different": 0}}


def test_a_good_run_has_none():
    assert violations(FRAMES, REPORT, 0) == []
    assert violations(FRAMES, {"frames": COUNTS}, 0) == []


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (FRAMES[::-1], "not in order"),
        ([*FRAMES, FRAMES[-1]], "not each exactly once"),
        (FRAMES[:2], "3 frames were read, 2 have a line"),
        ([FRAMES[0], {"frame": 1, "outcome": "edge_only"}, FRAMES[2]], "lines say dropped, the report 1"),
    ],
)
def test_frames_lost_doubled_or_miscounted_are_told(frames, said):
    assert any(said in one for one in violations(frames, REPORT, 0))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("verify", "different"), 1, "not the whole model's"),
        (("verify", "checked"), 1, "1 of 2 results were compared"),
        (("frames", "failed"), 1, "1 frames failed"),
    ],
)
def test_wrong_or_unchecked_results_are_told(place, value, said):
    report = copy.deepcopy(REPORT)
    report[place[0]][place[1]] = value
    assert any(said in one for one in violations(FRAMES, report, 0))


def test_so_is_the_exit_code():
    assert violations(FRAMES, REPORT, 1) == ["the edge's exit code is 1"]
