"""Prepares a picture as a model's input: scales it, and crops or pads it; the digest of the result."""

import hashlib
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from PIL import Image

from pictures.picture import MOST_PIXELS, Picture
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

    Sides are rounded down and the crop's corner to even, as torchvision's `resize` and `center_crop` do.

    Args:
        displayed: Width and height of the picture as a viewer shows it.
        preprocess: The choices.
        height: Rows of the model's input.
        width: Columns of the model's input.
    """
    shown_width, shown_height = displayed
    across, down = Fraction(width, shown_width), Fraction(height, shown_height)
    match preprocess.fit:
        case "stretch":
            return Placement(shown_width, shown_height, width, height, 0, 0)
        case "pad":
            scale = min(across, down)
            scaled_width, scaled_height = max(1, int(shown_width * scale)), max(1, int(shown_height * scale))
            left, top = -((width - scaled_width) // 2), -((height - scaled_height) // 2)
        case "crop":
            scale = max(across, down, Fraction(preprocess.resize or 0, min(shown_width, shown_height)))
            scaled_width, scaled_height = int(shown_width * scale), int(shown_height * scale)
            left, top = round((scaled_width - width) / 2), round((scaled_height - height) / 2)
    return Placement(shown_width, shown_height, scaled_width, scaled_height, left, top)


def prepared(picture: Picture, preprocess: Preprocess, height: int, width: int) -> npt.NDArray[np.uint8]:
    """The model's input of a picture.

    Returns:
        RGB, uint8 [1, 3, height, width], contiguous.
    """
    image, place = picture.image, placed(picture.displayed, preprocess, height, width)
    scaled, resampling = (place.scaled_width, place.scaled_height), _RESAMPLING[preprocess.interpolation]
    if preprocess.fit == "pad":
        whole = Image.new("RGB", (width, height), (preprocess.fill,) * 3)
        whole.paste(image.resize(scaled, resampling), (-place.left, -place.top))
    elif scaled[0] * scaled[1] <= MOST_PIXELS:
        # Not `resize(box=...)`, which costs half: Pillow then chooses another order of its two passes, which shows.
        region = place.left, place.top, place.left + width, place.top + height
        whole = image.resize(scaled, resampling).crop(region)
    else:  # a line of pixels, whose scaled picture would fill the memory
        whole = image.resize((width, height), resampling, _box(place, image.size, height, width))
    return np.ascontiguousarray(np.asarray(whole).transpose(2, 0, 1)[np.newaxis])


def _box(place: Placement, size: tuple[int, int], height: int, width: int) -> tuple[float, float, float, float]:
    """Where the input lies in the image, in its own pixels."""
    across, down = size[0] / place.scaled_width, size[1] / place.scaled_height
    right, bottom = (place.left + width) * across, (place.top + height) * down
    return place.left * across, place.top * down, min(right, size[0]), min(bottom, size[1])


def pixels_digest(image: npt.NDArray[np.uint8]) -> bytes:
    """The digest (16 bytes) of a model's input; equal digests are equal pixels."""
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=_DIGEST_BYTES).digest()
