import threading
from collections.abc import Iterator

import pytest

from edge_service.sources.errors import SourceLoginError, SourceLostError, SourceSilentError
from edge_service.sources.live import LiveOptions, LiveVideo
from edge_service.sources.live.limits import Limits
from edge_service.sources.pacing import Timed
from edge_service.sources.source_report import SourceReport

ADDRESS = "rtsp://anna:secret@camera/1"


def connection(times_s: list[float], error: Exception | None):
    """One connection: pictures of these times, then the error; None: a clip's end."""

    def connect() -> Iterator[Timed[float]]:
        yield from (Timed(at_s, at_s) for at_s in times_s)
        if error is not None:
            raise error

    return connect


class Connections:
    def __init__(self, *connections) -> None:
        self.limits: list[Limits] = []
        self._left = list(connections)

    def __call__(self, limits: Limits) -> Iterator[Timed[float]]:
        self.limits.append(limits)
        return self._left.pop(0)()


def live(*connections, **options) -> tuple[LiveVideo, SourceReport, Connections]:
    report, connect = SourceReport(ADDRESS), Connections(*connections)
    return LiveVideo(ADDRESS, LiveOptions(**options), report, connect=connect), report, connect


def test_it_goes_on_after_losses_of_every_kind_and_names_the_gaps(caplog) -> None:
    video, report, _ = live(
        connection([], SourceLostError("refused")),
        connection([100.0, 100.1], SourceLostError("it ended the stream")),
        connection([], SourceSilentError("it sent nothing for 2 s")),
        connection([103.0], SourceLoginError("it refuses user and password")),
        connection([104.5], None),
    )
    assert [shot.at_s for shot in video.play()] == pytest.approx([0, 0.1, 3, 4.5])
    made = report.as_json()
    assert (made["read"], made["reconnects"]) == (4, 2)
    first, *others = made["gaps"]
    assert first["why"] == "refused"
    assert others == [
        {"at_s": 0.1, "seconds": 2.9, "why": "it ended the stream"},
        {"at_s": 3.0, "seconds": 1.5, "why": "it refuses user and password"},
    ]
    assert "secret" not in caplog.text
    assert "rtsp://***@camera/1" in str([record.__dict__ for record in caplog.records])


def test_a_picture_is_never_told_lost_twice(caplog) -> None:
    refused = [connection([], SourceLostError("refused")) for _ in range(3)]
    video, _, _ = live(*refused, connection([1.0], None))
    assert len(list(video.play())) == 1
    assert [record.message for record in caplog.records].count("no pictures; connecting again") == 1


def test_a_slow_camera_is_given_more_time() -> None:
    silent = [connection([100.0 * n], SourceSilentError("silent")) for n in (1, 2)]
    video, _, connect = live(*silent, connection([300.0], None), silence_s=1.0)
    list(video.play())
    assert [limits.silence_s for limits in connect.limits] == [1, 2, 4]


def test_a_silent_camera_is_not_waited_for_longer_than_until_it_is_given_up() -> None:
    silent = [connection([], SourceSilentError("silent")) for _ in range(3)]
    video, _, connect = live(*silent, connection([1e9], None), silence_s=1.0, give_up_after_s=3.0)
    list(video.play())
    assert [limits.silence_s for limits in connect.limits][:2] == [1, 2]
    assert all(1 <= limits.silence_s < 3 for limits in connect.limits[2:])


def test_it_is_given_up_when_it_shall() -> None:
    video, report, _ = live(*[connection([], SourceLostError("refused")) for _ in range(9)], give_up_after_s=0.15)
    with pytest.raises(SourceLostError, match=r"^rtsp://\*\*\*@camera/1: refused; given up after 0.15 s$"):
        list(video.play())
    video.stop()
    (gap,) = report.as_json()["gaps"]
    assert (gap["at_s"], gap["why"]) == (0, "refused")


def test_a_wrong_password_ends_it_before_the_first_picture_only() -> None:
    wrong = connection([], SourceLoginError("it refuses user and password (401)"))
    video, _, _ = live(wrong)
    with pytest.raises(SourceLoginError, match=r"\*\*\*@camera/1: it refuses .* expected"):
        list(video.play())


def test_a_gap_that_lasts_is_reported_when_it_is_stopped() -> None:
    lost = threading.Event()

    def refuse() -> Iterator[Timed[float]]:
        lost.set()
        raise SourceLostError("refused")
        yield

    video, report, _ = live(connection([], SourceLostError("reset")), *[refuse] * 99)
    reader = threading.Thread(target=lambda: list(video.play()))
    reader.start()
    assert lost.wait(10)
    video.stop()
    video.stop()
    reader.join(10)
    assert not reader.is_alive()
    assert [gap["why"] for gap in report.as_json()["gaps"]] == ["reset"]


def test_nothing_comes_after_it_was_stopped() -> None:
    video, report, _ = live(connection([0.0, 0.1, 0.2], SourceLostError("refused")))
    played = video.play()
    assert next(played).at_s == 0
    video.stop()
    assert list(played) == []
    assert report.as_json()["read"] == 1
