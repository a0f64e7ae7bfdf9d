"""Rows that say what happened, whatever happened, and never a number that is cut short."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from dads.session.frame_table import FrameTable, PlainConsole
from edge_service import FrameResult, Outcome, StageTimes, frame_record
from partitioner import Partition

MODEL = SimpleNamespace(labels=None, postprocess=None, flatten=lambda outputs: {}, outputs=(), places={})


def split(*cut, transfer_s=0.2):
    return Partition(
        edge=frozenset({"x", *cut}),
        cut=cut,
        edge_s=0.1,
        transfer_s=transfer_s,
        cloud_s=0.3,
        fixed_s=0.4,
        lower_bound_s=1.0,
    )


def record(outcome=Outcome.OFFLOADED, **fields):
    given = {
        "partition": split("conv1"),
        "mode": "light",
        "latency_s": 0.75,
        "uplink_bps": 19.9e6,
        "times": StageTimes(head_s=0.11, transfer_s=0.22, tail_s=0.33),
    }
    if outcome is Outcome.DROPPED:
        given = {}
    return frame_record(MODEL, FrameResult(7, outcome, **{**given, **fields}), source_s=0.0, run="adaptive")


@pytest.fixture
def printed():
    """Print rows; the lines as they stand in a log."""

    def lines(*records, width=80):
        file = io.StringIO()
        table = FrameTable(Console(file=file, highlight=False, width=width))
        for each in records:
            table.row(each)
        return file.getvalue().splitlines()

    return lines


def test_the_header_comes_once_before_the_first_row(printed):
    lines = printed(record(), record(), record())
    assert len(lines) == 5
    assert "predicted > measured" in lines[0]
    assert lines[1].split() == [
        "frame",
        "what",
        "it",
        "sees",
        "mode",
        "cut",
        "after",
        "uplink",
        "head",
        "transfer",
        "tail",
        "latency",
    ]
    assert len(set(lines[2:])) == 1


def test_a_row_is_one_line_however_narrow_the_terminal(printed):
    assert printed(record(), width=20)[2:] == printed(record(), width=200)[2:]


def test_an_offloaded_frame(printed):
    row = printed(record())[-1]
    assert " ".join(row.split()) == "7 done light conv1 19.9 Mbit/s 100 > 110 200 > 220 300 > 330 750 ms"


@pytest.mark.parametrize("encoding", ["raw", "zstd", "float16_zstd"])
def test_a_long_place_loses_its_middle_and_its_encoding_stays(printed, encoding):
    place = "features.denseblock3.denselayer12.conv1"
    row = printed(record() | {"cut_label": place, "encoding": encoding, "switched": True})[-1]
    assert "*feat" in row
    assert "r12.conv1 " in row
    assert ("(" in row) == (encoding != "raw")
    assert encoding == "raw" or f" ({encoding}) " in row


def test_what_does_not_fit_is_seen_to_be_missing(printed):
    boxes = {
        "boxes": [[0, 0, 1, 1]] * 3,
        "labels": ["tennis racket", "baseball bat", "baseball bat"],
        "scores": [0.9, 0.8, 0.7],
    }
    assert "1 tennis racket, 2 …" in printed(record() | {"result": boxes})[-1]


def test_an_edge_only_frame(printed):
    given = {"partition": Partition(frozenset("x"), (), 0.1, 0.0, 0.0, 0.0, 0.1), "times": StageTimes(head_s=0.11)}
    row = printed(record(Outcome.EDGE_ONLY, uplink_bps=None, **given))[-1]
    assert row.split() == ["7", "done", "light", "edge", "only", "100", ">", "110", "-", "-", "750", "ms"]


def test_a_frame_finished_locally(printed):
    row = printed(record(Outcome.LOCAL_FALLBACK, error="no answer within 1 s"))[-1]
    assert "finished locally" in row
    assert "conv1" not in row


@pytest.mark.parametrize("outcome", [Outcome.DROPPED, Outcome.FAILED])
def test_a_frame_without_a_result_has_no_latency(printed, outcome):
    row = printed(record(outcome, error="why"))[-1]
    assert outcome.value.upper() in row
    assert not row.endswith("ms")


def test_a_dropped_frame_has_nothing_else(printed):
    assert printed(record(Outcome.DROPPED))[-1].split() == ["7", "DROPPED", "-", "-", "-"]


@pytest.mark.parametrize("outcome", [Outcome.OFFLOADED, Outcome.LOCAL_FALLBACK, Outcome.EDGE_ONLY])
def test_a_switch_is_marked(printed, outcome):
    marked, plain = (printed(record(outcome, switched=switched))[-1] for switched in (True, False))
    assert "*" in marked
    assert marked.replace("*", "").split() == plain.split()


def test_what_it_sees_is_the_top_label(printed):
    seen = record() | {
        "top": [{"index": 3, "label": "tiger shark", "score": 0.5}, {"index": 4, "label": "x", "score": 0}]
    }
    assert "tiger shark" in printed(seen)[-1]


def test_long_words_are_cut_and_columns_stay_aligned(printed):
    long = record(partition=split("a" * 60)) | {"top": [{"index": 3, "label": "b" * 60, "score": 0.5}]}
    header, row, short = [*printed(long)[1:], printed(record())[-1]]
    assert row.index("19.9") == short.index("19.9")
    assert len(row) == len(short) == len(header)


def test_long_numbers_are_never_cut(printed):
    """A number without its last digits is another number."""
    slow = record(
        latency_s=1234.567, partition=split("conv1", transfer_s=1234.5), times=StageTimes(transfer_s=2345.6)
    ) | {"frame": 1234567}
    cells = printed(slow)[-1].split()
    assert cells[0] == "1234567"
    assert cells[-2:] == ["1234567", "ms"]
    assert " ".join(cells[cells.index("1234500") :][:3]) == "1234500 > 2345600"


def test_square_brackets_of_a_label_are_no_markup(printed):
    seen = record() | {"top": [{"index": 3, "label": "[red]fox[/]", "score": 0.5}]}
    assert "[red]fox[/]" in printed(seen)[-1]


def test_a_reader_that_left_is_an_error_and_not_the_end_of_the_process(monkeypatch):
    """What rich does by itself, an exit out of a callback, would leave the agent and the demo's children running."""

    class Closed(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Closed())
    with pytest.raises(BrokenPipeError):
        FrameTable(PlainConsole()).say("hello")
