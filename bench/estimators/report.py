"""What `bench.estimators` measured, as a page."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from bench.publishing.figures import Figure, table
from bench.publishing.plots import STYLES, Canvas
from bench.publishing.publish import Plot, Report

# Percent on steady links; a step is seen within a second or three frames, whichever is later.
WANTED, WANTED_S, WANTED_FRAMES = 10.0, 1.0, 3
# A step is seen when the estimate stays this near to the new rate.
SETTLED = 0.20

_METHOD = (
    "The agent's estimate of the uplink, read every 50 ms, against the link's goodput: its rate less the headers of "
    "TCP and IP. Steady: the error over the last half of a run, its median amount and the largest; frames that take "
    "half of the link at most, or, where the edge does not offload, the agent's own probes. Step: from the moment at "
    "which the link changes until the estimate stays within 20 %, in seconds and in frames that ended meanwhile. A "
    "step is seen in time where either the seconds are at most one or the frames at most three: the later of the two "
    "is allowed."
)

Row = Mapping[str, Any]


def report(data: Mapping[str, Any]) -> Report:
    rows = data["rows"]
    return Report(
        title="Estimators: the uplink as the agent sees it",
        method=_METHOD,
        figures=[*_steady_figures(rows), *_step_figures(rows)],
        body=["## Steady links", "", *_steady_table(rows), "", "## Steps", "", *_step_table(rows)],
        plots=[
            Plot("step", "The estimate while the link steps from 20 to 4 Mbit/s and back.", lambda to: _draw(rows, to))
        ],
    )


def _steady(rows: list[Row]) -> Iterator[tuple[Row, Mapping[str, Any]]]:
    yield from ((row, row["parts"][0]) for row in rows if len(row["parts"]) == 1)


def _steps(rows: list[Row]) -> Iterator[tuple[Row, str, Mapping[str, Any]]]:
    for row in rows:
        for before, after in zip(row["parts"], row["parts"][1:], strict=False):
            yield row, f"{before['rate_bps'] / 1e6:g} to {after['rate_bps'] / 1e6:g} Mbit/s", after


def _what(row: Row) -> str:
    return f"frames of {row['bytes'] / 1000:g} kB" if row["offload"] else "probes"


def _link(row: Row) -> str:
    return f"{row['kind']}, {1000 * row['rtt_s']:g} ms"


def _off(part: Mapping[str, Any]) -> tuple[float, float]:
    """Percent: the median amount of the error, and the largest."""
    amounts = [100 * abs(error) for error in part["errors"]]
    return median(amounts), max(amounts)


def _steady_figures(rows: list[Row]) -> Iterator[Figure]:
    """For each rate, the worst run."""
    for rate_bps in sorted({part["rate_bps"] for _, part in _steady(rows)}):
        for position, kind in enumerate(("median", "largest")):
            found = [(_off(part)[position], row) for row, part in _steady(rows) if part["rate_bps"] == rate_bps]
            error, row = max(found, key=lambda pair: pair[0])
            what = f"{rate_bps / 1e6:g} Mbit/s: {kind} error of the estimate on a steady link"
            yield Figure(what, WANTED, error, "%", why=f"{_what(row)} over {_link(row)}")


def _step_figures(rows: list[Row]) -> Iterator[Figure]:
    steps = list(dict.fromkeys(step for _, step, _ in _steps(rows)))
    for step in steps:
        found = [(_of_allowed(part), row) for row, name, part in _steps(rows) if name == step]
        share, row = max(found, key=lambda pair: pair[0])
        what = f"{step}: time until the step is seen, over what is allowed (1 s or 3 frames, the later)"
        yield Figure(what, 1.0, share, why=f"{_what(row)} over {_link(row)}")


def _of_allowed(part: Mapping[str, Any]) -> float:
    if not part["settled"]:  # by then at least
        return float(part["seconds"] / WANTED_S)
    return float(min(part["seconds"] / WANTED_S, part["frames"] / WANTED_FRAMES))


def _run(row: Row) -> dict[str, str]:
    return {"link": _link(row), "TCP": row["congestion"], "measured by": _what(row)}


def _steady_table(rows: list[Row]) -> list[str]:
    cells = [
        {
            **_run(row),
            "Mbit/s": f"{part['rate_bps'] / 1e6:g}",
            "frames/s": row["rate_hz"] if row["offload"] else "",
            "signed, %": f"{100 * median(part['errors']):+.1f}",
            **dict(zip(("median error, %", "largest, %"), _off(part), strict=True)),
        }
        for row, part in _steady(rows)
    ]
    return table(cells, texts=3)


def _step_table(rows: list[Row]) -> list[str]:
    cells = []
    for row, step, part in _steps(rows):
        took = (f"{part['seconds']:.2f}", part["frames"]) if part["settled"] else ("never settled", "")
        cell = {**_run(row), "step": step, "frames/s": row["rate_hz"], "seconds": took[0], "frames": took[1]}
        cells.append(cell)
    return table(cells, texts=4)


def _draw(rows: list[Row], canvas: Canvas) -> None:
    stepped = [row for row in rows if len(row["parts"]) > 1]
    axes = canvas.add_subplot()
    for row, style in zip(stepped, STYLES, strict=False):
        told = [(at_s, bps / 1e6) for at_s, bps in row["readings"] if bps]
        label = f"{_link(row)}, {_what(row)}"
        axes.plot(*zip(*told, strict=True), **(style.of_line | {"marker": ""}), label=label)
    for row in stepped[:1]:
        begins = [part["begin_s"] for part in row["parts"]] + [row["readings"][-1][0]]
        goodputs = [part["goodput_bps"] / 1e6 for part in row["parts"]]
        axes.step(begins, [*goodputs, goodputs[-1]], where="post", color="0.5", linewidth=1.0, label="goodput")
    axes.set(xlabel="time (s)", ylabel="uplink (Mbit/s)", ylim=(0, None))
    axes.legend(fontsize=8)
