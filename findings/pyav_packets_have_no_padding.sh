#!/usr/bin/env bash
# PyAV's Packet(bytes) has no padding, so what lies behind it in memory decides what is decoded.
#
# Expected: `av.Packet(data)` is a packet with these bytes, and decoding equal packets in the same order gives equal pictures.
# What happens: FFmpeg's decoders read up to 64 bytes beyond a packet's end, where FFmpeg's own packets have zeros. PyAV
# points the packet at Python's bytes, without a copy and without such zeros. So decoders read what happens to follow in
# memory. MPEG-4's decoder lets that change pictures: other ones in each run, dozens of levels off, without an error. Here
# the bytes that follow are chosen, to make it the same in each run. `packet = av.Packet(len(data)); packet.update(data)`
# allocates a packet of FFmpeg's own, and is right.
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

import av
import numpy as np

print(f"Python {platform.python_version()}, PyAV {av.__version__}")
file = io.BytesIO()
with av.open(file, "w", "avi") as container:
    stream = container.add_stream("mpeg4", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for moved in range(12):
        grey = ((np.add.outer(np.arange(48), np.arange(64)) * 2 + moved * 3) % 256).astype(np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")))
    container.mux(stream.encode())
file.seek(0)
with av.open(file) as container:
    stream = container.streams.video[0]
    extradata = stream.codec_context.extradata
    packets = [bytes(packet) for packet in container.demux(stream) if packet.size]


def referring(data, following):
    return av.Packet(memoryview(data + bytes([following]) * 64)[: len(data)])


def copied(data, following):
    packet = av.Packet(len(data))
    packet.update(memoryview(data + bytes([following]) * 64)[: len(data)])
    return packet


def decoded(make, following):
    decoder = av.CodecContext.create("mpeg4", "r")
    decoder.extradata, decoder.thread_count = extradata, 1
    frames = [frame for data in packets for frame in decoder.decode(make(data, following))]
    return np.stack([frame.to_ndarray() for frame in frames]).astype(int)


found = {}
for make in (referring, copied):
    away = np.abs(decoded(make, 0x00) - decoded(make, 0x01))
    found[make.__name__] = int((away.max((1, 2)) > 0).sum())
    print(f"{make.__name__}: {found[make.__name__]} of {len(packets)} pictures differ, by up to {away.max()} levels")
sys.exit(0 if found["referring"] and not found["copied"] else 1)
PYTHON
