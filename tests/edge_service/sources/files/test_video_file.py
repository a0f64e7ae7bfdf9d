import av
import numpy as np
import pytest

from edge_service.sources.errors import SourceFailedError, SourceFormatError
from edge_service.sources.files import VideoFile
from edge_service.sources.source_report import SourceReport
from pictures import PictureError

LOST, REFERS = "lost", "refers"


@pytest.fixture
def play(picture_number):
    """Plays a file: each picture's number, or why it is lost; its times; the report; and the error at the end."""

    def played(path):
        file = VideoFile(path, SourceReport(str(path)))
        numbers, times_s, error = [], [], None
        try:
            for shot in file.play():
                times_s.append(round(shot.at_s, 3))
                try:
                    numbers.append(picture_number(shot.item.picture()))
                except PictureError as lost:
                    numbers.append(REFERS if "it refers to a picture that is lost" in str(lost) else LOST)
        except SourceFailedError as failed:
            error = failed
        return numbers, times_s, file, error

    return played


def every(count, interval_s=0.1):
    return [round(i * interval_s, 3) for i in range(count)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mp4", {}),
        ("clip.mkv", {}),
        ("clip.ts", {"codec": "mpeg2video", "rate": 25}),
        ("clip.avi", {}),
        ("clip.h264", {"codec": "libx264"}),
        ("clip.mp4", {"codec": "libx264", "b_frames": 2}),
        ("clip.ts", {"codec": "libx264", "b_frames": 2}),
        ("CLIP.MOV", {}),
    ],
)
def test_every_picture_at_its_time(play, write_clip, tmp_path, name, options):
    interval_s = 1 / options.get("rate", 10)
    numbers, times_s, file, error = play(write_clip(tmp_path / name, **options))
    assert (numbers, error) == (list(range(20)), None)
    assert times_s == pytest.approx(every(20, interval_s), abs=0.001)
    assert file.interval_s == pytest.approx(interval_s)
    assert file.report.as_json() | {"spec": ""} == SourceReport().as_json() | {"read": 20}


def test_a_damaged_packet_costs_its_picture_and_those_that_refer_to_it(play, write_clip, spoil, tmp_path):
    numbers, times_s, file, error = play(spoil(write_clip(tmp_path / "clip.mp4", codec="libx264"), [7]))
    assert numbers == [*range(7), LOST, REFERS, REFERS, *range(10, 20)], "up to the next keyframe"
    assert times_s == every(20)
    assert error is None
    made = file.report.as_json()
    assert (made["read"], made["failed"], made["error"]) == (20, 3, None)
    assert len(made["failures"]) == 2


def test_a_damaged_keyframe_costs_all_up_to_the_next_one(play, write_clip, spoil, tmp_path):
    numbers, *_ = play(spoil(write_clip(tmp_path / "clip.mp4", codec="libx264"), [5]))
    assert numbers == [*range(5), LOST, *[REFERS] * 4, *range(10, 20)]


def test_lost_pictures_come_in_the_order_of_display(play, write_clip, spoil, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", codec="libx264", b_frames=2, gop=10)
    numbers, times_s, _, error = play(spoil(clip, [6]))
    assert error is None
    assert times_s == every(20)
    assert LOST in numbers
    assert all(number in (LOST, REFERS, place) for place, number in enumerate(numbers)), "no picture is a wrong one"
    assert numbers[:4] == [0, 1, 2, 3]


@pytest.mark.parametrize("as_packets", [False, True])
def test_a_picture_that_is_made_up_in_part_costs_those_that_refer_to_it(
    picture_number, write_clip, spoil, tmp_path, as_packets
):
    clip = write_clip(tmp_path / "clip.mp4", codec="libx264", b_frames=2, gop=10)
    shots = list(VideoFile(spoil(clip, [4], part=0.1), as_packets=as_packets).play())
    found = []
    for shot in shots:
        try:
            found.append(picture_number(shot.item.picture()))
        except PictureError:
            found.append(LOST)
    assert found[:4] == [0, 1, 2, 3]
    # The two that are shown before it had come out before the decoder told.
    assert found[6:10] == [LOST] * 4, "not only the picture itself"
    assert found[10:] == list(range(10, 20)), "up to the next keyframe"


def test_a_damaged_last_picture_is_only_lost(play, write_clip, spoil, tmp_path):
    numbers, _, _, error = play(spoil(write_clip(tmp_path / "clip.mp4", codec="libx264"), [19]))
    assert (numbers[18:], error) == ([18, LOST], None)


def test_a_file_that_cannot_be_decoded_from_the_middle_on_fails_after_its_last_picture(
    play, write_clip, spoil, tmp_path
):
    numbers, _, file, error = play(spoil(write_clip(tmp_path / "clip.mp4", codec="libx264"), range(10, 20)))
    assert numbers[:10] == list(range(10))
    assert set(numbers[10:]) == {LOST, REFERS}
    assert "clip.mp4 cannot be read to its end: after 1.900 s the last 10 pictures cannot be decoded" in str(error)
    assert file.report.error == str(error)


@pytest.mark.parametrize("name", ["clip.mkv", "clip.avi"])
def test_a_file_that_was_cut_off_fails_after_its_last_picture(play, write_clip, tmp_path, name):
    path = write_clip(tmp_path / name, size=(320, 240))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    numbers, _, _, error = play(path)
    assert 3 < len(numbers) < 18
    assert numbers[:-1] == list(range(len(numbers) - 1))
    assert numbers[-1] in (len(numbers) - 1, LOST), "it was cut off within a picture"
    assert "s are missing" in str(error)


def test_a_stream_whose_rest_holds_nothing_fails_after_its_last_picture(play, write_clip, tmp_path):
    path = write_clip(tmp_path / "clip.ts", codec="mpeg2video", rate=25)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    numbers, _, _, error = play(path)
    assert numbers[:5] == list(range(5))
    assert "hold no packets" in str(error)


def test_bytes_that_are_missing_from_a_stream_make_no_wrong_picture(play, write_clip, tmp_path):
    path = write_clip(tmp_path / "clip.ts", codec="mpeg2video", rate=25, count=30, size=(160, 120))
    data = path.read_bytes()
    third = len(data) // 3 // 188 * 188
    path.write_bytes(data[:third] + data[third + 5 * 188 :])
    numbers, times_s, _, error = play(path)
    assert error is None
    assert (set(numbers) & {LOST, REFERS}) != set()
    assert all(number in (LOST, REFERS, round(at_s * 25)) for number, at_s in zip(numbers, times_s, strict=True)), (
        "what is shown is right"
    )
    assert numbers[-1] == 29


def test_joined_recordings_lose_nothing(play, write_clip, tmp_path):
    first = write_clip(tmp_path / "a.ts", codec="libx264", b_frames=2).read_bytes()
    other = write_clip(tmp_path / "b.ts", codec="libx264", b_frames=2, count=4, first=20).read_bytes()
    (tmp_path / "c.ts").write_bytes(first + other + first)
    numbers, times_s, file, error = play(tmp_path / "c.ts")
    assert error is None
    assert numbers == [*range(24), *range(20)]
    assert times_s == pytest.approx(every(44), abs=0.001)
    assert file.report.as_json()["discontinuities"] == 2


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_jump_forward_is_one_interval(play, write_clip, tmp_path, name):
    times_ms = [100 * i + (10_000_000 if i >= 10 else 0) for i in range(20)]
    numbers, times_s, file, error = play(write_clip(tmp_path / name, times_ms=times_ms))
    assert (numbers, times_s, error) == (list(range(20)), every(20), None)
    assert file.report.as_json()["discontinuities"] == 1


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_variable_rate_stays(play, write_clip, tmp_path, name):
    times_ms = [0, 40, 80, 1000, 1040, 4000, 4100, 9000, 9040, 9080]
    _, times_s, file, _ = play(write_clip(tmp_path / name, count=10, times_ms=times_ms))
    assert times_s == [time_ms / 1000 for time_ms in times_ms]
    assert file.report.as_json()["discontinuities"] == 0


def two_videos(path, sizes, flagged=None):
    with av.open(str(path), "w") as file:
        streams = []
        for number, (width, height) in enumerate(sizes):
            stream = file.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            if flagged is not None:
                stream.disposition = av.stream.Disposition.default if number == flagged else 0
            streams.append(stream)
        for _ in range(3):
            for stream in streams:
                grey = np.full((stream.height, stream.width, 3), 100, np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        for stream in streams:
            file.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
@pytest.mark.parametrize(
    ("sizes", "flagged", "taken"),
    [
        (((32, 24), (160, 120)), None, (160, 120)),
        (((160, 120), (32, 24)), None, (160, 120)),
        (((64, 48), (96, 72)), 0, (64, 48)),
        (((64, 48), (96, 72)), 1, (96, 72)),
    ],
)
def test_the_video_that_a_player_would_show(tmp_path, name, sizes, flagged, taken):
    shots = [shot.item.picture() for shot in VideoFile(two_videos(tmp_path / name, sizes, flagged)).play()]
    assert {shot.displayed for shot in shots} == {taken}


def test_a_cover_image_is_no_video(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as file:
        sound, cover = file.add_stream("aac", rate=8000), file.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
        file.mux(cover.encode(picture.reformat(format="yuvj420p")))
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 8000
        file.mux(sound.encode(samples))
        file.mux(sound.encode())
    with pytest.raises(SourceFormatError, match="nothing but a cover image"):
        next(VideoFile(path).play())


def test_pictures_that_are_too_large_are_lost(play, write_clip, tmp_path, monkeypatch):
    monkeypatch.setattr("edge_service.sources.files.container.MOST_PIXELS", 64 * 48 - 1)
    clip = write_clip(tmp_path / "clip.mp4", codec="libx264", count=5)
    numbers, _, _, error = play(clip)
    assert set(numbers) <= {LOST, REFERS}
    assert len(numbers) == 5
    assert "the last 5 pictures cannot be decoded" in str(error)


def test_a_playlist_opens_no_addresses(tmp_path):
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(SourceFormatError, match="is not a video"):
        next(VideoFile(path).play())


def test_h264_that_is_damaged_within_a_packet_is_lost_on_any_number_of_cores(play, tmp_path):
    path, noise = tmp_path / "clip.mp4", np.random.default_rng(0).integers(0, 256, (96, 160, 3), np.uint8)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10, options={"bf": "0", "sc_threshold": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        for i in range(8):
            shown = np.ascontiguousarray(noise[:, i : i + 96])
            file.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        file.mux(stream.encode())
    with av.open(str(path)) as file:
        at, size = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size][4]
    data = bytearray(path.read_bytes())
    data[at + size // 3 : at + size // 3 * 2] = b"\xff" * (size // 3)
    path.write_bytes(data)
    numbers, *_ = play(path)
    assert numbers[4:] == [LOST, REFERS, REFERS, REFERS]
