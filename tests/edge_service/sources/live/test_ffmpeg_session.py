import socket
import threading
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from chaos.cameras.bar_code import picture_number
from chaos.cameras.film import write_clip
from chaos.cameras.options import CameraOptions
from chaos.cameras.rtsp import RtspCamera
from edge_service.frame_image import Shot
from edge_service.sources.errors import SourceLoginError, SourceLostError, SourceSilentError
from edge_service.sources.live.addresses import Way
from edge_service.sources.live.ffmpeg_session import FfmpegWay, check_reachable, ffmpeg_shots
from edge_service.sources.live.limits import Limits
from edge_service.sources.pacing import Timed

QUICK = {"width": 160, "height": 90, "rate_hz": 50.0, "keyframe_every": 10}


def shots_of(
    camera: RtspCamera, *, silence_s: float = 5.0, transport: str = "tcp", on_lost=None, as_packets: bool = False
):
    way = FfmpegWay.of(camera.address, Way.RTSP, transport=transport, as_packets=as_packets)
    return ffmpeg_shots(way, Limits(silence_s), on_lost)


def number_of(shot: Timed[Shot]) -> int:
    return picture_number(np.asarray(shot.item.picture().image))


def numbers(shots: Iterator[Timed[Shot]], count: int) -> list[int]:
    return [number_of(shot) for shot in islice(shots, count)]


@pytest.mark.parametrize("in_sdp", [True, False])
def test_it_begins_at_the_next_keyframe_without_probing(in_sdp: bool) -> None:
    with RtspCamera(CameraOptions(**QUICK), parameter_sets_in_sdp=in_sdp) as camera:
        first, *others = numbers(shots_of(camera), 8)
        played_s = camera.plays[0]
        assert others == list(range(first + 1, first + 8))
        assert first in [number for number, _ in camera.keyframes]
        # The keyframe that followed the beginning, or the one before it, which a camera may send first.
        assert sum(at_s > played_s and number < first for number, at_s in camera.keyframes) <= 1


@pytest.mark.parametrize("as_packets", [True, False])
def test_b_frames_come_in_the_order_of_display(as_packets: bool) -> None:
    with RtspCamera(CameraOptions(**QUICK, b_frames=2)) as camera:
        found = numbers(shots_of(camera, as_packets=as_packets), 12)
        assert found == list(range(found[0], found[0] + 12))


def test_times_are_those_of_arrival_also_when_the_cameras_clock_jumps() -> None:
    with RtspCamera(CameraOptions(**QUICK)) as camera:
        shots = shots_of(camera)
        times_s = [shot.at_s for shot in islice(shots, 5)]
        camera.jump(-500.0)
        times_s += [shot.at_s for shot in islice(shots, 20)]
        assert all(earlier <= later < earlier + 5 for earlier, later in pairwise(times_s))
        assert 0 <= time.monotonic() - times_s[-1] < 5


def test_another_size_in_band_goes_on_in_the_same_connection() -> None:
    with RtspCamera(CameraOptions(**QUICK)) as camera:
        shots = shots_of(camera)
        next(shots)
        camera.resize(128, 72)
        sizes = [shot.item.picture().image.size for shot in islice(shots, 25)]
        assert sizes[-1] == (128, 72)
        assert set(sizes) <= {(160, 90), (128, 72)}
        assert len(camera.plays) == 1


def test_packets_hold_the_pictures_across_a_change_of_size_and_the_end_of_the_connection() -> None:
    with RtspCamera(CameraOptions(**QUICK), parameter_sets_in_sdp=False) as camera:
        shots = shots_of(camera, as_packets=True)
        kept = list(islice(shots, 25))
        camera.resize(128, 72)
        kept += islice(shots, 40)
        camera.hang_up()
        with pytest.raises(SourceLostError):
            kept += shots
        compressed = [shot.item.compressed for shot in kept]
        histories = list(dict.fromkeys(id(each.history) for each in compressed if each is not None))
        assert len(histories) == 2
        assert None not in compressed
        found = [number_of(shot) for shot in kept[-10:]]
        assert found == list(range(found[0], found[0] + 10))
        assert compressed[-1].history.format.extradata, "a decoder that begins there needs them"
        assert kept[-1].item.picture().image.size == (128, 72)


def test_silence_is_noticed_before_and_after_the_first_picture() -> None:
    with RtspCamera(CameraOptions(**QUICK)) as camera:
        shots = shots_of(camera, silence_s=0.4)
        next(shots)
        camera.silence()
        with pytest.raises(SourceSilentError, match=r"sent nothing for 0\.4 s"):
            list(shots)
        with pytest.raises(SourceSilentError, match=r"sent nothing for 0\.4 s"):
            next(shots_of(camera, silence_s=0.4))


@pytest.mark.parametrize("fault", ["end", "hang_up"])
def test_every_end_is_a_loss(fault: str) -> None:
    with RtspCamera(CameraOptions(**QUICK)) as camera:
        shots = shots_of(camera)
        next(shots)
        getattr(camera, fault)()
        with pytest.raises(SourceLostError):
            list(shots)


def test_a_wrong_password_and_a_wrong_path() -> None:
    with RtspCamera(CameraOptions(**QUICK, user="anna", password="se cret")) as camera:
        assert numbers(shots_of(camera), 1)
        wrong = camera.address.replace("se cret", "guess")
        with pytest.raises(SourceLoginError, match="refuses user and password"):
            next(ffmpeg_shots(FfmpegWay.of(wrong, Way.RTSP), Limits(5)))
        with pytest.raises(SourceLostError, match="404") as lost:
            next(ffmpeg_shots(FfmpegWay.of(camera.address + "s", Way.RTSP), Limits(5)))
        assert "se cret" not in str(lost.value)


def test_a_port_that_nobody_listens_on() -> None:
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        port = there.getsockname()[1]
        there.listen()
        check_reachable(f"rtsp://anna:secret@127.0.0.1:{port}/", Limits(5))
    with pytest.raises(SourceLostError, match=rf"^127.0.0.1:{port}: Connection refused$"):
        check_reachable(f"rtsp://anna:secret@127.0.0.1:{port}/", Limits(5))


def test_a_camera_that_does_not_accept_is_not_waited_for_long() -> None:
    with socket.socket() as full, socket.socket() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.connect(full.getsockname())  # the only place
        with pytest.raises(SourceLostError, match=r"127\.0\.0\.1:\d+: no answer within 0\.2 s"):
            check_reachable(f"rtsp://127.0.0.1:{full.getsockname()[1]}/", Limits(30, connect_s=0.2))


def test_what_may_be_a_password_is_no_host_in_an_error() -> None:
    with pytest.raises(SourceLostError) as lost:
        check_reachable("rtsp://localhost:1/23@camera/", Limits(1))
    assert str(lost.value) == "Connection refused"


def test_a_server_that_never_answers_is_silent() -> None:
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        there.listen()
        opened = ffmpeg_shots(FfmpegWay.of(f"rtsp://127.0.0.1:{there.getsockname()[1]}/", Way.RTSP), Limits(0.2))
        with pytest.raises(SourceSilentError, match=r"sent nothing for 0\.2 s"):
            next(opened)


def test_packets_lost_over_udp_are_counted() -> None:
    losses: list[int] = []
    with RtspCamera(CameraOptions(**QUICK), udp_loss=0.2) as camera:
        shots = shots_of(camera, transport="udp", on_lost=losses.append)
        deadline_s = time.monotonic() + 20
        while sum(losses) < 3 and time.monotonic() < deadline_s:
            next(shots)
        shots.close()
    assert sum(losses) >= 3
    assert av.logging.get_level() is None


def test_uncompressed_pictures_are_decoded_here() -> None:
    way = FfmpegWay("testsrc2=size=64x48:rate=200", "lavfi")
    found = [shot.item.picture().image.size for shot in islice(ffmpeg_shots(way, Limits(5)), 3)]
    assert found == [(64, 48)] * 3


def test_a_camera_that_is_not_plugged_in() -> None:
    with pytest.raises(SourceLostError, match="no such camera"):
        next(ffmpeg_shots(FfmpegWay.of("/dev/video987", Way.DEVICE), Limits(5)))


def test_a_clip_is_played_at_its_own_pace_and_ends(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 10, rate_hz=50.0, width=160, height=90)
    shots = list(ffmpeg_shots(FfmpegWay(str(tmp_path / "clip.mp4")), Limits(5)))
    assert len(shots) == 10
    assert shots[-1].at_s - shots[0].at_s >= 0.17


def test_a_clip_stops_when_nobody_reads_any_more(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 4, rate_hz=0.01, width=160, height=90)
    limits = Limits(5)
    shots = ffmpeg_shots(FfmpegWay(str(tmp_path / "clip.mp4")), limits)
    next(shots)
    threading.Timer(0.05, limits.stop.set).start()
    assert list(shots) == []
