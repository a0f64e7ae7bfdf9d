import json

from dads.live import events as module
from dads.live.events import Events


def read(event):
    lines = event.decode().splitlines()
    return lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))


def streamed(view):
    stream = Events(view, least_s=0.0).stream()
    assert next(stream) == b"retry: 2000\n\n"
    return stream


def test_a_viewer_gets_the_state_and_the_drawing_when_the_split_changes(live):
    view = live.view()
    live.told(view)
    stream = streamed(view)
    name, drawn = read(next(stream))
    assert name == "drawing"
    assert drawn["svg"].startswith("<svg")
    assert read(next(stream))[0] == "state"
    live.told(view)
    assert read(next(stream))[0] == "state", "the same split is not drawn again"
    live.told(view, ("image", "conv"))
    name, changed = read(next(stream))
    assert name == "drawing"
    assert changed["svg"] != drawn["svg"]
    assert read(next(stream))[1]["text"]["cut"] == "conv"


def test_before_the_first_frame_there_is_a_state_without_a_drawing(live):
    assert read(next(streamed(live.view())))[0] == "state"


def test_a_slow_viewer_misses_states_and_gets_the_newest(live):
    view = live.view()
    live.told(view)
    stream = streamed(view)
    next(stream), next(stream)
    for _ in range(1000):
        live.told(view)
    state = read(next(stream))[1]
    assert state["text"]["counts"] == "1001 offloaded"
    live.told(view)
    assert read(next(stream))[1]["text"]["counts"] == "1002 offloaded", "and nothing was queued in between"


def test_viewers_share_what_is_made(live, monkeypatch):
    drawn = []
    drawing = module.drawing
    monkeypatch.setattr(module, "drawing", lambda *parts: drawn.append(parts) or drawing(*parts))
    view = live.view()
    live.told(view)
    events = Events(view, least_s=0.0)
    for _ in range(3):
        stream = events.stream()
        assert [next(stream) for _ in range(3)][1].startswith(b"event: drawing")
    assert len(drawn) == 1


def test_silence_is_filled_with_beats(live, monkeypatch):
    monkeypatch.setattr(module, "BEAT_S", 0.01)
    view = live.view()
    stream = streamed(view)
    next(stream)
    assert read(next(stream)) == ("beat", {})


def test_closing_the_view_ends_the_stream(live):
    view = live.view()
    stream = streamed(view)
    next(stream)
    view.close()
    assert list(stream) == []


def test_line_breaks_in_a_text_do_not_end_an_event(live):
    view = live.view()
    live.told(view, label="two\nlines\n\nevent: drawing")
    stream = streamed(view)
    next(stream)
    event = next(stream)
    assert event.count(b"\n\n") == 1
    assert read(event)[1]["results"][0]["result"] == "two\nlines\n\nevent: drawing"


def test_a_stream_watches_until_it_is_closed(live):
    view = live.view()
    stream = streamed(view)
    assert view.wants_pictures
    stream.close()
    assert not view.wants_pictures
