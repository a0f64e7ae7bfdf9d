"""GStreamer's server in front of a camera, where it is installed."""

import av
import pytest

from chaos.camera_runs.real_server import GStreamerServer, NoGStreamerError
from chaos.cameras.bar_code import picture_number
from chaos.cameras.options import CameraOptions
from chaos.cameras.rtsp import RtspCamera


@pytest.fixture
def camera():
    with RtspCamera(CameraOptions(width=160, height=90, rate_hz=100.0, keyframe_every=20)) as camera:
        yield camera


@pytest.fixture
def server(camera):
    server = GStreamerServer(camera.address, "127.0.0.1")
    try:
        server.power_on()
    except NoGStreamerError as error:
        pytest.skip(str(error))
    yield server
    server.power_off()


def test_it_passes_the_pictures_on_until_it_is_off(server):
    seen = []
    with av.open(server.address, options={"rtsp_transport": "tcp"}, timeout=10) as container:
        for frame in container.decode(video=0):
            seen.append(picture_number(frame.to_ndarray(format="rgb24")))
            if len(seen) == 5:
                break
    assert seen == list(range(seen[0], seen[0] + 5))
    server.power_off()
    with pytest.raises(OSError, match="refused"):
        av.open(server.address)


def test_where_it_does_not_start_is_told():
    server = GStreamerServer("rtsp://127.0.0.1:1/stream", "127.0.0.1")
    server._port = "no port"
    with pytest.raises(NoGStreamerError, match=r"does not start: ."):
        server.power_on()
