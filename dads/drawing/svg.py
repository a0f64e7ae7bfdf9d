"""A folded layer graph as SVG text.

Edge and cloud differ by colour and by the shape of their boxes, so that a black-and-white print is readable too. The
background is white in any viewer. A tooltip of each box lists its layers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from xml.sax.saxutils import escape

from dads import units
from dads.drawing.folding import Arrow, Box, FoldedGraph, Side
from dads.drawing.layout import Layout, Point, layered

_FONT_SIZE = 13
# Width of a character over the font size, a little too large for names of lower-case letters and digits.
_CHARACTER = 0.58
_LONGEST_NAME = 28
_LABEL_HEIGHT = 18.0
_BOX_HEIGHT = 42.0
_MARGIN = 28.0
_HEADER_LINE = 20.0
_LEGEND_HEIGHT = 34.0
_NAMES_IN_TOOLTIP = 60
_SIZES_EACH = 3

_FILL = {Side.EDGE: "#ffdfb0", Side.CLOUD: "#cfe4fa", Side.NONE: "#eeeeee"}
_STROKE = {Side.EDGE: "#9a5b00", Side.CLOUD: "#1f5f9e", Side.NONE: "#666666"}
_ROUNDING = {Side.EDGE: 0.0, Side.CLOUD: 16.0, Side.NONE: 5.0}
_SENT = "#b00020"
_TEXT = "#1a1a1a"


@dataclass(frozen=True, slots=True)
class Caption:
    """The text above the drawing.

    Attributes:
        title: One line, large.
        lines: More lines, small.
    """

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Text:
    """A box's text: the names of its layers for the tooltip, its name, and how many layers it holds."""

    layers: tuple[str, ...]
    name: str
    count: str


def graph_svg(
    graph: FoldedGraph,
    output_bytes: Mapping[str, int],
    caption: Caption | None,
    places: Mapping[str, str] | None = None,
) -> str:
    """Draws a folded graph.

    Args:
        graph: The boxes and arrows.
        output_bytes: Size of each layer's value, by name; the sizes of sent tensors are labels.
        caption: The text above, with a legend; None draws only boxes and arrows, for a page with its own text.
        places: Each layer's name for people, by its name; layers without one keep their name.

    Returns:
        The text of an SVG file, sizes in pixels.
    """
    texts_of = _texts(graph, places or {})
    layout = layered(
        [_width(text) for text in texts_of],
        [(arrow.source, arrow.target) for arrow in graph.arrows],
        box_height=_BOX_HEIGHT,
        labelled=[i for i, arrow in enumerate(graph.arrows) if arrow.sent],
    )
    labels = _labels(graph, output_bytes, layout, places or {})
    title, above, content, top = "Layer graph", [], layout.width, _MARGIN
    if caption is not None:
        sides = [side for side in Side if any(box.side is side for box in graph.boxes)]
        texts = [len(line) * _FONT_SIZE * _CHARACTER for line in caption.lines]
        texts.append(len(caption.title) * 18 * _CHARACTER)
        content = max(layout.width, 200.0 * (len(sides) + bool(labels)), *texts)
        top = _MARGIN + 26 + _HEADER_LINE * len(caption.lines) + _LEGEND_HEIGHT + 16
        title = caption.title
        above = [*_header(caption), *_legend(sides, top - _LEGEND_HEIGHT - 16, sends=bool(labels))]
    width, height = content + 2 * _MARGIN, top + layout.height + _MARGIN
    left = _MARGIN + max(0.0, (content - layout.width) / 2)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif" '
            f'font-size="{_FONT_SIZE}" fill="{_TEXT}">'
        ),
        f"<title>{escape(title)}</title>",
        _MARKERS,
        '<rect width="100%" height="100%" fill="white"/>',
        *above,
        f'<g transform="translate({left:.1f} {top:.1f})">',
        *(_arrow(arrow, route) for arrow, route in _thin_first(graph, layout)),
        *(_box(*drawn) for drawn in zip(graph.boxes, texts_of, layout.centres, strict=True)),
        *labels,
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def readable(names: str) -> str:
    """Shortens torch's long name for batch normalisation in names of layers."""
    return names.replace("_native_batch_norm_legit_no_training", "batch_norm")


def _header(caption: Caption) -> list[str]:
    rows = [f'<text x="{_MARGIN}" y="{_MARGIN + 14}" font-size="18" font-weight="bold">{escape(caption.title)}</text>']
    for i, line in enumerate(caption.lines):
        rows.append(f'<text x="{_MARGIN}" y="{_MARGIN + 18 + _HEADER_LINE * (i + 1):.0f}">{escape(line)}</text>')
    return rows


def _legend(sides: list[Side], y: float, *, sends: bool) -> list[str]:
    words = {Side.EDGE: "runs on the edge", Side.CLOUD: "runs in the cloud", Side.NONE: "not split"}
    parts, x = ['<g class="legend">'], _MARGIN
    for side in sides:
        parts.append(_shape(side, x, y + 4, 36, 20))
        parts.append(f'<text x="{x + 44:.0f}" y="{y + 19:.0f}">{words[side]}</text>')
        x += 190
    if sends:
        parts.append(
            f'<path d="M {x:.0f} {y + 14:.0f} h 34" stroke="{_SENT}" stroke-width="4" marker-end="url(#sent)"/>'
            f'<text x="{x + 48:.0f}" y="{y + 19:.0f}">sent to the cloud</text>'
        )
    return [*parts, "</g>"]


def _thin_first(graph: FoldedGraph, layout: Layout) -> list[tuple[Arrow, tuple[Point, ...]]]:
    return sorted(zip(graph.arrows, layout.routes, strict=True), key=lambda pair: bool(pair[0].sent))


def _arrow(arrow: Arrow, route: tuple[Point, ...]) -> str:
    """A line through the route: straight through rows, curved between them."""
    path = [f"M {route[0].x:.1f} {route[0].y:.1f}"]
    for i, (one, other) in enumerate(pairwise(route)):
        if i % 2:
            path.append(f"L {other.x:.1f} {other.y:.1f}")
            continue
        # The marker's head covers the last pixels of the last piece.
        end_y = other.y - (6 if i == len(route) - 2 else 0)
        middle_y = (one.y + end_y) / 2
        path.append(f"C {one.x:.1f} {middle_y:.1f} {other.x:.1f} {middle_y:.1f} {other.x:.1f} {end_y:.1f}")
    style = f'stroke="{_SENT}" stroke-width="4" marker-end="url(#sent)"' if arrow.sent else (
        'stroke="#777777" stroke-width="1.3" marker-end="url(#stays)"')  # fmt: skip
    name = "sent" if arrow.sent else "stays"
    return f'<path class="{name}" d="{" ".join(path)}" fill="none" {style}/>'


def _box(box: Box, text: _Text, centre: Point) -> str:
    width = _width(text)
    x, y = centre.x - width / 2, centre.y - _BOX_HEIGHT / 2
    shown = text.layers[:_NAMES_IN_TOOLTIP]
    rest = [f"and {len(box.layers) - len(shown)} more"] if len(box.layers) > len(shown) else []
    name, count = text.name, text.count
    parts = [f'<g class="box {box.side}">', f"<title>{escape(', '.join([*shown, *rest]))}</title>"]
    if not box.is_chain:  # a stack of sheets
        parts.append(_shape(box.side, x + 5, y + 5, width, _BOX_HEIGHT))
    parts.append(_shape(box.side, x, y, width, _BOX_HEIGHT))
    name_y = centre.y + (-3 if count else 5)
    parts.append(f'<text x="{centre.x:.1f}" y="{name_y:.1f}" text-anchor="middle">{escape(name)}</text>')
    if count:
        parts.append(
            f'<text x="{centre.x:.1f}" y="{centre.y + 13:.1f}" text-anchor="middle" font-size="11">{count}</text>'
        )
    return "".join([*parts, "</g>"])


def _shape(side: Side, x: float, y: float, width: float, height: float) -> str:
    rounding = min(_ROUNDING[side], height / 2)
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{rounding:.0f}" '
        f'fill="{_FILL[side]}" stroke="{_STROKE[side]}" stroke-width="1.5"/>'
    )


def _texts(graph: FoldedGraph, places: Mapping[str, str]) -> list[_Text]:
    """Each box's text; a module names its box if all its layers in the drawing are in there."""
    layers = [tuple(places.get(name, name) for name in box.layers) for box in graph.boxes]
    modules = [_common(names) if len(names) > 1 else "" for names in layers]
    holders = {module: sum(any(_is_in(name, module) for name in names) for names in layers) for module in {*modules}}
    return [
        _Text(names, _short(module) if module and holders[module] == 1 else _span(names[0], names[-1]), _count(box))
        for box, names, module in zip(graph.boxes, layers, modules, strict=True)
    ]


def _is_in(place: str, module: str) -> bool:
    return place == module or place.startswith(f"{module}.")


def _common(places: Sequence[str]) -> str:
    """The module that holds all places: `layer2` for `layer2.0.conv1` and `layer2.1.add`; empty if there is none."""
    columns = zip(*(place.split(".") for place in places), strict=False)  # as far as the shortest goes
    return ".".join(column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns))


def _span(first: str, last: str) -> str:
    if first == last:
        return _short(first)
    within = _common((first, last))
    return f"{_short(first)} … {_short(last.removeprefix(within).removeprefix('.'))}"


def _count(box: Box) -> str:
    """A box's second line, which may be empty."""
    words = []
    if len(box.layers) > 1:
        words.append(f"{len(box.layers)} layers")
    if box.branches > 1:
        words.append(f"{box.branches} branches")
    words += [word for word, holds in (("input", box.is_input), ("output", box.is_output)) if holds]
    return " · ".join(words)


def _short(name: str) -> str:
    """A layer's name, shortened to fit a box."""
    name = readable(name)
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


def _width(text: _Text) -> float:
    return max(90.0, len(text.name) * _FONT_SIZE * _CHARACTER + 24, len(text.count) * 11 * _CHARACTER + 24)


def _labels(
    graph: FoldedGraph, output_bytes: Mapping[str, int], layout: Layout, places: Mapping[str, str]
) -> list[str]:
    """The sizes of the sent tensors, each once, on the shortest of its arrows."""
    lengths = [sum(abs(one.x - other.x) for one, other in pairwise(route)) for route in layout.routes]
    labels: list[str] = []
    written: set[str] = set()
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        new = [name for name in graph.arrows[i].sent if name not in written]
        if new:
            written.update(new)
            sizes = [output_bytes[name] for name in new]
            text = " + ".join(map(units.format_bytes, sizes))
            if len(sizes) > _SIZES_EACH:
                text = f"{units.format_bytes(sum(sizes))} in {len(sizes)} tensors"
            labels.append(_label(text, ", ".join(places.get(name, name) for name in new), *layout.routes[i][:2]))
    return labels


def _label(text: str, names: str, one: Point, other: Point) -> str:
    # The middle of a curve between two rows, a little higher so that the arrow's head stays visible.
    x, y = (one.x + other.x) / 2, (one.y + other.y) / 2 - 3
    width = len(text) * _FONT_SIZE * _CHARACTER + 14
    return (
        f'<g class="size"><title>{escape(names)}</title>'
        f'<rect x="{x - width / 2:.1f}" y="{y - _LABEL_HEIGHT / 2:.1f}" width="{width:.1f}" height="{_LABEL_HEIGHT}" '
        f'rx="3" fill="white" stroke="{_SENT}"/>'
        f'<text x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="middle" font-weight="bold" fill="{_SENT}">{text}</text></g>'
    )


_MARKERS = (
    "<defs>"
    '<marker id="stays" viewBox="0 0 10 10" refX="2" refY="5" markerWidth="7" markerHeight="7" orient="auto" '
    'markerUnits="userSpaceOnUse"><path d="M 0 0 L 10 5 L 0 10 z" fill="#777777"/></marker>'
    '<marker id="sent" viewBox="0 0 10 10" refX="2" refY="5" markerWidth="14" markerHeight="14" orient="auto" '
    f'markerUnits="userSpaceOnUse"><path d="M 0 0 L 10 5 L 0 10 z" fill="{_SENT}"/></marker>'
    "</defs>"
)
