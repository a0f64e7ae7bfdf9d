"""Draws docs/images/architecture.svg: packages and sub-packages with their ideas, and who imports whom.

Everything in the picture but the rows of packages is read from the code: an idea is the first line of a package's
docstring, an arrow is an import. Nothing of the project is imported, the sources are only parsed.

    python docs/draw_architecture.py
"""

import ast
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

ROWS = (
    (("bench", 690), ("chaos", 250)),
    (("dads", 960),),
    (("edge_service", 500), ("cloud_service", 260), ("link_emulator", 160)),
    (("split_wire", 270), ("split_model", 380), ("models", 230)),
    (("partitioner", 520), ("pictures", 420)),
)
"""The packages from top to bottom, with widths in pixels. An import may point down or sideways, never up."""

BY_NAME = (("split_model", "models"),)
"""Imports by `importlib`, which parsing does not find: only when a model's spec asks for them."""

NAMES_ONLY = 8
"""A package with more sub-packages than this shows their names, without their ideas."""

WIDTH, MARGIN, GAP = 1000, 20, 58
PADDING, LINE, TITLE_LINE, ROOM_GAP = 12, 16, 20, 6
COLUMN, MOST_COLUMNS = 240, 3
CHARACTER = 6.5
"""Pixels of a character of 12 px in the widest usual sans-serif font."""
FILLS = ("#f3f3f3", "#fdf3d8", "#e3eefb", "#e6f4e6", "#f2e8f7")
INK, FAINT = "#1b1b1b", "#5a5a5a"


@dataclass(frozen=True, slots=True)
class Room:
    """A sub-package: its name below the package, its idea, and the sibling rooms that it imports."""

    name: str
    idea: str
    uses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """A top-level package with its rooms, and the other packages that it imports."""

    name: str
    idea: str
    rooms: tuple[Room, ...]
    uses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Box:
    """Where a package stands in the picture, in pixels."""

    package: Package
    x: float
    y: float
    width: float
    height: float
    fill: str


def read_packages(root: Path) -> dict[str, Package]:
    """Every package in a folder of sources, by name.

    Raises:
        ValueError: The packages of the folder are not those of `ROWS`.
    """
    found = {path.parent.name for path in root.glob("*/__init__.py")}
    drawn = {name for row in ROWS for name, _ in row}
    if found != drawn:
        raise ValueError(f"ROWS has {sorted(drawn)}, but the packages are {sorted(found)}: bring ROWS up to date")
    return {name: _read_package(root, name, found) for name in sorted(found)}


def _read_package(root: Path, name: str, packages: set[str]) -> Package:
    rooms = {_dotted(root, path.parent): _idea(path) for path in sorted((root / name).rglob("__init__.py"))}
    imports = [
        (_room_of(_dotted(root, path), rooms), target)
        for path in sorted((root / name).rglob("*.py"))
        for target in _imports(path)
    ]
    inside = {room: {_room_of(target, rooms) for source, target in imports if source == room} for room in rooms}
    below = {room: room.removeprefix(f"{name}.") for room in rooms if room != name}
    return Package(
        name,
        rooms[name],
        tuple(
            Room(short, rooms[room], tuple(below[used] for used in below if used in inside[room] - {room}))
            for room, short in below.items()
        ),
        frozenset(target.split(".")[0] for _, target in imports) & packages - {name},
    )


def _dotted(root: Path, path: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)


def _room_of(module: str, rooms: Iterable[str]) -> str:
    return max((room for room in rooms if f"{module}.".startswith(f"{room}.")), key=len, default="")


def _idea(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not docstring:
        raise ValueError(f"{path} has no docstring: its first line says the idea of the package")
    return docstring.splitlines()[0].replace("`", "")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def arrows(packages: Mapping[str, Package]) -> list[tuple[str, str]]:
    """Imports between packages without those that follow from others: no arrow beside a longer way."""
    return [
        (name, used)
        for name, package in packages.items()
        for used in sorted(package.uses)
        if not any(used in _reach(packages, other) for other in package.uses - {used})
    ]


def _reach(packages: Mapping[str, Package], name: str) -> set[str]:
    below = packages[name].uses
    return set(below).union(*(_reach(packages, other) for other in below))


def draw(root: Path) -> str:
    """The picture of the packages in a folder, as the text of an SVG file."""
    packages = read_packages(root)
    boxes, height = _place(packages)
    shapes = [line for box in boxes.values() for line in _box(box, packages)]
    for source, target in arrows(packages):
        shapes.append(_arrow(boxes, source, target, arrows(packages)))
    shapes += [_by_name(boxes[source], boxes[target]) for source, target in BY_NAME]
    shapes += _legend(height)
    title = "The packages of this project, their sub-packages, and who imports whom"
    size = f'width="{WIDTH}" height="{height:.0f}"'
    fonts = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
    tip = 'viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto-start-reverse"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" {size} role="img">',
        f"<title>{title}</title>",
        "<!-- made by docs/draw_architecture.py from the code's own imports and docstrings -->",
        f'<defs><marker id="tip" {tip}><path d="M0 0L10 5L0 10z" fill="{INK}"/></marker></defs>',
        f'<rect {size} fill="#ffffff"/>',
        f'<g font-family="{fonts}" font-size="12">',
    ]
    return "\n".join([*head, *shapes, "</g>", "</svg>", ""])


def _place(packages: Mapping[str, Package]) -> tuple[dict[str, Box], float]:
    boxes, y = {}, float(MARGIN)
    for row, fill in zip(ROWS, FILLS, strict=True):
        gap = (WIDTH - 2 * MARGIN - sum(width for _, width in row)) / max(len(row) - 1, 1)
        height = max(_height(packages[name], packages, width) for name, width in row)
        x = float(MARGIN)
        for name, width in row:
            boxes[name] = Box(packages[name], x, y, width, height, fill)
            x += width + gap
        y += height + GAP
    return boxes, y - GAP + MARGIN + LINE


def _height(package: Package, packages: Mapping[str, Package], width: float) -> float:
    columns = _columns(package, width)
    rooms = max((sum(len(lines) * LINE + ROOM_GAP for lines in column) for column in columns), default=0)
    return TITLE_LINE + len(_head(package, packages, width)) * LINE + rooms + PADDING


def _head(package: Package, packages: Mapping[str, Package], width: float) -> list[tuple[str, str]]:
    """What stands below a package's name: its idea, names of rooms where they are many, imports without an arrow."""
    drawn = {used for source, used in arrows(packages) if source == package.name}
    also = sorted(package.uses - drawn)
    lines = [(line, INK) for line in _wrap(package.idea, width)]
    if len(package.rooms) > NAMES_ONLY:
        lines += [(line, FAINT) for line in _wrap(", ".join(room.name for room in package.rooms), width)]
    if also:
        lines += [(line, FAINT) for line in _wrap(f"also imports {', '.join(also)}", width)]
    return lines


def _columns(package: Package, width: float) -> list[list[list[tuple[str, str]]]]:
    """The rooms of a package as columns of rooms of lines, each line with its style; in order, balanced by length."""
    if not package.rooms or len(package.rooms) > NAMES_ONLY:
        return []
    count = min(max(int(width // COLUMN), 1), MOST_COLUMNS, len(package.rooms))
    rooms = [_room(room, width / count) for room in package.rooms]
    total = sum(map(len, rooms))
    columns: list[list[list[tuple[str, str]]]] = [[] for _ in range(count)]
    done = 0
    for lines in rooms:
        columns[min(int((done + len(lines) / 2) * count / total), count - 1)].append(lines)
        done += len(lines)
    return columns


def _room(room: Room, width: float) -> list[tuple[str, str]]:
    uses = [(line, "uses") for line in _wrap(f"imports {', '.join(room.uses)}", width - 10)] if room.uses else []
    return [(room.name, "name"), *((line, "idea") for line in _wrap(room.idea, width - 10)), *uses]


def _wrap(text: str, width: float) -> list[str]:
    return textwrap.wrap(text, int((width - 2 * PADDING) / CHARACTER), break_on_hyphens=False)


def _box(box: Box, packages: Mapping[str, Package]) -> Iterator[str]:
    yield (
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{box.height:.0f}" rx="6"'
        f' fill="{box.fill}" stroke="{FAINT}"/>'
    )
    x, y = box.x + PADDING, box.y + TITLE_LINE
    yield _text(x, y, box.package.name, INK, 'font-weight="bold" font-size="15"')
    for line, colour in _head(box.package, packages, box.width):
        y += LINE
        yield _text(x, y, line, colour)
    columns = _columns(box.package, box.width)
    for place, column in enumerate(columns):
        down = y
        for lines in column:
            down += ROOM_GAP
            for line, kind in lines:
                down += LINE
                left = x + place * box.width / len(columns) + (0 if kind == "name" else 10)
                yield _text(left, down, line, FAINT if kind == "uses" else INK, _STYLES[kind])


_STYLES = {"name": 'font-weight="bold"', "idea": "", "uses": 'font-style="italic"'}


def _text(x: float, y: float, text: str, colour: str, style: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}"{" " * bool(style)}{style}>{escape(text)}</text>'


def _arrow(boxes: Mapping[str, Box], source: str, target: str, every: list[tuple[str, str]]) -> str:
    """From a box to one below it or beside it; several at one edge of a box stand apart, in the order of their ends."""
    start, end = boxes[source], boxes[target]
    if start.y > end.y:
        raise ValueError(f"{source} imports {target}, which is drawn above it: ROWS does not fit the imports")
    if start.y == end.y:
        y = start.y + start.height * 0.35
        ends = (start.x + start.width, end.x) if start.x < end.x else (start.x, end.x + end.width)
        return _line(ends[0], y, ends[1], y)
    outgoing = [boxes[used] for name, used in every if name == source and boxes[used].y > start.y]
    incoming = [boxes[name] for name, used in every if used == target and boxes[name].y < end.y]
    return _line(_share(start, end, outgoing), start.y + start.height, _share(end, start, incoming), end.y)


def _share(box: Box, other: Box, others: list[Box]) -> float:
    """Where an arrow meets the edge of a box: a full row is met straight, another box at an even share of its width."""
    if box.width == WIDTH - 2 * MARGIN:
        return other.x + other.width / 2
    order = sorted(others, key=lambda each: each.x + each.width / 2)
    return box.x + box.width * (order.index(other) + 1) / (len(order) + 1)


def _line(x1: float, y1: float, x2: float, y2: float, style: str = "") -> str:
    return (
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="{INK}" stroke-width="1.5"'
        f'{style} marker-end="url(#tip)"/>'
    )


def _by_name(source: Box, target: Box) -> str:
    y = source.y + source.height * 0.65
    return _line(source.x + source.width, y, target.x, y, ' stroke-dasharray="4 4"')


def _legend(height: float) -> list[str]:
    text = (
        "Arrow: imports. An import that other arrows imply is written in the box. Dashed: imported by name, when a "
        "model's spec asks for it."
    )
    return [_text(MARGIN, height - 12, text, FAINT)]


if __name__ == "__main__":
    project = Path(__file__).resolve().parents[1]
    (project / "docs/images/architecture.svg").write_text(draw(project), encoding="utf-8")
