"""The page's picture: small, made when asked, and seldom."""

import io

import numpy as np
import pytest
from PIL import Image

from dads.live import LiveView
from dads.live.thumbnail import Thumbnail
from edge_service import Outcome


def grey_of(made):
    with Image.open(io.BytesIO(made)) as image:
        return round(float(np.asarray(image)[-20:].mean()), -1)


@pytest.fixture
def clock():
    class Clock:
        now_s = 100.0

        def __call__(self):
            return self.now_s

    return Clock()


def test_it_is_made_at_most_once_a_second_and_then_of_the_newest_frame(live, clock):
    view = live.view()
    thumbnail = Thumbnail(view, clock=clock)
    with view.watching():
        live.told(view, pixels=live.pixels(50))
        first = thumbnail.jpeg()
        assert grey_of(first) == 50
        live.told(view, pixels=live.pixels(100))
        clock.now_s += 0.9
        assert thumbnail.jpeg() is first
        live.told(view, pixels=live.pixels(150))
        clock.now_s += 0.2
        second = thumbnail.jpeg()
        assert grey_of(second) == 150
        clock.now_s += 5
        assert thumbnail.jpeg() is second, "the same frame is not drawn again"
        assert view.snapshot().picture == 2


@pytest.mark.parametrize(("size", "small"), [((640, 480), (320, 240)), ((300, 900), (107, 320)), ((64, 48), (64, 48))])
def test_it_is_small(live, size, small):
    view = live.view()
    with view.watching():
        live.told(view, pixels=live.pixels(50, *size))
        with Image.open(io.BytesIO(Thumbnail(view).jpeg())) as image:
            assert (image.format, image.size) == ("JPEG", small)


def test_nothing_is_kept_or_made_unless_somebody_watches(live):
    view = live.view()
    thumbnail = Thumbnail(view)
    assert not view.wants_pictures
    live.told(view, pixels=live.pixels(50))
    assert (view.seen, view.snapshot().picture, thumbnail.jpeg()) == (None, None, None)
    with view.watching(), view.watching():
        assert view.wants_pictures
        live.told(view, pixels=live.pixels(50))
        assert thumbnail.jpeg() is not None
    assert not view.wants_pictures
    assert (view.seen, view.snapshot().picture, thumbnail.jpeg()) == (None, None, None)


def test_a_frame_without_a_result_or_picture_leaves_the_last_one(live):
    view = live.view()
    with view.watching():
        live.told(view, pixels=live.pixels(50))
        live.told(view, None, Outcome.DROPPED, pixels=live.pixels(60))
        live.told(view)
        assert view.snapshot().picture == 0


def test_frames_that_may_not_be_shown_are_not_kept(live):
    view = LiveView("it", live.graph, "adaptive", shows_frames=False)
    with view.watching():
        assert not view.wants_pictures
        live.told(view, pixels=live.pixels(50))
        assert (view.seen, Thumbnail(view).jpeg()) == (None, None)
