"""What `bench.copies` counted, as a page."""

from collections.abc import Mapping
from typing import Any

from bench.publishing.figures import Figure, table
from bench.publishing.publish import Report

# What a hand-made serializer and views of what was received leave, the kernel's aside: one of ours, three of gRPC's.
MOST_COPIES = 4.0

_METHOD = (
    "A library in front of the C library adds up what memcpy and memmove copy in the edge's and the cloud's process "
    "while a tensor goes from a numpy array to a torch tensor in the cloud; divided by the tensor's size, that is the "
    "number of copies. The answer is 1 kB. The kernel's two copies, into a socket and out of it, are not among them. "
    "Generated classes: `RunTail` with protobuf's own messages, the array's bytes put into one, each field read once, "
    "the result copied into memory that may be written to."
)
_NAMES = {"stream": "StreamTails", "unary": "RunTail", "generated": "RunTail, generated classes"}
_PARTS = {"written": "array to what gRPC is given", "read": "what gRPC gives to a torch tensor"}


def report(data: Mapping[str, Any]) -> Report:
    scale = data["times"] * data["size_bytes"]
    sides = {row["way"]: (row["edge_bytes"] / scale, row["cloud_bytes"] / scale) for row in data["rows"]}
    calls = []
    for way, name in _NAMES.items():
        edge, cloud = sides[way]
        calls.append({"call": name, "edge": f"{edge:.2f}", "cloud": f"{cloud:.2f}", "both": f"{edge + cloud:.2f}"})
    parts = [{"part": name, "copies": f"{sides[way][0]:.2f}"} for way, name in _PARTS.items()]
    return Report(
        title="Copies: how often a tensor's bytes are copied",
        method=_METHOD,
        figures=[
            Figure(f"copies through {_NAMES[way]}, both processes", MOST_COPIES, round(sum(sides[way]), 2))
            for way in ("stream", "unary")
        ],
        body=[
            f"A tensor of {data['size_bytes'] / 1e6:g} MB, {data['times']} times.",
            "",
            *table(calls),
            "",
            "Of these, this project's own; the others are gRPC's:",
            "",
            *table(parts),
        ],
    )
