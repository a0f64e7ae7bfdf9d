"""From what was measured to a JSON file, a page to read, and its plots.

A benchmark's `report` makes a `Report` of what it measured. The page is made from the JSON file alone: `--render`
writes it anew without measuring anything.
"""

import json
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.publishing.figures import Figure, verdicts
from bench.publishing.machine import about, machine
from bench.publishing.plots import Canvas, drawing

__all__ = ["FOLDER", "Plot", "Report", "Reporter", "publish", "render"]

FOLDER = Path("docs/benchmarks")


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture beside the page.

    Attributes:
        suffix: The file is NAME-suffix.svg.
        caption: Read aloud where the picture cannot be seen, and written below it.
        draw: Draws it.
        width: Inches.
        height: Inches.
    """

    suffix: str
    caption: str
    draw: Callable[[Canvas], None]
    width: float = 7.0
    height: float = 3.6


@dataclass(frozen=True, slots=True)
class Report:
    """What a page says.

    Attributes:
        title: Its heading.
        method: How it was measured, in a paragraph.
        figures: Wanted and measured.
        body: The lines of tables and remarks.
        plots: Its pictures.
    """

    title: str
    method: str
    figures: Sequence[Figure]
    body: Sequence[str]
    plots: Sequence[Plot] = field(default=())


Reporter = Callable[[Mapping[str, Any]], Report]


def publish(name: str, measured: Mapping[str, Any], report: Reporter, folder: Path, note: str = "") -> None:
    """Writes NAME.json and the page, and prints the verdicts.

    Args:
        name: The file's stem.
        measured: What was measured; keys that `machine` has are overwritten.
        report: Makes the page.
        folder: Where to.
        note: What a reader should know about this run.
    """
    data = {"note": note, **measured, **machine()}
    data["title"] = report(data).title
    data["figures"] = [figure.as_json() for figure in report(data).figures]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(_text(data), encoding="utf-8")
    render(name, report, folder)


def render(name: str, report: Reporter, folder: Path) -> None:
    """Writes page and plots from the JSON file; figures that a report judges otherwise today are corrected there."""
    path = folder / f"{name}.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    made = report(data)
    figures = [figure.as_json() for figure in made.figures]
    if (data.get("figures"), data.get("title")) != (figures, made.title):
        data |= {"figures": figures, "title": made.title}
        path.write_text(_text(data), encoding="utf-8")
    for plot in made.plots:
        with drawing(folder / f"{name}-{plot.suffix}.svg", width=plot.width, height=plot.height) as canvas:
            plot.draw(canvas)
    (folder / f"{name}.md").write_text(_page(name, data, made), encoding="utf-8")
    sys.stdout.write("\n".join([*made.body, "", *verdicts(made.figures), "", f"written to {folder}/{name}.md\n"]))


def _text(data: Mapping[str, Any]) -> str:
    """JSON with a line for each row of a table, so that files stay small and differences can be read."""
    entries = []
    for key, value in data.items():
        rows = ",\n  ".join(map(json.dumps, value)) if isinstance(value, list) else ""
        entries.append(f"{json.dumps(key)}: " + (f"[\n  {rows}\n ]" if rows else json.dumps(value)))
    return "{\n " + ",\n ".join(entries) + "\n}\n"


def _page(name: str, data: Mapping[str, Any], made: Report) -> str:
    program = name.removesuffix("_full")
    target = f"make bench-full ARGS={program}" if name != program else f"make bench ARGS={program}"
    lines = [f"# {made.title}", "", f"Written by `{target}`; the raw numbers are in [{name}.json]({name}.json).", ""]
    lines += [about(data), ""]
    if data.get("note"):
        lines += [f"**Note:** {data['note']}", ""]
    lines += [made.method, ""]
    for plot in made.plots:
        lines += [f"![{plot.caption}]({name}-{plot.suffix}.svg)", "", f"*{plot.caption}*", ""]
    return "\n".join(map(wrapped, [*lines, *made.body, "", *verdicts(made.figures)])).rstrip("\n") + "\n"


def wrapped(line: str) -> str:
    """Returns a paragraph in lines that can be read; those of tables and pictures have no other form."""
    if line.startswith(("|", "!")):
        return line
    text = textwrap.fill(line, 120, break_long_words=False, break_on_hyphens=False)
    return re.sub(r"\n(?=(?:[-+*#>]|\d+\.) )", " ", text)  # at the beginning of a line it would be a list, or a heading
