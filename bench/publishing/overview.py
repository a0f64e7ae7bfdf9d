"""docs/benchmarks/README.md: every wanted figure in one table, and every page.

Made of the JSON files alone: a file counts that has a `title` and, where something is wanted, `figures`. Run with
`python -m bench.publishing.overview` to write it anew; its text is `overview.md` beside this file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.publishing.figures import Figure, table
from bench.publishing.plots import STYLES, drawing
from bench.publishing.programs import PROGRAMS
from bench.publishing.publish import FOLDER

Page = tuple[str, Mapping[str, Any]]


def page(found: list[Page]) -> str:
    """The overview of pages, by the stem of their file."""
    rows, pages = [], []
    for name, data in found:
        figures, titled, link = _figures(data), f"[{data['title']}]({name}.md)", data.get("link") or {}
        rows += [{"page": titled, **figure.cells} for figure in _few(figures)]
        kind = ", ".join(str(link[key]) for key in ("kind", "congestion") if key in link)
        kept = f"{sum(figure.kept for figure in figures)} of {len(figures)} kept" if figures else ""
        told = {"page": titled, "date": data.get("date", ""), "processor": data.get("processor", ""), "link, TCP": kind}
        pages.append({**told, "figures": kept, "note": data.get("note", "")})
    text = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
    tables = {"figures": table(rows, texts=2, remark=True), "pages": table(pages, texts=6)}
    return text.format(**{name: "\n".join(lines) for name, lines in tables.items()})


def write(folder: Path) -> None:
    order = {program.name: i for i, program in enumerate(PROGRAMS)}
    read = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    found = [(stem, data) for stem, data in read.items() if "title" in data]
    found.sort(key=lambda item: (order.get(item[0].removesuffix("_full"), len(order)), item[0]))
    (folder / "README.md").write_text(page(found), encoding="utf-8")
    _draw(found, folder / "overview.svg")


def _figures(data: Mapping[str, Any]) -> list[Figure]:
    return [Figure.from_json(figure) for figure in data.get("figures", ())]


def _few(figures: list[Figure]) -> list[Figure]:
    """All figures of a page, but where there are many of one kind, only the one nearest to its bound or beyond it."""
    if len(figures) <= 6:
        return figures
    kinds: dict[str, Figure] = {}
    for figure in figures:
        kind = figure.what.partition(": ")[2] or figure.what
        if kind not in kinds or figure.used > kinds[kind].used:
            kinds[kind] = figure
    return list(kinds.values())


def _draw(found: list[Page], path: Path) -> None:
    few = [(name, figure) for name, data in found for figure in _few(_figures(data)) if figure.measured is not None]
    bars = [(f"{name}: {figure.what}", figure.used, figure.kept) for name, figure in reversed(few)]
    with drawing(path, width=8.0, height=1.2 + 0.24 * len(bars)) as drawn:
        axes = drawn.add_subplot()
        for kept, style in ((True, STYLES[1]), (False, STYLES[0])):
            at = [i for i, bar in enumerate(bars) if bar[2] == kept]
            axes.barh(at, [bars[i][1] for i in at], 0.7, label="kept" if kept else "missed", **style.of_bar)
        axes.axvline(1.0, color="black", linewidth=1.2)
        axes.set_yticks(range(len(bars)))
        axes.set_yticklabels([bar[0] if len(bar[0]) < 70 else f"{bar[0][:67]}..." for bar in bars], fontsize=7)
        axes.set(xlabel="share of what is allowed that is used (right of 1: missed)")
        axes.legend(loc="lower right")


if __name__ == "__main__":
    write(FOLDER)
