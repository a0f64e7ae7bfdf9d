"""What `bench.wide_live` measured, as a page: one row for each way in which frames ended, beside what is wanted."""

from statistics import median

from bench.publishing.figures import Figure, Row, grouped, table
from bench.publishing.publish import Report, from_text

WANTED_BLOCK_S = 0.02


def report(data: Row) -> Report:
    rows = data["rows"]
    dropped = sum(row["outcome"] == "dropped" for row in rows)
    before = next((i for i, row in enumerate(rows) if row["table_splits"]), len(rows))
    return from_text(
        __file__,
        [
            Figure("frames dropped", 0, dropped),
            Figure("longest block of the event loop", WANTED_BLOCK_S, max(row["loop_blocked_s"] for row in rows), "s"),
        ],
        frames=len(rows),
        before=before,
        splits=rows[-1]["table_splits"],
        layers=data["layers"],
        slowdown=data["slowdown"],
        rate=data["rate_hz"],
        uplink=data["uplink_bps"] / 1e6,
        link=data["link"],
        rtt_ms=1000 * data["link"]["rtt_s"],
        cells=table(
            (
                {"outcome": outcome, "sent": cut, "encoding": encoding, "frames": len(found)}
                for (outcome, cut, encoding), found in sorted(grouped(rows, "outcome", "cut", "encoding").items())
            ),
            texts=3,
        ),
        latency_ms=1000 * median(row["latency_s"] for row in rows),
    )
