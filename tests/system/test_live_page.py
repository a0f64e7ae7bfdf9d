"""The live page in a real Chromium: of a real edge, cloud and changing link, and of texts that nobody should run."""

import asyncio
import io
import json
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from chromium import Chromium
from dads_process import DadsProcess, start_cloud
from PIL import Image
from prometheus_client import CollectorRegistry

from dads.live import LiveServer, LiveView
from edge_service import FrameResult, Outcome
from edge_service.control import Controller
from edge_service.frame_image import FrameImage
from edge_service.sources.shots import DecodedShot
from link_emulator import LinkEmulator, Trace
from partitioner import CostProfile, Layer, LayerGraph, Link, evaluate
from pictures import Picture, Preprocess

pytestmark = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="no chromium on the PATH (Debian: package chromium)"
)

MODEL = "zoo:efficientnet_lite0"
LIMIT_S = 180.0
DRAWN = "!!document.querySelector('#drawing svg')"
BOXES = "['edge', 'cloud'].map((side) => document.querySelectorAll(`#drawing .box.${side}`).length)"
SENT = "document.querySelectorAll('#drawing .sent').length"
CUT = "document.querySelector('[data-show=cut]').textContent"
# As wide as the window, which nothing sticks out of.
FITS = "document.documentElement.scrollWidth <= window.innerWidth"
COLUMNS = "new Set([...document.querySelectorAll('main section')].map((it) => it.getBoundingClientRect().left)).size"


class ChangingLink:
    """A link emulator on a thread of its own; a context manager."""

    def __init__(self, target: str, uplink_bps: float) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        up, down = Trace.constant(uplink_bps), Trace.constant(100e6)
        self.emulator = LinkEmulator(target, uplink=up, downlink=down, delay_s=0.005, listen="127.0.0.1:0")

    def __enter__(self) -> "ChangingLink":
        self._thread.start()
        self._run(self.emulator.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self.emulator.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def set_uplink(self, rate_bps: float) -> None:
        self._loop.call_soon_threadsafe(self.emulator.set_uplink, Trace.constant(rate_bps))

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def keep(page, name):
    """Into the folder that DADS_SCREENSHOTS names: those of the documentation are made so."""
    folder = os.environ.get("DADS_SCREENSHOTS")
    if folder is not None:
        page.until("document.querySelectorAll('#latencies i').length >= 45", LIMIT_S)
        Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(96).save(Path(folder) / name, optimize=True)


def test_the_page_shows_the_split_and_follows_the_link(browser):
    cloud, address = start_cloud("--model", MODEL, "--listen", "127.0.0.1:0", "--threads", "1")
    arguments = [
        "--model",
        MODEL,
        "--source",
        "sample",
        "--loop",
        "--rate",
        "2",
        "--edge-slowdown",
        "8",
        "--encodings",
        "raw",
    ]
    arguments += ["--threads", "1", "--metrics-port", "0", "--log-format", "json"]
    with (
        cloud,
        ChangingLink(address, 80e6) as link,
        DadsProcess("edge", *arguments, "--cloud", link.emulator.address) as edge,
    ):
        url = json.loads(edge.logged(lambda line: '"event": "serving"' in line, LIMIT_S))["page"]
        desktop, phone = browser.page(1280, 800), browser.page(390, 844, is_phone=True)
        for page in (desktop, phone):
            page.open(url)
        pages = {"live-page.png": desktop, "live-page-phone.png": phone}
        for name, page in pages.items():
            page.until("document.querySelectorAll('#results tr').length === 8", LIMIT_S)
            # In one look, as the split may change between two.
            offloads = f"{BOXES}[0] > 0 && {BOXES}[1] > 0 && {CUT} !== 'everything on the edge' && {SENT} > 0"
            page.until(f"{DRAWN} && {offloads}", LIMIT_S)
            assert page.value("document.querySelectorAll('.stage').length") == 4
            assert page.value("document.querySelector('#connection').textContent") == "live"
            assert page.value(FITS)
            keep(page, name)
        assert (desktop.value(COLUMNS), phone.value(COLUMNS)) == (2, 1)
        link.set_uplink(100e3)
        for page in pages.values():
            page.until(f"{BOXES}[1] === 0 && {CUT} === 'everything on the edge' && {SENT} === 0", LIMIT_S)
            assert page.value(FITS)
            assert page.errors() == []
            assert page.requested()
            assert all(address.startswith(url) for address in page.requested()), "nothing from elsewhere"


def hostile_view():
    """A view whose every text is markup, told one frame."""
    bad = "<img src=x onerror=\"document.title='run'\"></svg><script>document.title='run'</script>&amp;"
    graph = LayerGraph((Layer(bad, (), 1000), Layer("end", (bad,), 10)), ("end",))
    split = evaluate(graph, CostProfile((0.0, 0.1), (0.0, 0.1)), Link(1e6), frozenset({bad}))
    view = LiveView(bad, graph, bad)
    record = {
        "frame": 0,
        "outcome": "offloaded",
        "mode": bad,
        "cut": [bad],
        "encoding": "raw",
        "cut_label": bad,
        "switched": True,
        "latency_s": 0.1,
        "predicted_s": dict.fromkeys(("head", "transfer", "fixed", "tail"), 0.1),
        "measured_s": dict.fromkeys(("head", "transfer", "fixed", "tail"), 0.1),
        "top": [{"index": 0, "label": bad, "score": 1.0}],
    }
    state = Controller(graph, (0.0, 0.1)).state(0.0)
    view.saw(record, FrameResult(0, Outcome.OFFLOADED, partition=split, mode="light", max_rate_hz=1.0), state)
    return bad, view


def test_texts_are_shown_and_never_run(browser):
    bad, view = hostile_view()
    with LiveServer(view, CollectorRegistry(), "127.0.0.1", 0) as server:
        page = browser.page(1280, 800)
        page.open(server.url)
        page.until(DRAWN)
        assert page.value("document.querySelector('[data-show=model]').textContent") == bad
        assert page.value("document.querySelector('#results td:nth-child(2)').textContent") == bad
        assert page.value("document.querySelector('#drawing .box title').textContent") == bad
        assert page.value("document.images.length + document.scripts.length") == 1, "the page's own script"
        assert page.value("document.title") == "dads: the split in use"
        assert page.errors() == []


def test_a_frame_is_shown_with_its_boxes_at_most_once_a_second(browser):
    bad, view = hostile_view()
    grey = Image.fromarray(np.full((480, 640, 3), 120, np.uint8))
    picture = FrameImage(DecodedShot(Picture(grey)), Preprocess(), 8, 8)
    image = "document.querySelector('#picture img')"
    with LiveServer(view, CollectorRegistry(), "127.0.0.1", 0) as server:
        page = browser.page(390, 844, is_phone=True)
        page.open(server.url)
        page.until(DRAWN)
        assert page.value(image) is None
        began_s = time.monotonic()
        record = dict(view.snapshot().records[0])
        del record["top"]
        record["result"] = {"boxes": [[100, 100, 300, 300]], "labels": [bad], "scores": [0.5]}
        state = view.snapshot().state
        for frame in range(1, 4):
            view.saw(record | {"frame": frame}, FrameResult(frame, Outcome.OFFLOADED), state, picture)
            page.until(f"document.querySelector('#results td').textContent === '{frame}'")
        page.until(f"{image}?.complete")
        sizes = page.value(f"[{image}.naturalWidth, {image}.naturalHeight, {image}.clientWidth]")
        assert sizes == [320, 240, 320]
        asked = [address for address in page.requested() if "frame.jpg" in address]
        assert 1 <= len(asked) <= 1 + (time.monotonic() - began_s)
        assert all(address.startswith(server.url) for address in page.requested())
        assert page.value("document.querySelector('#results td:nth-child(2)').textContent") == f"1 {bad}"
        assert page.value("document.title") == "dads: the split in use"
        assert page.value(FITS)
        assert page.errors() == []


def test_it_reconnects_by_itself(browser):
    _, view = hostile_view()
    with LiveServer(view, CollectorRegistry(), "127.0.0.1", 0) as server:
        page = browser.page(390, 844)
        page.open(server.url)
        page.until(DRAWN)
    connection = "document.querySelector('#connection')?.textContent"
    page.until(f"{connection}.startsWith('no connection')")
    _, view = hostile_view()
    with LiveServer(view, CollectorRegistry(), "127.0.0.1", server.server_address[1]):
        page.until(f"{connection} === 'live'")


def test_a_viewer_too_many_waits_for_a_place(browser):
    _, view = hostile_view()
    with LiveServer(view, CollectorRegistry(), "127.0.0.1", 0, max_viewers=1) as server:
        first, second = browser.page(1280, 800), browser.page(1280, 800)
        first.open(server.url)
        first.until(DRAWN)
        second.open(server.url)
        second.until("document.querySelector('#connection')?.textContent.startsWith('no connection')")
        first.close()
        second.until(DRAWN)
