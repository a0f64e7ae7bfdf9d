"""When large answers begin and end to arrive, by the edge's clock alone."""

import pytest

from edge_service.control.estimators.download_clock import DownloadClock
from edge_service.control.events import DownlinkMeasured, DownloadStalled


def test_a_download_lasts_from_its_announcement_to_its_answer():
    clock = DownloadClock()
    assert not clock.announced(7, 500_000, 1.0).waited
    assert clock.under_way is not None
    download = clock.answered(7, 1.4)
    assert download.sample(1.4) == DownlinkMeasured(500_000, pytest.approx(0.4), after_idle=True)
    assert clock.under_way is None


def test_an_answer_that_was_not_announced_is_no_download():
    clock = DownloadClock()
    assert clock.answered(7, 1.0) is None
    clock.announced(7, 500_000, 1.0)
    assert clock.answered(8, 1.1) is None, "a small answer may come in between"
    assert clock.under_way.frame_id == 7


@pytest.mark.parametrize(
    ("download_s", "pause_s", "waited"),
    [(0.4, 0.001, True), (0.4, 0.09, True), (0.4, 0.15, False), (0.002, 0.005, False), (0.002, 0.001, True)],
)
def test_an_announcement_right_after_a_download_waited_behind_it(download_s, pause_s, waited):
    clock = DownloadClock()
    clock.announced(0, 500_000, 1.0)
    clock.answered(0, 1.0 + download_s)
    assert clock.announced(1, 500_000, 1.0 + download_s + pause_s).waited is waited


@pytest.mark.parametrize(("pause_s", "after_idle"), [(0.2, False), (0.5, True)])
def test_slow_start_may_be_part_of_a_download_after_a_pause(pause_s, after_idle):
    clock = DownloadClock()
    clock.announced(0, 500_000, 1.0)
    clock.answered(0, 1.1)
    clock.announced(1, 500_000, 1.1 + pause_s)
    assert clock.answered(1, 2.0).sample(2.0).after_idle is after_idle


def test_what_has_not_arrived_bounds_the_rate():
    clock = DownloadClock()
    clock.announced(0, 500_000, 1.0)
    assert clock.under_way.bound(3.0) == DownloadStalled(500_000, pytest.approx(2.0))


def test_on_a_new_stream_nothing_arrives_and_nothing_is_waited_for():
    clock = DownloadClock()
    clock.announced(0, 500_000, 1.0)
    clock.answered(0, 1.5)
    clock.announced(1, 500_000, 1.6)
    clock.restart()
    assert clock.under_way is None
    assert not clock.announced(2, 500_000, 1.6001).waited
