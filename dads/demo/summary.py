"""The summary of the demo: adaptive beside the other policies, and whether every result was right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["BASELINES", "print_summary", "shown", "verdict"]

Report = Mapping[str, Any]

BASELINES = ("edge_only", "cloud_only")


def verdict(report: Report, frames: int, compared: Sequence[str] = BASELINES) -> str | None:
    """Returns what is wrong with a demo's report, or None.

    Args:
        report: The edge's report, with its baselines.
        frames: Frames that each run was to read.
        compared: The policies that were to run beside adaptive.
    """
    runs = _runs(report)
    different = sum(run["verify"]["different"] for run in runs.values())
    failed = sum(run["frames"]["failed"] for run in runs.values())
    unchecked = sum(run["frames"]["done"] - run["verify"]["checked"] for run in runs.values())
    problems = {
        f"the run ended early: {report.get('error')}": "error" in report,
        f"{different} results differ from the whole model's": different,
        f"{failed} frames failed": failed,
        f"{unchecked} results were not compared with the whole model": unchecked,
        "no frame was finished": not report["frames"]["done"],
    }
    for name in compared:
        problems[f"{shown(name)} was not run"] = name not in report["baselines"]
    for name, run in runs.items():
        problems[f"{name} read {run['frames']['read']} of {frames} frames"] = run["frames"]["read"] < frames
    return next((problem for problem, is_so in problems.items() if is_so), None)


def print_summary(report: Report, frames: int, console: Console, compared: Sequence[str] = BASELINES) -> None:
    """Prints the comparison, the prediction's accuracy and the verification; see `verdict`."""
    runs = _runs(report)
    table = Table(title="the same clip over the same link", title_justify="left")
    table.add_column("")
    for name in runs:
        table.add_column(name, justify="right")
    rows: dict[str, Callable[[Report], str]] = {
        "frames finished of read": lambda run: f"{run['frames']['done']} of {run['frames']['read']}",
        "frames dropped": lambda run: str(run["frames"]["dropped"]),
        "latency, mean": lambda run: _ms(run["latency_s"]["mean"]),
        "latency, median": lambda run: _ms(run["latency_s"]["p50"]),
        "latency, 95 %": lambda run: _ms(run["latency_s"]["p95"]),
        "throughput": lambda run: "-" if run["throughput_hz"] is None else f"{run['throughput_hz']:.2f} frames/s",
        "changes of the split": lambda run: str(run["switches"]),
        "finished locally": lambda run: str(run["frames"]["local_fallback"]),
        "compared / different": lambda run: f"{run['verify']['checked']} / {run['verify']['different']}",
    }
    for name, cell in rows.items():
        table.add_row(name, *(cell(run) for run in runs.values()))
    console.print(table)
    stages = Table(title="adaptive: mean stage times", title_justify="left")
    for column in ("", "predicted", "measured"):
        stages.add_column(column, justify="right" if column else "left")
    for stage, both in report["stages"].items():
        stages.add_row(stage, _ms(both["predicted_s"]), _ms(both["measured_s"]))
    console.print(stages)
    console.print(_computed_in(report), soft_wrap=True)
    for line in _comparison(report):
        console.print(line, soft_wrap=True)
    checked = sum(run["verify"]["checked"] for run in runs.values())
    problem = verdict(report, frames, compared)
    if problem is None:
        console.print(f"[bold green]Every one of the {checked} results equals the whole model's.[/]")
        console.print(f"They were compared with its {report['verify']['against']}.")
    else:
        console.print(f"[bold red]{problem}[/]")


def _runs(report: Report) -> dict[str, Report]:
    return {"adaptive": report, **{shown(name): run for name, run in report["baselines"].items()}}


def _computed_in(report: Report) -> str:
    """What ran heads and local tails, and with that the baseline of the edge alone."""
    if report["engine"] != "onnx":
        return f"The edge computed in {report['engine']}."
    alone = ", so edge-only is what runs without a cloud: the whole model there"
    return f"The edge computed in ONNX Runtime{alone if 'edge_only' in report['baselines'] else ''}."


def _comparison(report: Report) -> list[str]:
    return [
        f"Against {shown(name)}: {_mean_latency(run, report)}, "
        f"{report['frames']['done']} frames finished instead of {run['frames']['done']}."
        for name, run in report["baselines"].items()
    ]


def _mean_latency(run: Report, adaptive: Report) -> str:
    theirs, ours = run["latency_s"]["mean"], adaptive["latency_s"]["mean"]
    if not theirs or not ours:
        return "mean latency unknown"
    times = f"{max(theirs / ours, ours / theirs):.2f}"
    if times == "1.00":
        return "the same mean latency"
    return f"mean latency {times} times {'shorter' if theirs > ours else 'longer'}"


def shown(name: str) -> str:
    """A policy's name for people; names of layers in it stay as they are."""
    policy, colon, layers = name.partition(":")
    return policy.replace("_", "-") + colon + layers


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.1f} ms"
