import pytest

from edge_service.sources.live import is_live
from edge_service.sources.live.addresses import Way, host_and_port, way_of


@pytest.mark.parametrize(
    ("spec", "way"),
    [
        ("rtsp://camera/1", Way.RTSP),
        ("RTSPS://camera/1", Way.RTSP),
        ("http://camera/mjpg", Way.HTTP),
        ("https://camera/live.m3u8", Way.HTTP),
        ("/dev/video0", Way.DEVICE),
        ("/dev/v4l/by-id/usb-camera-index0", Way.DEVICE),
        ("/dev/null", None),
        ("sample", None),
        ("clip.mp4", None),
        ("http:clip.mp4", None),
        ("file:///clip.mp4", None),
    ],
)
def test_the_way_of_a_source(spec: str, way: Way | None) -> None:
    assert way_of(spec) is way
    assert is_live(spec) is (way is not None)


@pytest.mark.parametrize(
    ("address", "there"),
    [
        ("rtsp://camera/1", ("camera", 554)),
        ("rtsps://camera/1", ("camera", 322)),
        ("rtsp://anna:se/cret@camera:8554/1", ("camera", 8554)),
        ("http://[::1]:81/", ("::1", 81)),
        ("http://camera:port/", None),
        ("rtsp:///1", None),
        ("/dev/video0", None),
    ],
)
def test_what_is_connected_to(address: str, there: tuple[str, int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    assert host_and_port(address) == there


def test_a_proxy_stands_before_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    monkeypatch.setenv("no_proxy", "camera")
    assert host_and_port("http://192.0.2.7/") is None
    assert host_and_port("http://camera/") == ("camera", 80)
    assert host_and_port("http://127.0.0.1:81/") == ("127.0.0.1", 81)
    assert host_and_port("rtsp://192.0.2.7/") == ("192.0.2.7", 554)
