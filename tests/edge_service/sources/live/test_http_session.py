import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from chaos.cameras.bar_code import picture_number
from chaos.cameras.film import write_clip
from chaos.cameras.mjpeg import Dialect, MjpegCamera
from chaos.cameras.options import CameraOptions
from edge_service.sources.errors import SourceLoginError, SourceLostError, SourceSilentError
from edge_service.sources.live.http_session import http_shots
from edge_service.sources.live.limits import Limits

QUICK = {"width": 160, "height": 90, "rate_hz": 100.0}


def numbers(shots, count: int) -> list[int]:
    return [picture_number(np.asarray(shot.item.picture().image)) for shot in islice(shots, count)]


@pytest.mark.parametrize(
    "dialect",
    [
        Dialect(),
        Dialect(content_length=False),
        Dialect(boundary="--frame", is_quoted=True),
        Dialect(content_length=False, extra=("Content-Length: 17", "X-Timestamp: 1.5")),
    ],
)
def test_cameras_speak_in_their_own_ways(dialect: Dialect) -> None:
    with MjpegCamera(CameraOptions(**QUICK), dialect) as camera:
        found = numbers(http_shots(camera.address, Limits(5)), 10)
        assert found == list(range(found[0], found[0] + 10))


def test_packets_are_the_jpegs_themselves() -> None:
    with MjpegCamera(CameraOptions(**QUICK)) as camera:
        shots = list(islice(http_shots(camera.address, Limits(5), as_packets=True), 3))
        packets = [shot.item.compressed.history.between(0, 2) for shot in shots]
        assert packets[-1] is not None
        assert all(packet.data.startswith(b"\xff\xd8") and packet.is_keyframe for packet in packets[-1])


def test_a_password_and_a_wrong_one() -> None:
    with MjpegCamera(CameraOptions(**QUICK, user="anna", password="se/c:ret")) as camera:
        address = camera.address.replace("se/c:ret", "se%2Fc:ret")
        assert numbers(http_shots(address, Limits(5)), 1)
        for wrong in (address.replace("ret", ""), address.replace("anna:se%2Fc:ret@", "")):
            with pytest.raises(SourceLoginError, match="refuses user and password"):
                next(http_shots(wrong, Limits(5)))


def test_what_is_lost_and_why() -> None:
    with MjpegCamera(CameraOptions(**QUICK)) as camera:
        with pytest.raises(SourceLostError, match="it answers 404"):
            next(http_shots(camera.address + "s", Limits(5)))
        shots = http_shots(camera.address, Limits(5))
        next(shots)
        camera.end()
        with pytest.raises(SourceLostError, match="ended the stream"):
            list(shots)
        shots = http_shots(camera.address, Limits(5))
        next(shots)
        camera.hang_up(reset=True)
        with pytest.raises(SourceLostError):
            list(shots)
        camera.refuse()
        with pytest.raises(SourceLostError, match="refused"):
            next(http_shots(camera.address, Limits(5)))


def test_silence_and_another_size() -> None:
    with MjpegCamera(CameraOptions(**QUICK)) as camera:
        shots = http_shots(camera.address, Limits(0.3))
        next(shots)
        camera.resize(128, 72)
        assert [shot.item.picture().image.size for shot in islice(shots, 60)][-1] == (128, 72)
        camera.silence()
        with pytest.raises(SourceSilentError, match=r"sent nothing for 0\.3 s"):
            list(shots)


@contextmanager
def served(folder: Path, **answers: tuple[str, bytes]) -> Iterator[str]:
    """A server of files, and of endless answers: their type and what they repeat."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args) -> None:
            super().__init__(*args, directory=str(folder))

        def do_GET(self) -> None:
            answer = answers.get(self.path[1:])
            if answer is None:
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Type", answer[0])
            self.end_headers()
            try:
                while not ended.wait(0.02):
                    self.wfile.write(answer[1])
            except OSError:
                pass

        def log_message(self, *_: object) -> None:
            pass

    ended = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_clip_over_http_is_played_by_ffmpeg_and_a_proxy_is_none_to_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    write_clip(tmp_path / "clip.mp4", 5, rate_hz=100.0, width=160, height=90)
    with served(tmp_path) as address:
        assert numbers(http_shots(f"{address}/clip.mp4", Limits(5)), 9) == [0, 1, 2, 3, 4]


def test_a_page_and_bytes_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>log in</html>")
    with served(tmp_path, text=("multipart/x-mixed-replace", b"--x\r\nContent-Type: text/plain\r\n\r\nno")) as address:
        with pytest.raises(SourceLostError, match="answers with a page"):
            next(http_shots(f"{address}/page.html", Limits(5)))
        with pytest.raises(SourceSilentError, match="no picture was complete"):
            next(http_shots(f"{address}/text", Limits(0.1)))
