"""Cameras that speak RTSP 1.0: H.264 or JPEG over RTP, interleaved in the connection or by UDP (RFC 2326)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from chaos.cameras.camera import Camera
from chaos.cameras.film import Codec, Unit
from chaos.cameras.options import CameraOptions
from chaos.cameras.rtp import H264, JPEG, RtpStream, h264_payloads
from chaos.cameras.rtp_jpeg import jpeg_payloads
from chaos.cameras.sdp import h264_description, jpeg_description, parameter_sets
from chaos.cameras.viewer import Shot, Viewer

__all__ = ["RtspCamera", "RtspJpegCamera"]

_REPORT_EVERY_S = 2.0
_SESSION = "20261130"
_PUBLIC = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN"


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]


class _Way(Protocol):
    """How packets reach a client: RTP and RTCP."""

    def rtp(self, packet: bytes) -> None: ...

    def rtcp(self, packet: bytes) -> None: ...


class RtspCamera(Camera):
    """A camera with the address `rtsp://HOST:PORT/stream`; its faults are those of `Camera`.

    Args:
        options: What it sends, and to whom.
        udp: Whether it sends by UDP to clients that ask for it; else they are told to use TCP.
        udp_loss: The share of RTP packets that get lost on the way, over UDP.
        parameter_sets_in_sdp: Whether the description has SPS and PPS; keyframes have them in any case.
        reports: Whether it sends sender reports, which tell the pictures' wall clock.
    """

    codec: ClassVar[Codec] = "h264"
    scheme: ClassVar[str] = "rtsp"

    def __init__(
        self,
        options: CameraOptions | None = None,
        *,
        udp: bool = True,
        udp_loss: float = 0.0,
        parameter_sets_in_sdp: bool = True,
        reports: bool = True,
    ) -> None:
        super().__init__(options)
        self._udp = udp
        self._udp_loss = udp_loss
        self._parameter_sets_in_sdp = parameter_sets_in_sdp
        self._reports = reports
        self._dice = random.Random(1)  # noqa: S311 - not a secret

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests until the client goes."""
        client = _Client(self, writer)
        try:
            while (request := await _request(reader)) is not None:
                if not client.answer(request):
                    return
                await writer.drain()
        finally:
            client.close()

    def describe(self) -> str:
        """The description of the stream, SDP."""
        options = self.options
        if self.codec == "mjpeg":
            return jpeg_description(options.host)
        sets = parameter_sets(*self.size, options.b_frames) if self._parameter_sets_in_sdp else []
        return h264_description(options.host, sets)

    def way(self, transport: str, writer: asyncio.StreamWriter) -> tuple[_Way, str] | None:
        """How a client that asks for this transport gets its packets, and what it is told; None: it is refused."""
        if "RTP/AVP/TCP" in transport:
            return _Interleaved(writer), "RTP/AVP/TCP;unicast;interleaved=0-1"
        ports = next((part for part in transport.split(";") if part.startswith("client_port=")), None)
        if ports is None or not self._udp:
            return None
        way = _Datagrams(writer, int(ports.removeprefix("client_port=").split("-")[0]), self._udp_loss, self._dice)
        return way, f"RTP/AVP;unicast;{ports};server_port={way.port}-{way.port + 1}"

    def viewer(self, writer: asyncio.StreamWriter, way: _Way) -> _RtspViewer:
        """A viewer with a new RTP session."""
        source, sequence, offset = (self._dice.getrandbits(bits) for bits in (32, 16, 32))
        stream = RtpStream(source, sequence, offset, JPEG if self.codec == "mjpeg" else H264)
        return _RtspViewer(writer, way, stream, self.payloads, reports=self._reports)

    def payloads(self, unit: Unit) -> Iterator[bytes]:
        """The payloads of a picture's packets."""
        return jpeg_payloads(unit.data, *self.size) if self.codec == "mjpeg" else h264_payloads(unit.data)

    @property
    def stamp_s(self) -> float:
        """The next picture's timestamp in seconds."""
        return (self.number + 1) / self.options.rate_hz + self._jump_s


class RtspJpegCamera(RtspCamera):
    """A camera as `RtspCamera` that sends JPEGs; the sides of its pictures must be multiples of 8."""

    codec: ClassVar[Codec] = "mjpeg"


class _Client:
    """The dialogue with one client."""

    def __init__(self, camera: RtspCamera, writer: asyncio.StreamWriter) -> None:
        self._camera = camera
        self._writer = writer
        self._way: _Way | None = None
        self._viewer: _RtspViewer | None = None

    def answer(self, request: _Request) -> bool:
        """Answer a request; returns whether the dialogue goes on."""
        camera, options = self._camera, self._camera.options
        if request.method != "OPTIONS" and not options.admits(request.headers.get("authorization")):
            self._say(request, "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="camera"'})
        elif request.method == "DESCRIBE":
            if not request.url.endswith(options.path):
                self._say(request, "404 Not Found")
            else:
                base = {"Content-Base": f"{request.url}/", "Content-Type": "application/sdp"}
                self._say(request, "200 OK", base, camera.describe())
        elif request.method == "SETUP":
            self._set_up(request)
        elif request.method == "PLAY" and self._way is not None:
            self._play(request, self._way)
        elif request.method in _PUBLIC:
            self._say(request, "200 OK", {"Public": _PUBLIC, "Session": _SESSION})
            return request.method != "TEARDOWN"
        else:
            self._say(request, "455 Method Not Valid in This State")
        return True

    def close(self) -> None:
        """Let go of what the client needed."""
        if isinstance(self._way, _Datagrams):
            self._way.close()

    def _set_up(self, request: _Request) -> None:
        made = self._camera.way(request.headers.get("transport", ""), self._writer)
        if made is None:
            self._say(request, "461 Unsupported Transport")
            return
        self._way, told = made
        self._say(request, "200 OK", {"Transport": told, "Session": f"{_SESSION};timeout=60"})

    def _play(self, request: _Request, way: _Way) -> None:
        camera = self._camera
        self._viewer = camera.viewer(self._writer, way)
        stream = self._viewer.stream
        # RTP-Info names the packet that follows.
        info = f"url={request.url};seq={stream.sequence};rtptime={stream.timestamp(camera.stamp_s)}"
        self._say(request, "200 OK", {"Session": _SESSION, "Range": "npt=now-", "RTP-Info": info})
        camera.joins(self._viewer)

    def _say(self, request: _Request, status: str, headers: Mapping[str, str] | None = None, body: str = "") -> None:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {request.headers.get('cseq', '0')}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        self._writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body.encode())


class _RtspViewer(Viewer):
    def __init__(
        self,
        writer: asyncio.StreamWriter,
        way: _Way,
        stream: RtpStream,
        payloads: Callable[[Unit], Iterator[bytes]],
        *,
        reports: bool,
    ) -> None:
        super().__init__(writer)
        self.stream = stream
        self._payloads = payloads
        self._way = way
        self._reports = reports
        self._next_report_s = 0.0
        self._last = (0.0, 0.0)

    def send(self, shot: Shot) -> None:
        """Send a picture, and now and then a report before it."""
        self._last = (shot.stamp_s, _wall_s(shot.taken_s))
        if self._reports and shot.taken_s >= self._next_report_s:
            self._next_report_s = shot.taken_s + _REPORT_EVERY_S
            self._way.rtcp(self.stream.report(*self._last))
        for packet in self.stream.packets(self._payloads(shot.unit), shot.stamp_s):
            self._way.rtp(packet)

    def farewell(self) -> None:
        """Send BYE; the connection stays open."""
        self._way.rtcp(self.stream.bye(*self._last))


class _Interleaved:
    """Packets in the RTSP connection, RFC 2326 section 10.12."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def rtp(self, packet: bytes) -> None:
        self._write(0, packet)

    def rtcp(self, packet: bytes) -> None:
        self._write(1, packet)

    def _write(self, channel: int, packet: bytes) -> None:
        self._writer.write(b"$" + bytes((channel,)) + len(packet).to_bytes(2, "big") + packet)


class _Datagrams:
    """Packets by UDP, some of which get lost."""

    def __init__(self, writer: asyncio.StreamWriter, client_port: int, loss: float, dice: random.Random) -> None:
        host = writer.get_extra_info("sockname")[0]
        self._client = (writer.get_extra_info("peername")[0], client_port)
        self._loss, self._dice = loss, dice
        self._rtp, self._rtcp = _udp_pair(host)
        self.port = int(self._rtp.getsockname()[1])

    def rtp(self, packet: bytes) -> None:
        if self._dice.random() >= self._loss:
            with contextlib.suppress(OSError):  # nobody listens any more; or too much waits, and this one is lost too
                self._rtp.sendto(packet, self._client)

    def rtcp(self, packet: bytes) -> None:
        with contextlib.suppress(OSError):
            self._rtcp.sendto(packet, (self._client[0], self._client[1] + 1))

    def close(self) -> None:
        self._rtp.close()
        self._rtcp.close()


def _udp_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Two sockets with consecutive ports, the first even, as RTP wants them."""
    for _ in range(100):
        first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        try:
            first.bind((host, 0))
            port = first.getsockname()[1]
            if port % 2 == 0:
                second.bind((host, port + 1))
                first.setblocking(False)
                second.setblocking(False)
                return first, second
        except OSError:
            pass
        first.close()
        second.close()
    raise OSError(f"no two consecutive UDP ports are free on {host}")


async def _request(reader: asyncio.StreamReader) -> _Request | None:
    """The next request; what clients send on interleaved channels is passed over. None at the end."""
    while (first := await reader.read(1)) == b"$":
        _, size = await reader.readexactly(1), int.from_bytes(await reader.readexactly(2), "big")
        await reader.readexactly(size)
    if not first:
        return None
    head, *lines = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().splitlines()
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    await reader.readexactly(int(headers.get("content-length", "0")))
    method, url, *_ = [*head.split(" "), "", ""]
    return _Request(method, url, headers)


def _wall_s(at_s: float) -> float:
    """A time of `time.monotonic`, since 1970."""
    return time.time() - time.monotonic() + at_s
