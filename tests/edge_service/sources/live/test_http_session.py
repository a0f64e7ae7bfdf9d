import hashlib
import http.server
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from chaos.cameras.bar_code import picture_number
from chaos.cameras.film import Film, write_clip
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


def test_spaces_and_umlauts_in_an_address() -> None:
    with MjpegCamera(CameraOptions(**QUICK, path="/k%C3%A4mera?a=%20b")) as camera:
        assert numbers(http_shots(camera.address.replace("%C3%A4", "\u00e4").replace("%20", " "), Limits(5)), 1)


def test_what_is_no_http_is_not_repeated() -> None:
    def answer() -> None:
        taken, _ = there.accept()
        with taken:
            taken.recv(4096)
            taken.sendall(b"no such thing\r\n\r\n")

    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        there.listen()
        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(SourceLostError, match=r"^it does not answer in HTTP$"):
            next(http_shots(f"http://127.0.0.1:{there.getsockname()[1]}/", Limits(5)))
        answering.join()


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
def served(folder: Path, password: str | None = None, **answers: tuple[str, bytes]) -> Iterator[str]:
    """A server of files, and of endless answers: their type and what they repeat."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args) -> None:
            super().__init__(*args, directory=str(folder))

        def do_GET(self) -> None:
            answer = answers.get(self.path[1:])
            login = self.headers["Authorization"] or ""
            if password is not None and (not login or f'response="{digest_of(login, password)}"' not in login):
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Digest realm="camera", nonce="n7"')
                self.end_headers()
                return
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


def digest_of(header: str, password: str) -> str:
    """The response to a challenge (RFC 2617, without `qop`) that this header should hold."""
    told = dict(re.findall(r'(\w+)="([^"]*)"', header))
    halves = f"{told['username']}:camera:{password}", f"GET:{told['uri']}"
    first, second = (hashlib.md5(half.encode()).hexdigest() for half in halves)
    return hashlib.md5(f"{first}:{told['nonce']}:{second}".encode()).hexdigest()


def test_a_password_that_is_never_sent_itself(tmp_path: Path) -> None:
    film = Film(160, 90, codec="mjpeg")
    parts = b"".join(b"--x\r\n\r\n" + unit.data + b"\r\n" for _ in range(3) for unit in film.shoot())
    with served(tmp_path, password="se cret", live=("multipart/x-mixed-replace; boundary=x", parts)) as server:
        address = server.replace("//", "//anna:se%20cret@") + "/live"
        assert numbers(http_shots(address, Limits(5)), 4) == [0, 1, 2, 0]
        with pytest.raises(SourceLoginError):
            next(http_shots(address.replace("cret", "same"), Limits(5)))


def test_a_clip_over_http_is_played_by_ffmpeg_and_a_proxy_is_none_to_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    write_clip(tmp_path / "clip.mp4", 5, rate_hz=100.0, width=160, height=90)
    with served(tmp_path) as address:
        assert numbers(http_shots(f"{address}/clip.mp4", Limits(5)), 9) == [0, 1, 2, 3, 4]


def test_a_page_one_picture_and_bytes_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>log in</html>")
    (tmp_path / "now.jpg").write_bytes(b"\xff\xd8\xff")
    with served(tmp_path, text=("multipart/x-mixed-replace", b"--x\r\nContent-Type: text/plain\r\n\r\nno")) as address:
        with pytest.raises(SourceLostError, match="answers with a page"):
            next(http_shots(f"{address}/page.html", Limits(5)))
        with pytest.raises(SourceLostError, match="answers with one picture"):
            next(http_shots(f"{address}/now.jpg", Limits(5)))
        with pytest.raises(SourceSilentError, match="no picture was complete"):
            next(http_shots(f"{address}/text", Limits(0.1)))
