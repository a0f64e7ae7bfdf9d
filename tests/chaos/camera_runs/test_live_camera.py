import asyncio
import random

from chaos.camera_runs import troubles
from chaos.camera_runs.figures import Return, Trouble
from chaos.camera_runs.live_camera import late_returns
from chaos.cameras.mjpeg import MjpegCamera
from chaos.cameras.options import CameraOptions


def test_late_returns_are_told():
    trouble = Trouble("killed", 1.0, 2.0, interrupts=True)
    assert late_returns([(trouble, Return(3.9, 0.4))], 4.0) == []
    assert late_returns([(trouble, Return(4.1, 0.6))], 4.0) == [
        "killed: the next result came 4.10 s after the camera's return",
        "killed: the first picture came 0.60 s after the keyframe",
    ]


async def test_every_trouble_of_a_camera_ends_with_a_camera_that_serves():
    with MjpegCamera(CameraOptions(width=160, height=90)) as camera:
        stage = troubles.Stage(camera, camera, None, random.Random(1))
        kinds = troubles.kinds(stage)
        assert "cable pulled" not in [kind.name for kind in kinds]
        sizes = set()
        for kind in kinds:
            await kind.strike(stage, 0.02)
            sizes.add(camera.size)
            camera.hang_up()
        assert len(sizes) > 1
        reader, writer = await asyncio.open_connection("127.0.0.1", camera.port)
        writer.write(b"GET /stream HTTP/1.0\r\n\r\n")
        assert b"\xff\xd8" in await reader.readuntil(b"\xff\xd8"), "a picture begins"
        writer.close()
