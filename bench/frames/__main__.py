"""What it costs to send a frame, and what of it arrives: every way from raw to the source's own packets.

The frames of two real clips, as the edge's sources make them for EfficientNet-Lite0, whose real weights tell how often
its answer stays.
"""

from functools import partial
from statistics import quantiles
from typing import Any

import numpy as np

from bench.frames.clip import Clip, read, timed
from bench.frames.kept import Kept
from bench.frames.report import report
from bench.frames.ways import WAYS
from bench.publishing.harness import Benchmark, Run
from edge_service.sources.sample import sample_path

CLIPS = ("bikes", "bigbuckbunny")
RATE_HZ, MOST_FRAMES = 6.0, 60


def spread_ms(seconds: list[float]) -> dict[str, float]:
    """The middle one, and those that a tenth is below and above."""
    tenths = quantiles(seconds, n=10)
    return {"median": 1000 * tenths[4], "low": 1000 * tenths[0], "high": 1000 * tenths[8]}


def measure_way(clip: Clip, name: str, way: str, kept: Kept) -> dict[str, Any]:
    sent = WAYS[way](clip)
    same = sum(np.array_equal(*pair) for pair in zip(clip.frames, sent.arrived, strict=True))
    return {
        "clip": name,
        "way": way,
        "frames": len(sent.arrived),
        "size_bytes": sum(sent.size_bytes) / len(sent.size_bytes),
        "encode_ms": spread_ms(sent.encode_s),
        "decode_ms": spread_ms(sent.decode_s),
        "same": same,
        "kept": kept.count(clip.frames, sent.arrived),
    }


def measure(run: Run) -> dict[str, Any]:
    kept, rows, clips = Kept(), [], []
    for name in CLIPS:
        run.say(f"reading {name}")
        clip = read(sample_path(name), kept.size, RATE_HZ, MOST_FRAMES, kept.preprocess)
        first = clip.pictures[0]
        made_s = [timed(partial(clip.frame_of, picture))[0] for picture in clip.pictures]
        clips.append({"clip": name, "width": first.width, "height": first.height, "made_ms": spread_ms(made_s)})
        for way in WAYS:
            run.say(f"{name}, {way}")
            rows.append(measure_way(clip, name, way, kept))
    return {"rate_hz": RATE_HZ, "clips": clips, "rows": rows}


BENCHMARK = Benchmark("frames", "What it costs to send a frame, and what of it arrives.", measure, report)

if __name__ == "__main__":
    BENCHMARK.main()
