"""Draws what a model saw on the source's picture: the boxes that are shown, or the top class as a caption."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from edge_service.output.boxes import Box, boxes_of, shown
from edge_service.output.results import seen
from pictures import Picture

__all__ = ["Annotator"]

# Colours that differ from each other also for the colour-blind (Okabe and Ito), each on black or white text.
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#ffffff")
_DARK = frozenset(("#0072b2", "#d55e00", "#009e73"))
_LEAST_FONT = 11
_MOST_TEXT = 48
_MOST_LABELS = 10_000


class Annotator:
    """Draws on pictures of any size. Not for several threads at once: each takes one of its own.

    Args:
        most: the largest width and height of what is drawn, in pixels; larger pictures are scaled down.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._fonts: dict[int, ImageFont.FreeTypeFont | ImageFont.ImageFont] = {}
        self._colours: dict[str, str] = {}

    def drawn(self, picture: Picture, record: Mapping[str, Any]) -> Image.Image:
        """The picture with what the model saw in it.

        Args:
            picture: the source's; it is not changed.
            record: the frame's line of `--results`, with boxes in pixels of this picture.
        """
        width, height = picture.displayed
        scale = 1.0 if self._most is None else min(1.0, self._most / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = picture.image.copy() if picture.image.size == size else picture.image.resize(size)
        canvas = _Canvas(image, self._font(image))
        boxes = boxes_of(record.get("result"))
        if boxes is None:
            canvas.caption(_caption(record))
        for box in reversed(shown(boxes or ())):  # the best ones above the others
            canvas.box(box, scale, self._colour(box.label))
        return image

    def _colour(self, label: str) -> str:
        if len(self._colours) > _MOST_LABELS:  # a model whose labels never end
            self._colours.clear()
        return self._colours.setdefault(label, _COLOURS[len(self._colours) % len(_COLOURS)])

    def _font(self, image: Image.Image) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        size = max(_LEAST_FONT, min(image.size) // 30)
        if size not in self._fonts:
            self._fonts[size] = ImageFont.load_default(size)
        return self._fonts[size]


class _Canvas:
    """One picture that is drawn on."""

    def __init__(self, image: Image.Image, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> None:
        self._image = image
        self._font = font
        self._draw = ImageDraw.Draw(image)

    @cached_property
    def _line(self) -> int:
        return max(2, min(self._image.size) // 240)

    def box(self, box: Box, scale: float, colour: str) -> None:
        """Draws a box and its label, as far as they are within the picture."""
        most_x, most_y = self._image.width - 1, self._image.height - 1
        left, right = sorted(_within(x * scale, most_x) for x in (box.x1, box.x2))
        top, bottom = sorted(_within(y * scale, most_y) for y in (box.y1, box.y2))
        self._draw.rectangle((left, top, right, bottom), outline=colour, width=self._line)
        self._text(left, top, box.label if box.score is None else f"{box.label} {box.score:.2f}", colour, above=True)

    def caption(self, text: str) -> None:
        """Writes into the upper left corner; nothing where there is no text."""
        if text:
            self._text(0, 0, text, "#ffffff", above=False)

    def _text(self, x: float, y: float, text: str, colour: str, *, above: bool) -> None:
        text = " ".join(text.split())
        if len(text) > _MOST_TEXT:
            text = f"{text[: _MOST_TEXT - 3]}..."
        margin = self._line
        left, top, right, bottom = self._draw.textbbox((0, 0), text, font=self._font)
        width, height = right - left + 2 * margin, bottom - top + 2 * margin
        x = max(0, min(x, self._image.width - width))
        y = max(0, y - height if above else y)
        self._draw.rectangle((x, y, x + width, y + height), fill=colour)
        ink = "#ffffff" if colour in _DARK else "#000000"
        self._draw.text((x + margin - left, y + margin - top), text, fill=ink, font=self._font)


def _caption(record: Mapping[str, Any]) -> str:
    top = record.get("top")
    if not top:
        return seen(record) if "result" in record else ""
    score = top[0]["score"]
    return str(top[0]["label"]) if score is None else f"{top[0]['label']} {score:.2f}"


def _within(number: float, most: int) -> float:
    return min(max(number, 0.0), float(most))
