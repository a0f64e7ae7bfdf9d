"""Decodes files and packets that hold one picture each: JPEG, PNG, WebP and the like, as Pillow decodes them."""

import contextlib
import io
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pictures.errors import PictureError
from pictures.picture import MOST_PIXELS, Picture

__all__ = ["decode_still"]

# Not all that Pillow has: its EPS plugin starts a program. The first five are built in; the others are loaded for bytes
# that are none of these.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000")
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})
_SIXTEEN_BITS = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
_PILLOW = r"PIL\."
_TOO_LARGE = f"the picture is too large; expected at most {MOST_PIXELS} pixels"


def decode_still(data: bytes) -> Picture:
    """Decode one picture; of an animation the first.

    Raises:
        PictureError: The bytes are no picture, a damaged, or a too large one.
    """
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        raise PictureError("HEIC pictures cannot be decoded; expected such as JPEG: heif-convert makes it of them")
    _silence_pillow()
    try:
        return Picture(_decoded(data))
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(_TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise PictureError(f"not a picture that can be decoded; expected one of {', '.join(_FORMATS)}") from error
    except Exception as error:  # for damaged bytes Pillow raises errors of many types
        raise PictureError(f"the picture cannot be decoded: {str(error) or type(error).__name__}") from error


def _decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise PictureError(_TOO_LARGE)
        opened.load()
        return _rgb(_upright(opened))


def _silence_pillow() -> None:
    """Pillow warns of damaged metadata, which says nothing of the pixels, and of large pictures, which are refused."""
    if not any(getattr(known[3], "pattern", None) == _PILLOW for known in warnings.filters):
        warnings.filterwarnings("ignore", module=_PILLOW)


def _upright(image: Image.Image) -> Image.Image:
    with contextlib.suppress(Exception):  # damaged EXIF does not damage the picture; viewers show it as it lies
        return ImageOps.exif_transpose(image)
    return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BITS:
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() >= 1 << 16:
            raise PictureError(f"a grey picture with levels from {levels.min()} to {levels.max()}; expected 16 bits")
        # Pillow would clip them. Of colours with 16 bits it takes the high byte too.
        image = Image.fromarray((levels >> 8).astype(np.uint8))
    if image.mode == "F":
        raise PictureError("a picture of floating-point numbers; expected 8 or 16 bits")
    if image.mode == "P" and image.has_transparency_data:
        image = image.convert("RGBA")  # Pillow warns of the direct way, whose pixels are the same
    return image.convert("RGB")
