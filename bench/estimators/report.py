"""What `bench.estimators` measured, as a page."""

from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, Row, table
from bench.publishing.plots import STYLES, Canvas
from bench.publishing.publish import Plot, Report, from_text

# Percent on steady links; a step is seen within a second or three frames, whichever is later.
WANTED, WANTED_S, WANTED_FRAMES = 10.0, 1.0, 3
# A step is seen when the estimate stays this near to the new rate.
SETTLED = 0.20


def report(data: Row) -> Report:
    rows = data["rows"]
    steady = [(row, row["parts"][0]) for row in rows if len(row["parts"]) == 1]
    steps = [(row, *step) for row in rows for step in zip(row["parts"], row["parts"][1:], strict=False)]
    named = [
        (row, f"{before['rate_bps'] / 1e6:g} to {part['rate_bps'] / 1e6:g} Mbit/s", part) for row, before, part in steps
    ]
    caption = "The estimate while the link steps from 20 to 4 Mbit/s and back."
    return from_text(
        __file__,
        [*_steady_figures(steady), *_step_figures(named)],
        [Plot("step", caption, partial(_draw, [row for row in rows if len(row["parts"]) > 1]))],
        steady=table([_steady_cells(*found) for found in steady], texts=3),
        steps=table([_step_cells(*found) for found in named], texts=4),
    )


def _steady_figures(steady: list[tuple[Row, Row]]) -> Iterator[Figure]:
    """For each rate, the worst run."""
    for rate_bps in sorted({part["rate_bps"] for _, part in steady}):
        for position, kind in enumerate(("median", "largest")):
            found = [(_off(part)[position], row) for row, part in steady if part["rate_bps"] == rate_bps]
            error, row = max(found, key=lambda pair: pair[0])
            what = f"{rate_bps / 1e6:g} Mbit/s: {kind} error of the estimate on a steady link"
            yield Figure(what, WANTED, error, "%", why=_where(row))


def _step_figures(steps: list[tuple[Row, str, Row]]) -> Iterator[Figure]:
    for step in dict.fromkeys(name for _, name, _ in steps):
        found = [(_of_allowed(part), row) for row, name, part in steps if name == step]
        share, row = max(found, key=lambda pair: pair[0])
        what = f"{step}: time until the step is seen, over what is allowed (1 s or 3 frames, the later)"
        yield Figure(what, 1.0, share, why=_where(row))


def _of_allowed(part: Row) -> float:
    seconds, frames = part["seconds"] / WANTED_S, part["frames"] / WANTED_FRAMES
    return float(min(seconds, frames) if part["settled"] else seconds)  # not settled: by then at least


def _off(part: Row) -> tuple[float, float]:
    """Percent: the median amount of the error, and the largest."""
    amounts = [100 * abs(error) for error in part["errors"]]
    return median(amounts), max(amounts)


def _run(row: Row) -> dict[str, str]:
    what = f"frames of {row['bytes'] / 1000:g} kB" if row["offload"] else "probes"
    return {"link": f"{row['kind']}, {1000 * row['rtt_s']:g} ms", "TCP": row["congestion"], "measured by": what}


def _where(row: Row) -> str:
    run = _run(row)
    return f"{run['measured by']} over {run['link']}"


def _steady_cells(row: Row, part: Row) -> dict[str, Any]:
    error, largest = _off(part)
    return {
        **_run(row),
        "Mbit/s": f"{part['rate_bps'] / 1e6:g}",
        "frames/s": row["rate_hz"] if row["offload"] else "",
        "signed, %": f"{100 * median(part['errors']):+.1f}",
        "median error, %": error,
        "largest, %": largest,
    }


def _step_cells(row: Row, step: str, part: Row) -> dict[str, Any]:
    seconds, frames = (f"{part['seconds']:.2f}", part["frames"]) if part["settled"] else ("never settled", "")
    return {**_run(row), "step": step, "frames/s": row["rate_hz"], "seconds": seconds, "frames": frames}


def _draw(stepped: list[Row], canvas: Canvas) -> None:
    axes = canvas.add_subplot()
    for row, style in zip(stepped, STYLES, strict=False):
        told = [(at_s, bps / 1e6) for at_s, bps in row["readings"] if bps]
        label = f"{_run(row)['link']}, {_run(row)['measured by']}"
        axes.plot(*zip(*told, strict=True), **(style.of_line | {"marker": ""}), label=label)
    for row in stepped[:1]:
        begins = [part["begin_s"] for part in row["parts"]] + [row["readings"][-1][0]]
        goodputs = [part["goodput_bps"] / 1e6 for part in row["parts"]]
        axes.step(begins, [*goodputs, goodputs[-1]], where="post", color="0.5", linewidth=1.0, label="goodput")
    axes.set(xlabel="time (s)", ylabel="uplink (Mbit/s)", ylim=(0, None))
    axes.legend(fontsize=8)
