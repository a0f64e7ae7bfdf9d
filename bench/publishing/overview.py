"""docs/benchmarks/README.md: every wanted figure in one table, and every page.

Made of the JSON files alone: a file counts that has a `title` and, where something is wanted, `figures` (see
`bench.publishing.publish`). Run with `python -m bench.publishing.overview` to write it anew.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.publishing.figures import Figure, table
from bench.publishing.plots import STYLES, drawing
from bench.publishing.programs import PROGRAMS
from bench.publishing.publish import FOLDER, wrapped

__all__ = ["page", "write"]

_INTRO = (
    "`make bench` runs everything in less than 20 minutes on two cores, `make bench ARGS=NAME` one of them; `make "
    "bench-full` runs the long forms (hours), and goes on where it was interrupted."
)
_READING = """\
- Each page says what was wanted, what was measured, on which machine and over which kind of link. The numbers are in
  the JSON file beside it; page, plots and this overview are made from that alone (`python -m bench.NAME --render`,
  `python -m bench.publishing.overview`).
- A page NAME_full is the long form: more models, links, repeats. Where both are there, the long one decides.
- **missed** is followed by what stands in the way. Where a figure is of many cells, the worst cell decides unless it
  says median; where a page has many figures of one kind, this overview shows the one nearest to its bound or farthest
  beyond it.
- Figures are ratios of things measured side by side, taking turns, in one run wherever they can be: a slow moment of
  the machine falls on both. Absolute times (ms, frames/s) are this machine's. Two cores are just enough for an edge and
  a cloud of one thread each: with other work beside them nearly every figure gets worse, and the page's note says so.
- Edge and cloud are processes of one machine. A slow edge is slowed down by really waiting, and the link by really
  shaping: `packets` is a pair of network namespaces with a process that shapes and delays real IP packets between them,
  `tbf` the kernel's token bucket on a veth pair (no delay), `emulator` a TCP relay in user space for machines without
  root. `python -m bench.links.link_physics` checks that they carry what they say.
- TCP's congestion control is named because it matters: after an idle second cubic starts slowly again, bbr does not.
"""

Page = tuple[str, Mapping[str, Any]]


def page(found: list[Page]) -> str:
    """Returns the overview of pages, by the stem of their file."""
    rows, pages = [], []
    for name, data in found:
        figures = [Figure.from_json(figure) for figure in data.get("figures", ())]
        titled = f"[{data['title']}]({name}.md)"
        rows += [{"page": titled, **figure.cells} for figure in _few(figures)]
        link = data.get("link") or {}
        kind = ", ".join(str(link[key]) for key in ("kind", "congestion") if key in link)
        kept = sum(figure.kept for figure in figures)
        told = {"page": titled, "date": data.get("date", ""), "processor": data.get("processor", ""), "link, TCP": kind}
        told |= {"figures": f"{kept} of {len(figures)} kept" if figures else "", "note": data.get("note", "")}
        pages.append(told)
    lines = ["# Benchmarks", "", wrapped(_INTRO), "", "![How far each figure is from what is wanted](overview.svg)", ""]
    lines += ["## How to read it", "", _READING, "## Wanted and measured", ""]
    lines += table(rows, texts=2, remark=True)
    lines += ["", "## Pages", "", *table(pages, texts=6)]
    return "\n".join(lines) + "\n"


def write(folder: Path) -> None:
    """Writes README.md and overview.svg from the JSON files of a folder."""
    order = {program.name: i for i, program in enumerate(PROGRAMS)}
    found = []
    for path in folder.glob("*.json"):
        data = json.loads(path.read_text(encoding="utf-8"))
        if "title" in data:
            found.append((path.stem, data))
    found.sort(key=lambda item: (order.get(item[0].removesuffix("_full"), len(order)), item[0]))
    (folder / "README.md").write_text(page(found), encoding="utf-8")
    _draw(found, folder / "overview.svg")


def _few(figures: list[Figure]) -> list[Figure]:
    """All figures of a page, but where there are many of one kind, only the one nearest to its bound or beyond it."""
    if len(figures) <= 6:
        return figures
    kinds: dict[str, Figure] = {}
    for figure in figures:
        kind = figure.what.partition(": ")[2] or figure.what
        if kind not in kinds or _used(figure) > _used(kinds[kind]):
            kinds[kind] = figure
    return list(kinds.values())


def _used(figure: Figure) -> float:
    """How much of what is allowed a figure takes: above 1 is missed."""
    if figure.measured is None:
        return float("inf")
    if figure.at_most:
        return figure.measured / figure.wanted if figure.wanted else 1.0 + figure.measured
    return figure.wanted / figure.measured if figure.measured > 0 else float("inf")


def _draw(found: list[Page], path: Path) -> None:
    bars = [
        (f"{name}: {figure.what}", _used(figure), figure.kept)
        for name, data in found
        for figure in _few([Figure.from_json(figure) for figure in data.get("figures", ())])
        if figure.measured is not None
    ][::-1]
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
