import contextlib
import http.client
import json
import socket
import threading

import pytest
from prometheus_client import CollectorRegistry, Counter

from dads.live import LiveServer

LIMIT_S = 60.0


@pytest.fixture
def serving(live):
    """Start a server of a view that has seen a frame."""
    with contextlib.ExitStack() as stack:

        def start(**options):
            view = live.view()
            live.told(view)
            registry = CollectorRegistry()
            Counter("made_up", "A counter.", registry=registry).inc(3)
            return view, stack.enter_context(LiveServer(view, registry, "127.0.0.1", 0, **options))

        yield start


@contextlib.contextmanager
def asked(server, path, method="GET", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=LIMIT_S)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers or {})
        with connection.getresponse() as answer:
            yield answer


def events(answer):
    """The events of a stream, as name and data."""
    name = ""
    for line in answer:
        if line.startswith(b"event: "):
            name = line.removeprefix(b"event: ").strip().decode()
        elif line.startswith(b"data: "):
            yield name, json.loads(line.removeprefix(b"data: "))


@pytest.mark.parametrize(
    ("path", "kind", "holds"),
    [
        ("/", "text/html", b'name="viewport"'),
        ("/live.css", "text/css", b"max-width: 600px"),
        ("/live.js", "text/javascript", b"EventSource"),
        ("/icon.svg", "image/svg+xml", b"<svg"),
        ("/metrics", "text/plain", b"made_up_total 3.0"),
        ("/metrics?name[]=made_up_total", "text/plain", b"made_up_total 3.0"),
    ],
)
def test_the_page_and_the_metrics_are_served(serving, path, kind, holds):
    _, server = serving()
    with asked(server, path) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert holds in answer.read()


@pytest.mark.parametrize("path", ["/", "/metrics", "/events", "/nothing"])
def test_nothing_from_elsewhere_may_be_loaded(serving, path):
    _, server = serving()
    with asked(server, path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Server"] == "dads"


def test_the_page_names_nothing_from_elsewhere(serving):
    _, server = serving()
    for path in ("/", "/live.css", "/live.js"):
        with asked(server, path) as answer:
            assert answer.headers["Cache-Control"] == "no-cache"
            text = answer.read().decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text


@pytest.mark.parametrize("path", ["/nothing", "/page/index.html", "/..%2f__init__.py", "/live.css/"])
def test_there_is_nothing_else(serving, path):
    _, server = serving()
    with asked(server, path) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_get(serving, method):
    _, server = serving()
    for path in ("/", "/metrics", "/events"):
        with asked(server, path, method) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET")


def test_a_viewer_is_told_every_change(serving, live):
    view, server = serving()
    with asked(server, "/events") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        stream = events(answer)
        assert next(stream)[0] == "drawing"
        assert next(stream)[1]["text"]["cut"] == "image"
        live.told(view, ("image", "conv"))
        assert next(stream)[0] == "drawing"
        assert next(stream)[1]["text"]["cut"] == "conv"


def test_one_viewer_too_many_is_refused_and_its_place_is_free_again(serving, live):
    view, server = serving(max_viewers=2)
    with asked(server, "/events") as first, asked(server, "/events") as second:
        assert next(events(first))[0] == next(events(second))[0] == "drawing"
        with asked(server, "/events") as third:
            assert (third.status, third.headers["Retry-After"]) == (503, "5")
        with asked(server, "/metrics") as metrics:
            assert metrics.status == 200, "metrics do not need a place"
    # The places of viewers who left are found out about when they are written to.
    deadline = threading.Event()
    timer = threading.Timer(LIMIT_S, deadline.set)
    timer.start()
    status = 503
    while status == 503 and not deadline.is_set():
        live.told(view)
        with asked(server, "/events") as again:
            status = again.status
    timer.cancel()
    assert status == 200


def test_a_viewer_who_does_not_read_slows_nobody(serving, live):
    view, server = serving()
    port = server.server_address[1]
    with socket.create_connection(("127.0.0.1", port)) as stuck, asked(server, "/events") as reading:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(b"GET /events HTTP/1.0\r\n\r\n")
        stream = events(reading)
        assert [name for name, _ in (next(stream), next(stream))] == ["drawing", "state"]
        for number in range(20):
            live.told(view, label=str(number) + "x" * 500_000)  # more than any buffer holds
            name, told = next(stream)
            assert (name, told["results"][0]["result"][:3]) == ("state", f"{number}x"[:3].ljust(3, "x"))


def test_the_last_frame_is_a_picture_while_somebody_watches(serving, live):
    view, server = serving()
    with asked(server, "/frame.jpg") as answer:
        assert answer.status == 404
    with asked(server, "/events") as answer:
        stream = events(answer)
        assert [next(stream)[0], next(stream)[1]["picture"]] == ["drawing", None]
        live.told(view, pixels=live.pixels(50, 64, 48))
        assert next(stream)[1]["picture"] == 1
        with asked(server, "/frame.jpg?1") as picture:
            assert (picture.status, picture.headers["Content-Type"]) == (200, "image/jpeg")
            assert picture.read().startswith(b"\xff\xd8\xff")


def test_it_ends_while_viewers_watch(live):
    view = live.view()
    server = LiveServer(view, CollectorRegistry(), "127.0.0.1", 0)
    port = server.server_address[1]
    server.__enter__()
    with contextlib.ExitStack() as stack:
        streams = [events(stack.enter_context(asked(server, "/events"))) for _ in range(3)]
        for stream in streams:
            next(stream)
        silent = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S))
        server.__exit__()
        with contextlib.suppress(ConnectionResetError):  # it was not taken yet
            assert silent.recv(1) == b"", "whoever asks for nothing is not waited for"
        for stream in streams:
            list(stream)
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_that_is_taken_is_an_error(live):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="Address already in use"):
            LiveServer(live.view(), CollectorRegistry(), "127.0.0.1", taken.getsockname()[1])
