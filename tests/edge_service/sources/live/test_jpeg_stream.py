import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from edge_service.sources.live.jpeg_stream import JpegStream, TooLargeError


def jpeg(seed: int, **options: object) -> bytes:
    made = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(made, "JPEG", **options)
    return made.getvalue()


def with_thumbnail(whole: bytes, thumbnail: bytes) -> bytes:
    return whole[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + whole[2:]


PICTURES = [
    jpeg(1, quality=95),
    jpeg(2, progressive=True),
    jpeg(3, restart_marker_blocks=1),
    with_thumbnail(jpeg(4), jpeg(5)),
    jpeg(6).replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1),  # bytes that fill are allowed before a marker
]


def multipart(pictures: list[bytes], length: int | None) -> bytes:
    """As a camera sends it: `length` is added to the true one; None: it is not told."""
    told = b"" if length is None else b"Content-Length: %d\r\n"
    parts = [
        b"--frame\r\nContent-Type: image/jpeg\r\n" + (told % (len(each) + length) if told else b"") + b"\r\n" + each
        for each in pictures
    ]
    return b"\r\n".join(parts) + b"\r\n"


@given(st.lists(st.integers(1, 3000), max_size=30), st.sampled_from([None, 0, 7, -100]))
def test_pictures_come_out_however_their_lengths_are_told_and_bytes_come(cuts: list[int], length: int | None) -> None:
    stream, data, found = JpegStream(), multipart(PICTURES, length), []
    for size in [*cuts, len(data)]:
        found += stream.feed(data[:size])
        data = data[size:]
    assert found == PICTURES


def test_a_picture_is_there_with_its_last_byte() -> None:
    for picture in PICTURES:
        stream = JpegStream()
        assert [stream.feed(bytes([byte])) for byte in picture] == [[]] * (len(picture) - 1) + [[picture]]


def test_a_picture_that_breaks_off_costs_no_other() -> None:
    broken = PICTURES[0][:700]
    found = JpegStream().feed(multipart([PICTURES[1], broken, PICTURES[2]], 0))
    assert (found[0], found[-1]) == (PICTURES[1], PICTURES[2])
    assert found[1].startswith(broken)
    assert len(found) == 3


def test_it_begins_in_the_middle_of_a_picture() -> None:
    assert JpegStream().feed(PICTURES[0][-300:] + multipart(PICTURES[1:3], None)) == PICTURES[1:3]


def test_pictures_without_an_end_are_bounded() -> None:
    stream = JpegStream(most_bytes=10_000)
    assert stream.feed(PICTURES[0][:-2].ljust(9_000, b"\x55")) == []
    with pytest.raises(TooLargeError, match="more than 10000 bytes"):
        stream.feed(b"\x55" * 2000)


def test_what_is_no_picture_is_not_kept() -> None:
    stream = JpegStream(most_bytes=1000)
    for _ in range(100):
        assert stream.feed(b"<html>" * 1000 + b"\xff\xd8") == []


@given(st.binary(max_size=300), st.integers(0, 300))
@example(b"\xd8\xff\x00", 0)
def test_any_bytes_do_no_harm(data: bytes, cut: int) -> None:
    stream = JpegStream()
    for piece in (b"\xff\xd8\xff", data[:cut], data[cut:]):
        for found in stream.feed(piece):
            assert found.startswith(b"\xff\xd8\xff")
