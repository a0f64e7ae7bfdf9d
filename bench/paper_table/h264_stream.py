"""The H.264 baseline as the benchmark runs it: starts both ends, has them stream, and sums up what they tell."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.child import Child, end, started
from bench.links.shaped import ShapedLink
from bench.paper_table.h264_ends import StreamedFrame, StreamRun

PICTURES_HZ = {"light": 1.0, "heavy": 20.0}
"""Pictures come as fast as frames do; under light load a second apart, as those of the other ways."""


def summary(frames: list[StreamedFrame], dropped: int, load: str, rtt_s: float) -> dict[str, Any]:
    """What is kept of a cell, as of the agent's frames; latency is from submission to result."""
    head_s, tail_s = median(frame.head_s for frame in frames), median(frame.tail_s for frame in frames)
    transfer_s = median(frame.sent_s - frame.tail_s for frame in frames) - rtt_s
    elapsed_s = frames[-1].ended_s - frames[0].ended_s
    return {
        "frames": len(frames),
        "outcomes": {"offloaded": len(frames), "dropped": dropped},
        "latency_s": median(frame.wall_s for frame in frames),
        "throughput_hz": (len(frames) - 1) / elapsed_s if load == "heavy" else 1 / max(head_s, transfer_s, tail_s),
        "cuts": ["source picture (h264)"],
        "size_bytes": median(frame.size_bytes for frame in frames),
    }


@dataclass(frozen=True, slots=True)
class Streaming:
    """Both ends, over the same link as the agent's."""

    address: str
    edge: Child

    def run(self, load: str, *, frames: int, slowdown: float, rtt_s: float, limit_s: float) -> dict[str, Any]:
        """Streams pictures until so many frames have a result, or until the limit."""
        run = StreamRun(
            self.address,
            rate_hz=PICTURES_HZ[load],
            single=load == "light",
            frames=frames,
            warmup=1,
            limit_s=limit_s,
            slowdown=slowdown,
        )
        told, dropped = self.edge.ask(asdict(run))
        return summary([StreamedFrame(**frame) for frame in told], dropped, load, rtt_s)


@contextlib.contextmanager
def streaming(spec: str, link: ShapedLink) -> Iterator[Streaming]:
    serving = link.on_cloud(end("bench.paper_table.h264_ends:serve", link.listen, spec))
    with started(serving) as cloud, started(link.on_edge(end("bench.paper_table.h264_ends:drive"))) as edge:
        yield Streaming(link.dial(cloud.hear()), edge)
