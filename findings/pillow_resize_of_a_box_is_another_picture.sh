#!/usr/bin/env bash
# Pillow's resize(size, box=...) gives other pixels than resizing the whole picture and cropping it.
#
# Expected: `image.resize(part, filter, box=...)` is the documented way to scale a part of a picture: the same pixels as
# `image.resize(whole, filter).crop(...)`, without computing the rest.
# What happens: a quarter of the samples of noise differs, where the box is exact in every respect. Pillow scales in two
# passes and rounds to 8 bits in between. It chooses the order of the passes by sizes, and a part has other sizes than the
# whole. Each pass alone gives the same pixels. So whoever scales a crop, or tiles a picture, does not get the pixels that
# the model was trained with.
#
# Run by hand. Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import platform
import sys

import numpy as np
import PIL
from PIL import Image

print(f"Python {platform.python_version()}, Pillow {PIL.__version__}")
noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8))
width, height = 384, 384  # by 3/4: rows 96 to 288 are those from 128 to 384, exactly
box = (0, 128, 512, 384)


def compared(what, whole, part):
    away = np.abs(np.asarray(whole).astype(int) - np.asarray(part))
    print(f"{what}: {(away > 0).mean():.1%} of the samples differ, by up to {away.max()}")
    return away.any()


bilinear = Image.Resampling.BILINEAR
both = compared(
    "both passes",
    noise.resize((width, height), bilinear).crop((0, 96, width, 288)),
    noise.resize((width, 192), bilinear, box),
)
rows = compared(
    "rows alone",
    noise.resize((512, height), bilinear).crop((0, 96, 512, 288)),
    noise.resize((512, 192), bilinear, box),
)
sys.exit(0 if both and not rows else 1)
PYTHON
