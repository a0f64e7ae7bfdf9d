import pytest

from edge_service.sources.choice import Candidate, chosen

PREVIEW, SMALL, LARGE = Candidate(0, 160, 90), Candidate(1, 1280, 720), Candidate(2, 1920, 1080)
COVER = Candidate(3, 4000, 4000, is_default=True, is_still=True)


def flagged(video):
    return Candidate(video.index, video.width, video.height, is_default=True)


@pytest.mark.parametrize(
    ("videos", "taken"),
    [
        ([SMALL], 1),
        ([PREVIEW, SMALL, LARGE], 2),
        ([PREVIEW, flagged(SMALL), LARGE], 1),
        ([flagged(PREVIEW), SMALL, LARGE], 2),
        ([flagged(PREVIEW), flagged(SMALL), LARGE], 1),
        ([COVER, PREVIEW], 0),
        ([Candidate(5, 0, 0), Candidate(4, 0, 0)], 4),
    ],
)
def test_which_video_is_taken(videos, taken):
    assert chosen(videos).index == taken


def test_there_may_be_none():
    assert chosen([]) is None
    assert chosen([COVER]) is None
