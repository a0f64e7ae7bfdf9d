"""What `bench.frames` measured, as a page: a table for each clip."""

from typing import Any

from bench.publishing.figures import Figure, Row, digits, grouped, table
from bench.publishing.publish import Report, from_text

# Wanted of the clip `bikes`, against zstd, which was the best before (issue 21).
MOST_LOSSLESS, MOST_PACKETS = 0.46, 0.10
_STRICT = "bikes"

_NAMES = {
    "raw": "raw uint8",
    "zstd": "zstd",
    "differences": "differences, zstd",
    "webp": "lossless WebP, method 0",
    "jpeg_xl": "lossless JPEG XL, effort 2",
    "png": "PNG",
    "jpeg95": "JPEG q95, 4:4:4",
    "jpeg90": "JPEG q90, 4:2:0",
    "jpeg75": "JPEG q75, 4:2:0",
    "h264_18": "H.264 crf 18, source size",
    "h264_23": "H.264 crf 23, source size",
    "h264_28": "H.264 crf 28, source size",
    "packets": "the source's own packets",
}
_LOSSLESS = ("differences", "webp", "jpeg_xl")


def report(data: Row) -> Report:
    clips = {row["clip"]: row for row in data["clips"]}
    by_clip = grouped(data["rows"], "clip")
    strict = {row["way"]: row for row in by_clip[(_STRICT,)]}
    zstd_bytes = strict["zstd"]["size_bytes"]
    figures = [
        Figure(
            f"{_STRICT}: smallest lossless picture's bytes, of zstd's",
            MOST_LOSSLESS,
            min(strict[way]["size_bytes"] for way in _LOSSLESS if way in strict) / zstd_bytes,
        ),
        Figure(
            f"{_STRICT}: the source's own packets' bytes, of zstd's",
            MOST_PACKETS,
            strict["packets"]["size_bytes"] / zstd_bytes,
        ),
        Figure(
            "frames that differ in a bit, of ways without loss",
            0.0,
            float(sum(row["frames"] - row["same"] for row in data["rows"] if row["way"] in (*_LOSSLESS, "packets"))),
        ),
    ]
    tables: list[str] = []
    for (name,), rows in by_clip.items():
        about = clips[name]
        tables += ["", f"## {name}, {about['width']}x{about['height']}, {rows[0]['frames']} frames", ""]
        tables += table(map(_cells, rows))
        tables += ["", f"Making the frame of a decoded picture: {_ms(about['made_ms'])} ms."]
    return from_text(__file__, figures, rate_hz=data["rate_hz"], tables=tables[1:])


def _cells(row: Row) -> dict[str, Any]:
    return {
        "sent": _NAMES[row["way"]],
        "kB": row["size_bytes"] / 1000,
        "encode, ms": _ms(row["encode_ms"]),
        "decode, ms": _ms(row["decode_ms"]),
        "same bits": f"{100 * row['same'] / row['frames']:.0f} %",
        "top-1 kept": f"{100 * row['kept'] / row['frames']:.0f} %",
    }


def _ms(spread: Row) -> str:
    return f"{digits(spread['median'])} ({digits(spread['low'])} to {digits(spread['high'])})"
