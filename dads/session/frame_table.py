"""The table of frames: one row per frame, for a terminal or a log."""

from __future__ import annotations

import errno
from typing import Any

from rich.console import Console
from rich.text import Text

from dads import units

_COLUMNS = (
    ("frame", 5, "right"),
    ("what it sees", 20, "left"),
    ("mode", 5, "left"),
    ("cut after", 30, "left"),
    ("uplink", 12, "right"),
    ("head", 11, "right"),
    ("transfer", 11, "right"),
    ("tail", 11, "right"),
    ("latency", 7, "right"),
)
_CUT_WIDTH = next(width for name, width, _ in _COLUMNS if name == "cut after")
_SHORTEST_CUT = 12  # a long encoding is cut off before a place is shorter
_LEGEND = "stages in ms, predicted > measured; uplink as estimated; * marks a split that differs from the frame before"


class PlainConsole(Console):
    """A console that raises an error on a closed pipe, where rich would end the process."""

    def __init__(self) -> None:
        # Colons and brackets in names and numbers are no markup.
        super().__init__(highlight=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Raise the error, so that the command ends its children and its agent before it exits.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError(errno.EPIPE, "the reader of the output has closed it")


class FrameTable:
    """Prints a header, rows, and lines between them.

    Args:
        console: where to print; by default stdout.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or PlainConsole()
        self._headed = False

    def say(self, text: str, style: str = "") -> None:
        """Prints a line between rows."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def row(self, record: dict[str, Any]) -> None:
        """Prints a frame, given as a line of `--results` holds it."""
        if not self._headed:
            self._headed = True
            self.say(_LEGEND, "dim")
            self._print([name for name, _, _ in _COLUMNS], "bold")
        self._print(_cells(record), _style(record))

    def _print(self, cells: list[str], style: str) -> None:
        # Words may be cut. A number must keep all its digits, even if it is wider than its column.
        padded = [
            cell.rjust(width) if side == "right" else _cut_off(cell, width).ljust(width)
            for cell, (_, width, side) in zip(cells, _COLUMNS, strict=True)
        ]
        self._console.print(Text("  ".join(padded).rstrip(), style=style), soft_wrap=True)


def _cells(record: dict[str, Any]) -> list[str]:
    uplink_bps = record["uplink_bps"]
    return [
        str(record["frame"]),
        _seen(record),
        str(record["mode"] or ""),
        _cut(record),
        "" if uplink_bps is None else units.format_rate(uplink_bps),
        _stage(record, "head"),
        _stage(record, "transfer"),
        _stage(record, "tail"),
        "" if record["latency_s"] is None else f"{1000 * record['latency_s']:.0f} ms",
    ]


def _seen(record: dict[str, Any]) -> str:
    if record["outcome"] in ("dropped", "failed"):
        return str(record["outcome"]).upper()
    from edge_service.output.results import seen  # noqa: PLC0415 # keeps `dads --help` fast

    return seen(record)


def _cut(record: dict[str, Any]) -> str:
    if record["cut"] is None:
        return ""
    mark = "*" if record["switched"] else ""
    if record["outcome"] == "local_fallback":
        return f"{mark}finished locally"
    encoding = "" if record["encoding"] in (None, "raw") else f" ({record['encoding']})"
    room = max(_SHORTEST_CUT, _CUT_WIDTH - len(mark) - len(encoding))
    return f"{mark}{_shortened(str(record['cut_label']), room) if record['cut'] else 'edge only'}{encoding}"


def _shortened(label: str, width: int) -> str:
    """A cut's label without its middle: the ends of places tell layers apart."""
    if len(label) <= width:
        return label
    end = 2 * width // 3
    return f"{label[: width - 1 - end]}…{label[-end:]}"


def _cut_off(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _stage(record: dict[str, Any], stage: str) -> str:
    predicted, measured = record["predicted_s"].get(stage), record["measured_s"].get(stage)
    if not predicted and not measured:
        return "-"
    shown = "" if measured is None else f"{1000 * measured:.0f}"
    return f"{1000 * (predicted or 0.0):.0f} > {shown}"


def _style(record: dict[str, Any]) -> str:
    if record["outcome"] == "failed":
        return "red"
    if record["outcome"] in ("dropped", "local_fallback"):
        return "yellow"
    return "bold green" if record["switched"] else ""
