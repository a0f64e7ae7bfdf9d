#!/usr/bin/env bash
# FFmpeg's scale filter forgets where a frame's chroma samples lie; swscale itself, and so PyAV's reformat, does not.
#
# Expected: a decoded frame becomes the same RGB by the filter `scale` (so by `ffmpeg -pix_fmt rgb24`) and by a call of swscale
# with the same flags, as PyAV's `reformat` and `to_ndarray` make it. The frame says that its chroma lies at the left, as
# H.264 has it.
# What happens: at edges of colour they are dozens of levels apart. The filter takes chroma to lie in the middle of its
# two pixels, whatever the frame or the filter `setparams` says. With `in_chroma_loc=left` it is equal to PyAV, and the middle
# of an edge lies where it should. So pictures that `ffmpeg` wrote are not those that a player, or PyAV, shows.
#
# Run by hand. Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import io
import platform
import sys
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import Interpolation

print(f"Python {platform.python_version()}, PyAV {av.__version__}")
FLAGS = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

# 64x64 in H.264 without loss: columns 0 to 30 have less colour than columns 32 to 62; 31 is half-way.
edge = np.tile(np.repeat([100, 160], 16), 32)
planes = np.concatenate([np.full(64 * 64, 120), edge, edge]).astype(np.uint8).reshape(96, 64)
file = io.BytesIO()
with av.open(file, "w", "mp4") as container:
    stream = container.add_stream("libx264", rate=10, options={"qp": "0"})
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    container.mux([*stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")), *stream.encode()])
file.seek(0)
with av.open(file) as container:
    frame = next(container.decode(video=0))


def red(rgb):
    return rgb.to_ndarray()[32, 26:38, 0].astype(int)


def filtered(*filters):
    graph = av.filter.Graph()
    nodes = [graph.add_buffer(width=64, height=64, format=frame.format, time_base=Fraction(1))]
    nodes += [graph.add(name, options) for name, options in filters] + [graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    graph.push(frame)
    return red(graph.pull())


flags, rgb = "flags=bicubic+accurate_rnd+full_chroma_int", ("format", "rgb24")
by_swscale = red(frame.reformat(format="rgb24", interpolation=FLAGS))
by_filter = filtered(("scale", flags), rgb)
told_twice = filtered(("setparams", "chroma_location=left"), ("scale", flags), rgb)
by_option = filtered(("scale", flags + ":in_chroma_loc=left"), rgb)
for what, row in {
    "PyAV's reformat": by_swscale,
    "scale": by_filter,
    "setparams, scale": told_twice,
    "scale with in_chroma_loc": by_option,
}.items():
    print(f"{what}: red of columns 26 to 37 {row.tolist()}")
apart = int(abs(by_swscale - by_filter).max())
print(f"up to {apart} levels apart")
same = (by_swscale == by_option).all() and (by_filter == told_twice).all()
sys.exit(0 if apart > 8 and same else 1)
PYTHON
