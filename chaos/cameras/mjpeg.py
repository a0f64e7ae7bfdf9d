"""A camera that sends JPEGs over HTTP/1.0 as one endless multipart answer, as small cameras do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from chaos.cameras.camera import Camera
from chaos.cameras.film import Codec
from chaos.cameras.options import CameraOptions
from chaos.cameras.viewer import Shot, Viewer

__all__ = ["Dialect", "MjpegCamera"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a camera speaks `multipart/x-mixed-replace`.

    Attributes:
        content_length: Whether each part says its length; without it a reader waits for the next boundary.
        boundary: The boundary as the header `Content-Type` says it; some cameras put the two dashes into it.
        is_quoted: Whether that header has it in quotation marks.
        extra: More header lines of each part.
    """

    content_length: bool = True
    boundary: str = "frame"
    is_quoted: bool = False
    extra: tuple[str, ...] = ()


class MjpegCamera(Camera):
    """A camera with the address `http://HOST:PORT/stream`; its faults are those of `Camera`.

    Args:
        options: What it sends, and to whom.
        dialect: How it speaks.
    """

    codec: ClassVar[Codec] = "mjpeg"
    scheme: ClassVar[str] = "http"

    def __init__(self, options: CameraOptions | None = None, dialect: Dialect | None = None) -> None:
        super().__init__(options)
        self.dialect = dialect or Dialect()

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; the answer ends with the connection."""
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not self.options.admits(headers.get("authorization")):
            writer.write(b'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="camera"\r\n\r\n')
            return
        if request.split(" ")[1:2] != [self.options.path]:
            writer.write(b"HTTP/1.0 404 Not Found\r\n\r\n")
            return
        quote = '"' if self.dialect.is_quoted else ""
        kind = f"multipart/x-mixed-replace; boundary={quote}{self.dialect.boundary}{quote}"
        head = f"HTTP/1.0 200 OK\r\nServer: camera\r\nCache-Control: no-cache\r\nContent-Type: {kind}\r\n\r\n"
        writer.write(head.encode("latin-1"))
        self.joins(_MjpegViewer(writer, self.dialect))
        while await reader.read(4096):
            pass


class _MjpegViewer(Viewer):
    def __init__(self, writer: asyncio.StreamWriter, dialect: Dialect) -> None:
        super().__init__(writer)
        self._dialect = dialect
        boundary = dialect.boundary
        self._delimiter = boundary if boundary.startswith("--") else f"--{boundary}"

    def send(self, shot: Shot) -> None:
        """Send one part."""
        data, dialect = shot.unit.data, self._dialect
        lines = [self._delimiter, "Content-Type: image/jpeg", *dialect.extra]
        lines += [f"Content-Length: {len(data)}"] if dialect.content_length else []
        self.writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1") + data + b"\r\n")

    def farewell(self) -> None:
        """Send the closing boundary, and close."""
        self.writer.write(f"{self._delimiter}--\r\n".encode("latin-1"))
        self.writer.close()
