import subprocess
import sys

import pytest

from chaos.camera_runs.cable import NoNamespacesError, cable, is_possible
from chaos.cameras.mjpeg import MjpegCamera
from chaos.cameras.options import CameraOptions

ASK = "import socket, sys; socket.create_connection(sys.argv[1].split(':'), float(sys.argv[2]))"


@pytest.fixture
def wire():
    if not is_possible():
        pytest.skip("needs root and iproute2 for network namespaces")
    try:
        with cable() as wire:
            yield wire
    except NoNamespacesError as error:
        pytest.skip(f"no network namespaces here: {error}")


def test_a_camera_is_reached_through_the_cable_unless_it_is_pulled(wire):
    def is_reached(within_s=5.0):
        command = [*wire.prefix, sys.executable, "-S", "-c", ASK, f"{wire.here}:{camera.port}", str(within_s)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    with MjpegCamera(CameraOptions(host=wire.here)) as camera:
        assert is_reached()
        wire.pull()
        assert not is_reached(within_s=0.3)
        wire.plug()
        assert is_reached()
