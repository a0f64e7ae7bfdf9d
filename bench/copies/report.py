"""What `bench.copies` counted, as a page."""

from bench.publishing.figures import Figure, Row, table
from bench.publishing.publish import Report, from_text

# What a hand-made serializer and views of what was received leave, the kernel's aside: one of ours, three of gRPC's.
MOST_COPIES = 4.0
_NAMES = {"stream": "StreamTails", "unary": "RunTail", "generated": "RunTail, generated classes"}
_PARTS = {"written": "array to what gRPC is given", "read": "what gRPC gives to a torch tensor"}


def report(data: Row) -> Report:
    scale = data["times"] * data["size_bytes"]
    copies = {
        row["way"]: {"edge": row["edge_bytes"] / scale, "cloud": row["cloud_bytes"] / scale} for row in data["rows"]
    }
    both = {way: {**sides, "both": sum(sides.values())} for way, sides in copies.items()}
    return from_text(
        __file__,
        [
            Figure(f"copies through {_NAMES[way]}, both processes", MOST_COPIES, round(both[way]["both"], 2))
            for way in ("stream", "unary")
        ],
        size_mb=data["size_bytes"] / 1e6,
        times=data["times"],
        calls=table({"call": name, **{at: f"{n:.2f}" for at, n in both[way].items()}} for way, name in _NAMES.items()),
        parts=table({"part": name, "copies": f"{copies[way]['edge']:.2f}"} for way, name in _PARTS.items()),
    )
