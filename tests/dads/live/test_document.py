import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from dads.live import LiveView
from dads.live.document import document, drawing
from edge_service import Outcome, StageTimes
from edge_service.control import Controller, Phase


def made(view):
    told = document(view.model, view.policy, view.graph, view.snapshot(), view.clouds)
    return json.loads(json.dumps(told, allow_nan=False))


def test_before_the_first_frame_it_says_so(live):
    told = made(live.view())
    assert told["text"]["model"] == "zoo:made_up"
    assert told["text"]["cut"] == "no frame yet"
    assert told["text"]["uplink"] == "unknown"
    assert told["stages"] == told["results"] == told["latencies"] == []


def test_it_says_where_the_model_is_cut_and_what_is_sent(live):
    view = live.view()
    live.told(view)
    text = made(view)["text"]
    assert text["cut"] == "image"
    assert text["layers"] == "1 layer on the edge, 2 in the cloud"
    assert (text["encoding"], text["sent"]) == ("raw", "for 151 kB in 1 tensor")
    assert (text["uplink"], text["round_trip"], text["rate"]) == ("8 Mbit/s", "12 ms", "5/s")
    assert (text["mode"], text["sustainable"], text["cloud"]) == ("light", "up to 12/s", "connected")


def test_where_nothing_is_sent_it_says_so(live):
    view = live.view()
    live.told(view, ("image", "conv", "logits"), Outcome.EDGE_ONLY, state=replace(live.state, phase=Phase.ALONE))
    text = made(view)["text"]
    assert (text["cut"], text["encoding"], text["sent"]) == ("everything on the edge", "none", "nothing is sent")
    assert "alone" in text["cloud"]


def test_stages_are_means_over_frames_with_the_split_in_use(live):
    view = live.view()
    live.told(view, ("image", "conv"), tail_s=9.0)
    live.told(view, tail_s=0.02)
    live.told(view, tail_s=0.04)
    live.told(view, outcome=Outcome.LOCAL_FALLBACK, tail_s=7.0)
    stages = {stage["name"]: stage for stage in made(view)["stages"]}
    assert stages["Decoding and tail"]["measured_s"] == pytest.approx(0.03)
    assert stages["Decoding and tail"]["predicted_s"] == pytest.approx(0.03)
    assert stages["Transfer"]["predicted"] == "151 ms"
    assert stages["Transfer"]["measured"] == "150 ms"
    assert [stage["side"] for stage in made(view)["stages"]] == ["edge", "link", "link", "cloud"]


def test_stages_that_the_split_does_not_have_show_no_times(live):
    view = live.view()
    live.told(view, ("image", "conv", "logits"), Outcome.EDGE_ONLY, times=StageTimes(head_s=0.2))
    stages = {stage["name"]: stage for stage in made(view)["stages"]}
    assert made(view)["results"][0]["cut"] == "", "the outcome says it"
    assert stages["Head and encoding"]["measured"] == "200 ms"
    assert (stages["Transfer"]["predicted"], stages["Transfer"]["measured"]) == ("", "-")
    assert (stages["Decoding and tail"]["predicted"], stages["Decoding and tail"]["measured"]) == ("", "-")


def test_a_dropped_frame_leaves_the_split_in_use_and_says_why_it_was_dropped(live):
    view = live.view()
    live.told(view)
    live.told(view, None, Outcome.DROPPED, error="newer frames came")
    told = made(view)
    assert told["text"]["cut"] == "image"
    assert told["text"]["counts"] == "1 offloaded, 1 dropped"
    dropped, done = told["results"]
    assert (dropped["result"], dropped["is_error"], dropped["latency"], dropped["cut"]) == (
        "newer frames came",
        True,
        "",
        "",
    )
    assert (done["result"], done["is_error"], done["latency"], done["cut"]) == ("cat", False, "250 ms", "image")


def test_the_newest_results_come_first_and_are_few(live):
    view = live.view()
    for number in range(100):
        live.told(view, label=f"class {number}")
    told = made(view)
    assert [row["result"] for row in told["results"]] == [f"class {99 - number}" for number in range(8)]
    assert len(told["latencies"]) == 60
    assert told["text"]["counts"] == "100 offloaded"


def test_a_rate_that_is_too_high_is_told(live):
    view = live.view()
    live.told(view, keeps_up=False, max_rate_hz=3.0)
    assert made(view)["text"]["sustainable"] == "up to 3/s; frames come too fast"


def test_the_drawing_shows_the_split(live):
    view = live.view()
    for edge, sides in ((("image",), ["edge", "cloud", "cloud"]), (("image", "conv"), ["edge", "edge", "cloud"])):
        live.told(view, edge)
        root = ET.fromstring(drawing(view.graph, view.snapshot().partition))
        classes = [element.get("class", "") for element in root.iter()]
        assert [name.removeprefix("box ") for name in classes if name.startswith("box ")] == sides
        assert "legend" not in classes, "the page has its own"


def test_boxes_are_told_by_label(live):
    view = live.view()
    live.told(view)
    boxes = {"boxes": [[0, 0, 1, 1]] * 3, "labels": ["cat", "dog", "cat"], "scores": [0.3, 0.9, 0.5]}
    view._records[0] = {key: value for key, value in view._records[0].items() if key != "top"} | {"result": boxes}
    assert made(view)["results"][0]["result"] == "1 dog, 2 cat"


def test_of_several_clouds_it_says_which_is_used(live):
    view = LiveView("zoo:made_up", live.graph, "adaptive", clouds=("a:1", "b:1", "c:1"))
    one = Controller(live.graph, (0.0, 1.0, 1.0)).state(0.0).clouds[0]
    clouds = (one, replace(one, phase=Phase.OFFLOADING), replace(one, phase=Phase.MEASURING))
    live.told(view, state=replace(live.state, cloud=1, clouds=clouds))
    assert made(view)["text"]["cloud"] == "b:1: connected; spare: a:1 (not in use), c:1 (being measured)"
