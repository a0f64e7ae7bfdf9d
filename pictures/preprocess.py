"""The choices of preprocessing: how a picture becomes a model's input."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

from pictures.errors import PreprocessError

__all__ = ["Fit", "Interpolation", "Preprocess"]

Fit = Literal["crop", "stretch", "pad"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]

_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a picture becomes a model's input of a given height and width.

    Attributes:
        fit: `crop`: scale the shorter side to `resize`, and take the centre. `stretch`: scale each side to the input's.
            `pad`: scale until the whole picture fits, centred on `fill`.
        resize: For `crop`, the shorter side before the crop; None: the smallest that covers the input.
        interpolation: Of the scaling, with antialiasing.
        fill: For `pad`, the level of the border, 0 to 255.

    Raises:
        PreprocessError: A value is none of these.

    Example:
        >>> str(Preprocess(resize=256))
        'crop,resize=256,bilinear'
        >>> Preprocess.parse("pad,bicubic,fill=114")
        Preprocess(fit='pad', resize=None, interpolation='bicubic', fill=114)
    """

    fit: Fit = "crop"
    resize: int | None = None
    interpolation: Interpolation = "bilinear"
    fill: int = 0

    def __post_init__(self) -> None:
        if self.fit not in get_args(Fit):
            raise PreprocessError(f"fit is {self.fit!r}; expected one of {', '.join(get_args(Fit))}")
        if self.interpolation not in get_args(Interpolation):
            expected = ", ".join(get_args(Interpolation))
            raise PreprocessError(f"interpolation is {self.interpolation!r}; expected one of {expected}")
        if self.resize is not None and (self.fit != "crop" or self.resize < 1):
            raise PreprocessError(f"resize={self.resize} with {self.fit}; expected at least 1, and fit crop")
        if not 0 <= self.fill <= 255 or (self.fill and self.fit != "pad"):
            raise PreprocessError(f"fill={self.fill} with {self.fit}; expected 0 to 255, and fit pad")

    def __str__(self) -> str:
        words = [self.fit, *([f"resize={self.resize}"] if self.resize is not None else []), self.interpolation]
        return ",".join([*words, *([f"fill={self.fill}"] if self.fill else [])])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        Raises:
            PreprocessError: The text is none; the message says what was expected.
        """
        found: dict[str, str | int] = {}
        for word in text.split(","):
            name, is_number, value = word.strip().partition("=")
            key = name if is_number else ("fit" if name in get_args(Fit) else "interpolation")
            if is_number:
                is_known = name in ("resize", "fill") and value.isdecimal() and len(value) <= _MOST_DIGITS
            else:
                is_known = name in (*get_args(Fit), *get_args(Interpolation))
            if key in found or not is_known:
                raise PreprocessError(
                    f"{word.strip()!r} is not understood; expected one each of {', '.join(get_args(Fit))} and of "
                    f"{', '.join(get_args(Interpolation))}, such as crop,resize=256,bilinear or pad,bilinear,fill=114"
                )
            found[key] = int(value) if is_number else name
        return cls(**found)  # type: ignore[arg-type] # __post_init__ checks the values
