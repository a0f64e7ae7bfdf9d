"""RTSP and MJPEG cameras and their faults, as a reader with FFmpeg sees them."""

import contextlib
import socket
import time
from itertools import pairwise

import av
import pytest

from chaos.cameras.bar_code import picture_number
from chaos.cameras.mjpeg import Dialect, MjpegCamera
from chaos.cameras.options import CameraOptions
from chaos.cameras.rtsp import RtspCamera, RtspJpegCamera

# Fast pictures, because FFmpeg opens a stream after so many of them.
QUICK = {"width": 160, "height": 96, "rate_hz": 200.0, "keyframe_every": 20}
BOTH = pytest.mark.parametrize("kind", [RtspCamera, MjpegCamera])


@contextlib.contextmanager
def opened(camera, *, address=None, transport="tcp"):
    http = isinstance(camera, MjpegCamera)
    options = {} if http else {"rtsp_transport": transport}
    with av.open(address or camera.address, format="mpjpeg" if http else None, options=options, timeout=5) as container:
        yield container


def watch(container):
    """Each picture's size and number."""
    for frame in container.decode(video=0):
        yield (frame.width, frame.height), picture_number(frame.to_ndarray(format="rgb24"))


def numbers(pictures, count):
    return [number for _, (_, number) in zip(range(count), pictures, strict=False)]


@pytest.mark.parametrize("kind", [RtspCamera, RtspJpegCamera, MjpegCamera])
def test_pictures_come_in_order_and_their_age_is_known(kind):
    with kind(CameraOptions(**QUICK, first=100)) as camera, opened(camera) as container:
        seen = numbers(watch(container), 30)
        assert seen == list(range(seen[0], seen[0] + 30))
        assert seen[0] >= 100
        assert 0 <= time.monotonic() - camera.taken_s(seen[-1]) < 60
        assert camera.viewers == 1
        with pytest.raises(ValueError, match="no picture"):
            camera.taken_s(99)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", camera.port))


@BOTH
def test_a_password_is_asked_for(kind):
    with kind(CameraOptions(**QUICK, user="anna", password="secret")) as camera:
        assert "anna:secret@" in camera.address
        with opened(camera) as container:
            assert len(numbers(watch(container), 3)) == 3
        for login in ("", "anna:wrong@"):
            with (
                pytest.raises(av.HTTPUnauthorizedError),
                opened(camera, address=camera.address.replace("anna:secret@", login)),
            ):
                pass


@BOTH
def test_another_path_is_not_found(kind):
    with (
        kind(CameraOptions(**QUICK)) as camera,
        pytest.raises(av.HTTPNotFoundError),
        opened(camera, address=camera.address + "s"),
    ):
        pass


@BOTH
def test_it_falls_silent_changes_its_size_and_goes_on(kind):
    with kind(CameraOptions(**QUICK)) as camera, opened(camera) as container:
        pictures = watch(container)
        next(pictures)
        camera.silence()
        last = camera.number
        camera.resize(128, 72)
        camera.speak()
        sizes = {(160, 96): [], (128, 72): []}
        while len(sizes[128, 72]) < 5:
            size, number = next(pictures)
            sizes[size].append(number)
        assert max(sizes[160, 96], default=0) <= last + 1 <= min(sizes[128, 72])
        assert camera.viewers == 1, "the connection stayed"


@BOTH
def test_it_hangs_up_and_can_be_opened_again(kind):
    with kind(CameraOptions(**QUICK)) as camera:
        with opened(camera) as container:
            pictures = watch(container)
            next(pictures)
            camera.hang_up()
            with contextlib.suppress(OSError):
                list(pictures)  # ends
        camera.wait_for_nobody()
        camera.refuse()
        with pytest.raises(OSError, match="refused"), opened(camera):
            pass
        camera.accept()
        with opened(camera) as container:
            next(watch(container))


@BOTH
def test_numbers_go_on_while_it_is_off(kind):
    with kind(CameraOptions(**QUICK)) as camera:
        camera.power_off()
        off = camera.number
        with pytest.raises(OSError, match="refused"), opened(camera):
            pass
        camera.power_on()
        with opened(camera) as container:
            seen = numbers(watch(container), 2)
        assert seen[0] > off
        assert seen[1] == seen[0] + 1
        assert len(camera.plays) == 1


def test_it_repeats_its_first_pictures():
    with RtspCamera(CameraOptions(**QUICK, repeat_every=15)) as camera, opened(camera) as container:
        seen = numbers(watch(container), 50)
        assert seen == [(seen[0] + place) % 15 for place in range(50)]


@BOTH
def test_it_ends_properly(kind):
    with kind(CameraOptions(**QUICK)) as camera, opened(camera) as container:
        pictures = watch(container)
        next(pictures)
        camera.end()
        with contextlib.suppress(av.OSError):  # as MJPEG does at its proper end
            list(pictures)
        assert camera.viewers == 0


def test_a_picture_is_dropped_and_those_after_it_depend_on_it():
    with RtspCamera(CameraOptions(**QUICK)) as camera, opened(camera) as container:
        packets = container.demux(video=0)
        next(packet for packet in packets if packet.pts is not None)
        camera.drop(1)
        stamps = [next(packets).pts for _ in range(60)]
        gaps = [later - earlier for earlier, later in pairwise(stamps)]
        assert sorted(set(gaps)) == [450, 900]
        assert gaps.count(900) == 1


def test_timestamps_jump():
    with RtspCamera(CameraOptions(**QUICK)) as camera, opened(camera) as container:
        packets = container.demux(video=0)
        first = next(packet.pts for packet in packets if packet.pts is not None)
        camera.jump(-20.0)
        assert any(packet.pts < first for packet, _ in zip(packets, range(400), strict=False))


def test_udp_loses_packets_when_it_shall():
    with RtspCamera(CameraOptions(**QUICK), udp_loss=0.05) as camera, opened(camera, transport="udp") as container:
        stamps = [packet.pts for packet, _ in zip(container.demux(video=0), range(100), strict=False) if packet.pts]
        assert max(later - earlier for earlier, later in pairwise(stamps)) >= 900
    with RtspCamera(CameraOptions(**QUICK), udp=False) as camera, opened(camera, transport="udp+tcp") as container:
        next(watch(container))


@pytest.mark.parametrize(
    "dialect", [Dialect(content_length=False), Dialect(boundary="--frame", is_quoted=True, extra=("X-Timestamp: 1.5",))]
)
def test_cameras_speak_http_in_their_own_ways(dialect):
    with MjpegCamera(CameraOptions(**QUICK), dialect) as camera, opened(camera) as container:
        assert len(numbers(watch(container), 3)) == 3
