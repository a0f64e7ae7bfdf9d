"""The HTTP server of an edge: its metrics, and the live page with its events. GET only.

Each connection has a thread, and each request a connection: there are few of either.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from importlib.resources import files
from socketserver import TCPServer, ThreadingMixIn
from types import MappingProxyType, TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import MetricsHandler

from dads.live.events import Events
from dads.live.thumbnail import Thumbnail
from dads.live.view import LiveView

__all__ = ["MAX_VIEWERS", "LiveServer"]

log = structlog.wrap_logger(logging.getLogger("dads"))

MAX_VIEWERS = 16
"""Most event streams at a time; more are answered with 503."""
_MAX_CONNECTIONS = 64
_SILENCE_S = 10.0
_STOP_POLL_S = 0.1
# The kernel's send buffer holds only few states, so that a viewer that stopped reading does not get old ones later.
_SEND_BUFFER_BYTES = 64 * 1024

_PAGE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "/": ("index.html", "text/html; charset=utf-8"),
        "/live.css": ("live.css", "text/css; charset=utf-8"),
        "/live.js": ("live.js", "text/javascript; charset=utf-8"),
        "/icon.svg": ("icon.svg", "image/svg+xml"),
    }
)
# Nothing from other hosts, nothing inline, and not inside another page's frame.
_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


class LiveServer(ThreadingMixIn, TCPServer):
    """Listens from its construction on, and serves within its context.

    Args:
        view: the state that the page shows.
        registry: the metrics for `/metrics`.
        host: the address to listen on.
        port: the port to listen on; 0 picks a free one.
        max_viewers: most event streams at a time.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = False  # they end when their connections do: `__exit__` waits for them
    allow_reuse_address = True
    request_queue_size = 16

    def __init__(
        self, view: LiveView, registry: CollectorRegistry, host: str, port: int, *, max_viewers: int = MAX_VIEWERS
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)
        self.events = Events(view)
        self.thumbnail = Thumbnail(view)
        self.registry = registry
        self.viewers = threading.BoundedSemaphore(max_viewers)
        self._view = view
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(_STOP_POLL_S,), name="live-page", daemon=True)

    @property
    def url(self) -> str:
        """The page's address."""
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def __enter__(self) -> Self:
        """Starts the server's thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends every connection and waits for the threads."""
        self.shutdown()
        self._thread.join()
        self._view.close()
        with self._connections_lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the peer has closed it
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 # as socketserver has it
        """Starts a connection's thread, or closes the connection if there are too many."""
        with self._connections_lock:
            is_room = len(self._connections) < _MAX_CONNECTIONS
            if is_room:
                self._connections.add(request)
        if is_room:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 # as socketserver has it
        """Ends a connection."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 # as socketserver has it
        """Logs an error, unless the peer closed the connection."""
        kind, error, _ = cast("tuple[type, BaseException, TracebackType]", sys.exc_info())
        if not issubclass(kind, OSError):
            log.error("the live page failed", exc_info=error)


class _Handler(MetricsHandler):
    timeout = _SILENCE_S  # of a read or a write, so also the longest time for a viewer to take one event

    def do_GET(self) -> None:  # noqa: N802 # http.server's name
        path = urlsplit(self.path).path
        if path == "/metrics":
            self.registry = self._server.registry
            super().do_GET()
        elif path == "/events":
            self._send_events()
        elif path == "/frame.jpg":
            self._send_frame()
        elif path in _PAGE:
            name, content_type = _PAGE[path]
            self._send(HTTPStatus.OK, files("dads.live").joinpath("page", name).read_bytes(), content_type)
        else:
            self._send(HTTPStatus.NOT_FOUND, b"There is / and /metrics.\n")

    def _refuse(self) -> None:
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"Only GET.\n", headers=(("Allow", "GET"),))

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse  # noqa: N815 # http.server's names

    def version_string(self) -> str:
        return "dads"  # without Python's version

    def end_headers(self) -> None:
        for name, value in _HEADERS:
            self.send_header(name, value)
        super().end_headers()

    @property
    def _server(self) -> LiveServer:
        return cast("LiveServer", self.server)

    def _send(
        self,
        status: HTTPStatus,
        body: bytes,
        content_type: str = "text/plain; charset=utf-8",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", content_type), ("Cache-Control", "no-cache"), *headers):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_frame(self) -> None:
        made = self._server.thumbnail.jpeg()
        if made is None:
            self._send(HTTPStatus.NOT_FOUND, b"There is no picture now; pictures are kept while the page is open.\n")
        else:
            self._send(HTTPStatus.OK, made, "image/jpeg")

    def _send_events(self) -> None:
        viewers = self._server.viewers
        if not viewers.acquire(blocking=False):
            wait = (("Retry-After", "5"),)
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"Too many viewers; try again later.\n", headers=wait)
            return
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Accel-Buffering", "no")  # nginx would hold events back
            self.end_headers()
            with contextlib.closing(self._server.events.stream()) as events:
                for event in events:
                    self.wfile.write(event)
        finally:
            viewers.release()
