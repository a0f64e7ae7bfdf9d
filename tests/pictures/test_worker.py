"""A decoder process, without the process: requests in, replies out; and what it keeps of a stream's pictures."""

import contextlib
import io
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from pictures import Packet, PacketDecoder, Preprocess, StreamFormat, prepared
from pictures.stream_format import STILL
from pictures.worker import _watched, serve
from pictures.worker_messages import REPLY, Begin, Outcome, Request, write_request

HEIGHT, WIDTH = 20, 24
CROP = "crop,bicubic"


def request(clip, first, last, shown, *, begin=None, height=HEIGHT, width=WIDTH):
    known = Begin(clip.format, CROP) if begin is None and first in clip.keyframes else begin
    return Request(known or None, first, clip.packets[first : last + 1], shown, height, width, 60.0)


def answers(requests, watched=contextlib.nullcontext):
    """(outcome, content) of each request, pixels as an array."""
    replies = io.BytesIO()
    serve(io.BytesIO(b"".join(map(write_request, requests))), replies, watched=watched)
    found, content = [], memoryview(replies.getvalue())
    for asked in requests:
        seconds, outcome, size = REPLY.unpack(content[: REPLY.size])
        body, content = content[REPLY.size : REPLY.size + size], content[REPLY.size + size :]
        assert seconds >= 0
        pixels = np.frombuffer(body, np.uint8).reshape(1, 3, asked.height, asked.width) if outcome == 0 else bytes(body)
        found.append((Outcome(outcome), pixels))
    assert not content
    return found


@pytest.fixture(scope="module")
def expected(coded_clip):
    """The frames of the whole clip, by number."""
    decoder, found = PacketDecoder(coded_clip.format), {}
    for number, data in enumerate(coded_clip.packets):
        for shown, make in decoder.feed(Packet(number, data, is_keyframe=number in coded_clip.keyframes)):
            found[shown] = prepared(make(), Preprocess.parse(CROP), HEIGHT, WIDTH)
    return found


def test_every_third_picture_of_a_stream_is_the_frame_decoded_here(coded_clip, expected):
    requests, first = [], 0
    wanted = list(coded_clip.through.items())[::3]
    for shown, through in wanted:
        requests.append(request(coded_clip, first, through, shown))
        first = through + 1
    for (shown, _), (outcome, pixels) in zip(wanted, answers(requests), strict=True):
        assert outcome is Outcome.PIXELS
        np.testing.assert_array_equal(pixels, expected[shown], err_msg=str(shown))


def test_pictures_behind_the_one_shown_are_kept_and_the_same_one_is_shown_again(coded_clip, expected):
    order = list(coded_clip.through)
    requests = [
        request(coded_clip, 0, 11, order[1]),
        request(coded_clip, 12, 11, order[1], begin=False),
        request(coded_clip, 12, 11, order[4], begin=False),
        request(coded_clip, 12, 13, order[4], begin=False),
    ]
    for shown, (outcome, pixels) in zip((1, 1, 4, 4), answers(requests), strict=True):
        assert outcome is Outcome.PIXELS
        np.testing.assert_array_equal(pixels, expected[order[shown]])


def test_a_picture_that_needs_later_packets_is_pending_and_the_session_goes_on(coded_clip, expected):
    through = coded_clip.through[3]
    early, later = answers(
        [request(coded_clip, 0, through - 1, 3), request(coded_clip, through, through, 3, begin=False)]
    )
    assert early[0] is Outcome.PENDING
    assert b"picture 3 needs later packets" in early[1]
    assert later[0] is Outcome.PIXELS
    np.testing.assert_array_equal(later[1], expected[3])


def test_a_picture_before_the_last_one_shown_is_lost(coded_clip):
    order = list(coded_clip.through)
    found = answers([request(coded_clip, 0, 11, order[5]), request(coded_clip, 12, 11, order[2], begin=False)])
    assert [outcome for outcome, _ in found] == [Outcome.PIXELS, Outcome.LOST]


def test_few_pictures_are_kept_however_many_packets_come_at_once(coded_clip, expected):
    """Those right behind the one shown make way; the one shown stays."""
    order = list(coded_clip.through)
    found = answers([request(coded_clip, 0, 23, order[0]), request(coded_clip, 24, 23, order[-1], begin=False)])
    assert [outcome for outcome, _ in found] == [Outcome.PIXELS] * 2
    np.testing.assert_array_equal(found[1][1], expected[order[-1]])
    lost = answers([request(coded_clip, 0, 23, order[0]), request(coded_clip, 24, 23, order[1], begin=False)])
    assert lost[1][0] is Outcome.LOST


def test_a_picture_behind_one_that_is_made_up_in_part_is_lost(made_up):
    sent = [packet.data for packet in made_up.packets]
    found = answers([Request(Begin(made_up.format, CROP), 0, sent, 3, HEIGHT, WIDTH, 60.0)])
    assert found[0][0] is Outcome.LOST
    assert b"picture 2 is damaged" in found[0][1]


def still(size=(30, 20), kind="JPEG"):
    from PIL import Image

    written = io.BytesIO()
    Image.new("RGB", size, "teal").save(written, kind)
    return written.getvalue()


def begun(packet, *, codec=STILL, preprocess="stretch,nearest"):
    return Request(Begin(StreamFormat(codec), preprocess), 0, [packet], 0, HEIGHT, WIDTH, 60.0)


HARMLESS = {
    "text": (begun(b"GET / HTTP/1.1"), Outcome.LOST, "not a picture that"),
    "a cut JPEG": (begun(still()[:-200]), Outcome.LOST, "picture"),
    "zeros for H.264": (begun(bytes(500), codec="h264"), Outcome.LOST, "packet 0 cannot be decoded"),
    "another codec": (begun(b"a", codec="cinepak"), Outcome.REFUSED, "cinepak"),
    "no codec": (begun(b"a", codec="../../etc"), Outcome.REFUSED, "etc"),
    "another way": (begun(still(), preprocess="fold"), Outcome.REFUSED, "'fold'"),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_cannot_be_decoded_costs_a_frame_and_the_next_session_is_none_the_worse(case):
    bad, expected, words = HARMLESS[case]
    found = answers([bad, Request(None, 1, [still()], 1, HEIGHT, WIDTH, 60.0), begun(still())])
    assert [outcome for outcome, _ in found[1:]] == [Outcome.LOST, Outcome.PIXELS], "over until another begins"
    assert found[0][0] is expected
    assert words.encode() in found[0][1]


def test_each_request_is_watched():
    seen = []

    @contextlib.contextmanager
    def watched(limit_s):
        seen.append(limit_s)
        yield
        seen.append("done")

    answers([begun(still()), begun(b"text")], watched)
    assert seen == [60.0, "done", 60.0, "done"]


def test_a_request_has_an_alarm_and_what_it_leaves_in_cycles_is_freed(monkeypatch):
    class Frame:
        pass

    timers = []
    monkeypatch.setattr(signal, "setitimer", lambda *timer: timers.append(timer))
    frame = Frame()
    frame.side_data = frame
    left = weakref.ref(frame)
    with _watched(60.0):
        del frame
    assert left() is None
    assert timers == [(signal.ITIMER_REAL, 61.0), (signal.ITIMER_REAL, 0.0)]


def test_a_request_that_ends_early_is_no_request():
    with pytest.raises(EOFError, match="3 bytes early"):
        serve(io.BytesIO(write_request(begun(still()))[:-3]), io.BytesIO(), watched=contextlib.nullcontext)


def test_the_process_limits_itself_and_answers_as_here():
    """Its limits are read from outside, while it waits for the second request."""
    command = [sys.executable, "-P", "-m", "pictures.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        process.stdin.write(write_request(begun(still())))
        _, outcome, size = REPLY.unpack(process.stdout.read(REPLY.size))
        assert (outcome, size) == (Outcome.PIXELS, 3 * HEIGHT * WIDTH)
        about = Path(f"/proc/{process.pid}")
        limits = {line[:26].strip(): line[26:].split()[0] for line in (about / "limits").read_text().splitlines()[1:]}
        loaded = (about / "maps").read_text()
        process.stdin.close()
        assert process.wait(20) == 0
    assert (limits["Max core file size"], limits["Max file size"], limits["Max open files"]) == ("0", "0", "16")
    assert 2 * 1024**3 < int(limits["Max address space"]) < 5 * 1024**3
    assert "libtorch" not in loaded
    assert "grpc" not in loaded
