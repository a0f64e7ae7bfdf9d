import pytest

from edge_service.sources.addresses import masked


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://camera/1", "rtsp://camera/1"),
        ("rtsp://user:secret@camera:554/1", "rtsp://***@camera:554/1"),
        ("rtsp://user:se@cret@camera/1", "rtsp://***@camera/1"),
        ("rtsp://user:se/cret@camera/1", "rtsp://***@camera/1"),
        ("rtsp://user:se?cr#et@camera/1", "rtsp://***@camera/1"),
        ("rtsp://user:se cret@camera/1", "rtsp://***@camera/1"),
        ("https://secret@camera", "https://***@camera"),
        ("rtsp://camera/live@2", "rtsp://camera/live@2"),
        ("http://c/v?user=me&password=secret&n=1", "http://c/v?user=me&password=***&n=1"),
        ("http://c/v?loginpas=secret", "http://c/v?loginpas=***"),
        ("http://c/v?access_token=secret#top", "http://c/v?access_token=***#top"),
        ("rtsp://10.0.0.7:554/user=me_password=secret&channel=1", "rtsp://10.0.0.7:554/user=me_password=***&channel=1"),
        ("/data/user:secret@home/clip.mp4", "/data/user:secret@home/clip.mp4"),
    ],
)
def test_what_is_shown_of_an_address(address: str, shown: str) -> None:
    assert masked(address) == shown


def test_addresses_inside_of_messages() -> None:
    text = "[Errno 111] refused: 'rtsp://a:secret@b/1'; then RTSPS://c:secret@d:322/x failed, http://e/f is fine"
    assert "secret" not in masked(text)
    assert masked(text).endswith("'rtsp://***@b/1'; then RTSPS://***@d:322/x failed, http://e/f is fine")
