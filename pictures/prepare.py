"""Prepares a picture as a model's input: scales it, and crops or pads it; the digest of the result."""

import hashlib

import numpy as np
import numpy.typing as npt
from PIL import Image

from pictures.picture import Picture
from pictures.placement import Placement
from pictures.preprocess import Preprocess

__all__ = ["pixels_digest", "placed", "prepared"]

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_DIGEST_BYTES = 16


def placed(displayed: tuple[int, int], preprocess: Preprocess, height: int, width: int) -> Placement:
    """Where the input lies in a picture.

    Args:
        displayed: Width and height of the picture as a viewer shows it.
        preprocess: The choices.
        height: Rows of the model's input.
        width: Columns of the model's input.
    """
    shown_width, shown_height = displayed
    match preprocess.fit:
        case "stretch":
            return Placement(shown_width, shown_height, width, height, 0, 0)
        case "pad":
            scale = min(height / shown_height, width / shown_width)
        case "crop":
            scale = max(height / shown_height, width / shown_width)
            if preprocess.resize is not None:
                scale = max(scale, preprocess.resize / min(shown_height, shown_width))
    scaled_width, scaled_height = max(1, int(shown_width * scale)), max(1, int(shown_height * scale))
    if preprocess.fit == "crop":
        scaled_width, scaled_height = max(width, scaled_width), max(height, scaled_height)
    left, top = round((scaled_width - width) / 2), round((scaled_height - height) / 2)
    return Placement(shown_width, shown_height, scaled_width, scaled_height, left, top)


def prepared(picture: Picture, preprocess: Preprocess, height: int, width: int) -> npt.NDArray[np.uint8]:
    """The model's input of a picture.

    Returns:
        RGB, uint8 [1, 3, height, width], contiguous.
    """
    place = placed(picture.displayed, preprocess, height, width)
    scaled = picture.image.resize((place.scaled_width, place.scaled_height), _RESAMPLING[preprocess.interpolation])
    if preprocess.fit == "pad":
        whole = Image.new("RGB", (width, height), (preprocess.fill,) * 3)
        whole.paste(scaled, (-place.left, -place.top))
    else:
        whole = scaled.crop((place.left, place.top, place.left + width, place.top + height))
    return np.ascontiguousarray(np.asarray(whole).transpose(2, 0, 1)[np.newaxis])


def pixels_digest(image: npt.NDArray[np.uint8]) -> bytes:
    """The digest (16 bytes) of a model's input; equal digests are equal pixels."""
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=_DIGEST_BYTES).digest()
