"""The dashboard's rows about decisions: the current state, the split and its reasons, predicted and measured times."""

from __future__ import annotations

from expressions import BY_EDGE, EDGE, STAGE_COLOURS, TEXTS_OF_CLOUD, TEXTS_OF_MODE, per_frame, quantile
from panels import Json, lines, query, stat, timeline


def overview() -> list[Json]:
    """The row at the top: the current state."""
    outcomes = f"sum by ({BY_EDGE}) (rate(dads_frames_total{{{EDGE}"
    return [
        stat(
            "Results per second",
            "Frames with a result, from the cloud or the edge.",
            "short",
            query(f'{outcomes}, outcome!~"dropped|failed"}}[$__rate_interval]))', "{{instance}}"),
        ),
        stat("Latency, p95", "From a frame's arrival to its result.", "s", query(quantile(0.95), "{{instance}}")),
        stat(
            "Offloaded",
            "Share of the frames whose tail the cloud computed.",
            "percentunit",
            query(
                f'{outcomes}, outcome="offloaded"}}[$__rate_interval])) / {outcomes}}}[$__rate_interval]))',
                "{{instance}}",
            ),
        ),
        stat(
            "Dropped",
            "Share of the frames that were dropped while they waited, because newer frames came.",
            "percentunit",
            query(
                f'{outcomes}, outcome="dropped"}}[$__rate_interval])) / {outcomes}}}[$__rate_interval]))',
                "{{instance}}",
            ),
            steps=[{"color": "green", "value": None}, {"color": "red", "value": 0.05}],
        ),
        stat(
            "Model",
            "The model that runs.",
            "none",
            query(f'dads_model_info{{{EDGE}, model=~"$model"}}', "{{model}}", instant=True, range=False),
            text=True,
        ),
        stat(
            "Version",
            "The versions of the edge and of torch.",
            "none",
            query(f"dads_build_info{{{EDGE}}}", "{{version}}, torch {{torch}}", instant=True, range=False),
            text=True,
        ),
    ]


def decisions() -> list[Json]:
    """Where the model is cut, and in which mode this was decided."""
    info = f'dads_split_info{{{EDGE}, model=~"$model"'
    return [
        timeline(
            "Where the model is cut",
            "A row for each cut that was in use, named after the tensors that are sent; `edge` sends nothing. "
            "The number is the position of the edge's last layer in the model; at 0, the input, all runs in the cloud.",
            query(f"dads_split_index{{{EDGE}}} * on ({BY_EDGE}) group_left (cut) {info}}}", "{{instance}} {{cut}}"),
            height=8,
        ),
        timeline(
            "Mode and cloud",
            "Light: the split of lowest latency. Heavy: frames come so fast that the slowest stage determines it. "
            "The other row: whether the cloud answers.",
            query(f'max by ({BY_EDGE}) ({info}, mode="heavy"}} or {info}}} * 0)', "{{instance}} mode"),
            query(f"dads_cloud_connected{{{EDGE}}}", "{{instance}} cloud"),
            height=5,
            texts=(TEXTS_OF_MODE, TEXTS_OF_CLOUD),
        ),
        lines(
            "Layers",
            "Layers on each side.",
            "short",
            query(f"dads_split_layers{{{EDGE}}}", "{{instance}} {{side}}"),
            stacked=True,
            colours={"edge": "blue", "cloud": "green"},
        ),
        lines(
            "Decisions by mode",
            "Frames by the mode they were decided in.",
            "cps",
            query(
                f"sum by ({BY_EDGE}, mode) (rate(dads_decisions_total{{{EDGE}}}[$__rate_interval]))",
                "{{instance}} {{mode}}",
            ),
            stacked=True,
        ),
        lines(
            "Switches",
            "Changes of the split, per minute.",
            "cpm",
            query(f"60 * rate(dads_split_switches_total{{{EDGE}}}[$__rate_interval])", "{{instance}}"),
        ),
        lines(
            "Splits in the table",
            "How many splits a decision compares. 0: the table is not there yet, and the best known split is used.",
            "short",
            query(f"dads_table_splits{{{EDGE}}}", "{{instance}}"),
        ),
        lines(
            "Planning beside the frames",
            "Share of the time that pricing and building tables and searches take, for models with many splits.",
            "percentunit",
            query(f"rate(dads_planning_seconds_total{{{EDGE}}}[$__rate_interval])", "{{instance}} {{work}}"),
        ),
        lines(
            "Planning jobs",
            "Tables priced and built, and searches, per minute; the log says why one failed.",
            "cpm",
            query(
                f"60 * rate(dads_planning_jobs_total{{{EDGE}}}[$__rate_interval])", "{{instance}} {{work}} {{result}}"
            ),
        ),
    ]


def stages() -> list[Json]:
    """Predicted and measured times of the stages."""
    ratio = "instance_stage:dads_stage_seconds:measured_over_predicted_rate2m"
    return [
        lines(
            "Predicted time of a frame",
            "By stage, when the split was chosen. Fixed: round trip and overhead. Waiting is not predicted.",
            "s",
            query(per_frame("dads_stage_predicted_seconds_total"), "{{instance}} {{stage}}"),
            stacked=True,
            colours=STAGE_COLOURS,
        ),
        lines(
            "Measured time of a frame",
            "By stage; the sum is the latency. Wait: for the head. Queue: for the link, and in the cloud.",
            "s",
            query(per_frame("dads_stage_seconds_sum"), "{{instance}} {{stage}}"),
            stacked=True,
            colours=STAGE_COLOURS,
        ),
        lines(
            "Measured over predicted",
            "1 is exact; the alert fires above 2 and below 0.5. "
            "Stages that were predicted to take under 10 ms, and took under 20 ms, are left out.",
            "short",
            query(f"{ratio}{{{EDGE}}}", "{{instance}} {{stage}}"),
            colours=STAGE_COLOURS,
        ),
        lines(
            "Predicted for the split in use",
            "The predicted time of the next frame, by stage.",
            "s",
            query(f"dads_predicted_stage_seconds{{{EDGE}}}", "{{instance}} {{stage}}"),
            stacked=True,
            colours=STAGE_COLOURS,
        ),
        lines(
            "Load factors",
            "How many times slower a side is than when it was profiled, as the edge estimates it.",
            "short",
            query(f"dads_load_factor{{{EDGE}}}", "{{side}} as {{instance}} sees it"),
        ),
        lines(
            "Sampling rate against sustainable rate",
            "Above the sustainable rate, frames are dropped.",
            "hertz",
            query(f"dads_sampling_rate_hertz{{{EDGE}}}", "{{instance}} offered"),
            query(f"dads_max_rate_hertz{{{EDGE}}}", "{{instance}} sustainable"),
        ),
    ]
