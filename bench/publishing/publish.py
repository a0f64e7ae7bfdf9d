"""From what was measured to a JSON file, a page to read, and its plots.

A benchmark's `report` makes a `Report` of what it measured. The page is made from the JSON file alone: `--render`
writes it anew without measuring anything.
"""

import json
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.publishing.figures import Figure, verdicts
from bench.publishing.machine import about, machine
from bench.publishing.plots import Canvas, drawing

FOLDER = Path("docs/benchmarks")


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture beside the page, in the file NAME-suffix.svg; its size is in inches."""

    suffix: str
    caption: str
    draw: Callable[[Canvas], None]
    width: float = 7.0
    height: float = 3.6


@dataclass(frozen=True, slots=True)
class Report:
    """What a page says: the method in a paragraph, the body in lines."""

    title: str
    method: str
    figures: Sequence[Figure]
    body: Sequence[str]
    plots: Sequence[Plot] = ()


Reporter = Callable[[Mapping[str, Any]], Report]


def from_text(module: str, figures: Sequence[Figure], plots: Sequence[Plot] = (), **values: object) -> Report:
    """The report whose text is `page.md` beside a module, given by its `__file__`.

    The text is a heading, a paragraph of method, and the body. Each {NAME} in it stands for a value: a table's lines,
    or whatever `str.format` takes.
    """
    text = Path(module).with_name("page.md").read_text(encoding="utf-8")
    said = {name: "\n".join(value) if isinstance(value, list) else value for name, value in values.items()}
    title, method, *body = [_unwrapped(paragraph) for paragraph in text.format(**said).strip().split("\n\n")]
    lines = [line for paragraph in body for line in (*paragraph, "")]
    return Report(title[0].removeprefix("# "), method[0], figures, lines[:-1], plots)


def publish(name: str, measured: Mapping[str, Any], report: Reporter, folder: Path, note: str = "") -> None:
    """Writes NAME.json and the page, and prints the verdicts; `note` is what a reader should know about this run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(_text({"note": note, **measured, **machine()}), encoding="utf-8")
    render(name, report, folder)


def render(name: str, report: Reporter, folder: Path) -> None:
    """Writes page and plots from the JSON file; title and figures are put there as the report judges them today."""
    path = folder / f"{name}.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    made = report(data)
    judged = {"title": made.title, "figures": [figure.as_json() for figure in made.figures]}
    if data | judged != data:
        data |= judged
        path.write_text(_text(data), encoding="utf-8")
    for plot in made.plots:
        with drawing(folder / f"{name}-{plot.suffix}.svg", width=plot.width, height=plot.height) as canvas:
            plot.draw(canvas)
    (folder / f"{name}.md").write_text(_page(name, data, made), encoding="utf-8")
    sys.stdout.write("\n".join([*made.body, "", *verdicts(made.figures), "", f"written to {folder}/{name}.md\n"]))


def _unwrapped(paragraph: str) -> list[str]:
    lines = paragraph.splitlines()
    return lines if paragraph.startswith("|") else [" ".join(lines)]


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
    lines = [f"# {made.title}", f"Written by `{target}`; the raw numbers are in [{name}.json]({name}.json)."]
    lines += [about(data), *([f"**Note:** {data['note']}"] if data.get("note") else []), made.method]
    for plot in made.plots:
        lines += [f"![{plot.caption}]({name}-{plot.suffix}.svg)", f"*{plot.caption}*"]
    spaced = [part for line in lines for part in (line, "")]
    return "\n".join(map(wrapped, [*spaced, *made.body, "", *verdicts(made.figures)])).rstrip("\n") + "\n"


def wrapped(line: str) -> str:
    """Breaks a paragraph into lines that can be read; those of tables and pictures have no other form."""
    if line.startswith(("|", "!")):
        return line
    text = textwrap.fill(line, 120, break_long_words=False, break_on_hyphens=False)
    return re.sub(r"\n(?=(?:[-+*#>]|\d+\.) )", " ", text)  # at the beginning of a line it would be a list, or a heading
