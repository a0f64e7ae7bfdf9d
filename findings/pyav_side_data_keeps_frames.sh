#!/usr/bin/env bash
# Reading `frame.side_data` makes PyAV keep the frame's pixels until the garbage collector runs, which may be never.
#
# Expected: a decoded frame's memory is free as soon as the last name of the frame is gone, as it is without that read.
# What happens: the container of side data refers to the frame, and the frame to the container, so they are a cycle. The
# collector counts objects, not bytes: a process that makes few objects a frame (a decoder, say) keeps hundreds of
# frames, of megabytes each. Reading it for each frame is usual, for only the side data have the display matrix whole.
#
# Run by hand. Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import gc
import platform
import sys
from fractions import Fraction

import av
import numpy as np

print(f"Python {platform.python_version()}, PyAV {av.__version__}")
encoder = av.CodecContext.create("mpeg4", "w")
encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 1280, 720, "yuv420p", Fraction(1, 25)
packets = []
for number in range(100):
    frame = av.VideoFrame.from_ndarray(np.full((720, 1280, 3), number, np.uint8), format="rgb24")
    frame.pts = number
    packets += encoder.encode(frame)
del frame


def kept(read):
    """Frames that are still there after each was decoded, read, and dropped."""
    gc.collect()
    decoder = av.CodecContext.create("mpeg4", "r")
    for packet in packets:
        for frame in decoder.decode(av.Packet(bytes(packet))):
            read(frame)
            del frame
    return sum(isinstance(one, av.VideoFrame) for one in gc.get_objects())


def resident_mb():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmRSS"))


found = []
for name, read in (("nothing", lambda frame: None), ("pts", lambda frame: frame.pts),
                   ("rotation", lambda frame: frame.rotation), ("side_data", lambda frame: frame.side_data)):
    found.append(kept(read))
    print(f"read {name:9}: {found[-1]:3} of {len(packets)} frames kept, {resident_mb()} MB resident")
sys.exit(0 if max(found[:3]) <= 1 and found[3] >= 100 else 1)  # a decoder keeps one
PYTHON
