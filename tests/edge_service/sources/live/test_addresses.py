import pytest

from edge_service.sources.errors import SourceFormatError
from edge_service.sources.live import is_live
from edge_service.sources.live.addresses import Way, check_address, host_and_port, way_of


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
        ("rtsp://anna:se@cret@camera:8554/1", ("camera", 8554)),
        ("rtsp://anna:s[e%2Fcret@camera:8554/1", ("camera", 8554)),
        ("rtsp://anna:se/cret@camera:8554/1", None),
        ("rtsp://camera:8554/live@2", ("camera", 8554)),
        ("http://[::1]:81/", ("::1", 81)),
        ("http://camera:port/", None),
        ("rtsp:///1", None),
        ("/dev/video0", None),
    ],
)
def test_what_is_connected_to(address: str, there: tuple[str, int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    assert host_and_port(address) == there


@pytest.mark.parametrize(
    "spec",
    [
        *(f"http://anna:se{mark}cret@camera/" for mark in "/?#"),
        *(
            "rtsp://",
            "http:///a",
            "rtsp://camera:99999/",
            "http://camera:0/",
            "http://a..b/",
            "http://[::1",
            "rtsp://:554/",
        ),
    ],
)
def test_an_address_that_can_be_none(spec: str) -> None:
    with pytest.raises(SourceFormatError, match=r"expected scheme://user:password@host:port/path") as refused:
        check_address(spec)
    assert "anna" not in str(refused.value)
    assert "se" not in str(refused.value).partition("names")[0]


@pytest.mark.parametrize(
    "spec", ["/dev/video0", "rtsp://a:p@ss[@camera/1", "http://[::1]:81/", "http://k\u00e4mera/a b"]
)
def test_an_address_that_can_be_one(spec: str) -> None:
    check_address(spec)


def test_a_proxy_stands_before_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    monkeypatch.setenv("no_proxy", "camera")
    assert host_and_port("http://192.0.2.7/") is None
    assert host_and_port("http://camera/") == ("camera", 80)
    assert host_and_port("http://127.0.0.1:81/") == ("127.0.0.1", 81)
    assert host_and_port("rtsp://192.0.2.7/") == ("192.0.2.7", 554)
