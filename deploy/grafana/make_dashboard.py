"""Writes dashboards/split_decisions.json, the dashboard "DADS - split decisions".

    python deploy/grafana/make_dashboard.py [FILE]

Change this file, run it, and commit both. The JSON is Grafana's classic dashboard model, which every version from 10 on
reads. Every query is bound to the variables `job` and `instance`; those of the cloud to `job` and `cloud`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from panels import Json, annotation, heatmap, lines, placed, query, row, stat, timeline, variable

TARGET = Path(__file__).parent / "dashboards" / "split_decisions.json"

EDGE = 'job=~"$job", instance=~"$instance"'
CLOUD = 'job=~"$job", instance=~"$cloud"'
BY_EDGE = "job, instance"

# The same colour for the same stage, predicted and measured.
STAGE_COLOURS = {
    "head": "blue",
    "transfer": "orange",
    "tail": "green",
    "fixed": "#8e8e8e",
    "encode": "light-blue",
    "queue": "red",
    "decode": "light-green",
}
OUTCOME_COLOURS = {
    "offloaded": "green",
    "edge_only": "blue",
    "local_fallback": "orange",
    "dropped": "purple",
    "failed": "red",
}
TEXTS_OF_MODE = ("light", "heavy")
TEXTS_OF_CLOUD = ("lost", "connected")


def per_frame(metric: str) -> str:
    """Seconds that each stage adds to a frame with a result, on average: the stages add up to the frame's."""
    return (
        f"sum by ({BY_EDGE}, stage) (rate({metric}{{{EDGE}}}[$__rate_interval]))"
        f" / on ({BY_EDGE}) group_left ()"
        f" sum by ({BY_EDGE}) (rate(dads_frame_latency_seconds_count{{{EDGE}}}[$__rate_interval]))"
    )


def quantile(share: float) -> str:
    """A quantile of the frames' latency."""
    buckets = f"rate(dads_frame_latency_seconds_bucket{{{EDGE}}}[$__rate_interval])"
    return f"histogram_quantile({share:g}, sum by ({BY_EDGE}, le) ({buckets}))"


def overview() -> list[Json]:
    """The row at the top: how is it now."""
    outcomes = f"sum by ({BY_EDGE}) (rate(dads_frames_total{{{EDGE}"
    return [
        stat(
            "Results per second",
            "Frames with a result, whoever computed it.",
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
            "Share of the frames that were dropped because newer ones came first.",
            "percentunit",
            query(
                f'{outcomes}, outcome="dropped"}}[$__rate_interval])) / {outcomes}}}[$__rate_interval]))',
                "{{instance}}",
            ),
            steps=[{"color": "green", "value": None}, {"color": "red", "value": 0.05}],
        ),
        stat(
            "Model",
            "What runs.",
            "none",
            query(f'dads_model_info{{{EDGE}, model=~"$model"}}', "{{model}}", instant=True, range=False),
            text=True,
        ),
        stat(
            "Version",
            "What runs it.",
            "none",
            query(f"dads_build_info{{{EDGE}}}", "{{version}}, torch {{torch}}", instant=True, range=False),
            text=True,
        ),
    ]


def decisions() -> list[Json]:
    """Where the model is cut, and what was believed when that was chosen."""
    info = f'dads_split_info{{{EDGE}, model=~"$model"'
    return [
        timeline(
            "Where the model is cut",
            "A row for each cut that was in use, named after the tensors that are sent; `edge` sends nothing. "
            "The number is the position of the edge's last layer in the model; 0 is the input: all runs in the cloud.",
            query(f"dads_split_index{{{EDGE}}} * on ({BY_EDGE}) group_left (cut) {info}}}", "{{instance}} {{cut}}"),
            height=8,
        ),
        timeline(
            "Mode and cloud",
            "Light: the split of lowest latency. Heavy: frames come so fast that the slowest stage decides. "
            "And whether the cloud answers.",
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
            "short",
            query(f"60 * rate(dads_split_switches_total{{{EDGE}}}[$__rate_interval])", "{{instance}}"),
        ),
    ]


def stages() -> list[Json]:
    """Do the predictions hold?"""
    ratio = "instance_stage:dads_stage_seconds:measured_over_predicted_rate2m"
    return [
        lines(
            "Predicted time of a frame",
            "By stage, as the split was chosen with. Fixed: round trip and overhead.",
            "s",
            query(per_frame("dads_stage_predicted_seconds_total"), "{{instance}} {{stage}}"),
            stacked=True,
            colours=STAGE_COLOURS,
        ),
        lines(
            "Measured time of a frame",
            "By stage. Waiting for the head and the round trip are in the latency, not here.",
            "s",
            query(per_frame("dads_stage_seconds_sum"), "{{instance}} {{stage}}"),
            stacked=True,
            colours=STAGE_COLOURS,
        ),
        lines(
            "Measured over predicted",
            "1 is right; the alert fires above 2 and below 0.5. Stages under 5 ms are left out.",
            "short",
            query(f"{ratio}{{{EDGE}}}", "{{instance}} {{stage}}"),
            colours=STAGE_COLOURS,
        ),
        lines(
            "Predicted for the split in use",
            "What the next frame is expected to take.",
            "s",
            query(f"dads_predicted_stage_seconds{{{EDGE}}}", "{{instance}} {{stage}}"),
            stacked=True,
            colours=STAGE_COLOURS,
        ),
        lines(
            "Load factors",
            "How many times slower a side is than profiled, as the edge and as the cloud itself sees it.",
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


def network() -> list[Json]:
    """What the link is like, and what it carries."""
    return [
        lines(
            "Uplink",
            "As estimated from uploads and probes; 0 while unknown.",
            "bps",
            query(f"dads_uplink_bits_per_second{{{EDGE}}}", "{{instance}}"),
        ),
        lines(
            "Round trip",
            "Of a small call: the recent minimum.",
            "s",
            query(f"dads_round_trip_seconds{{{EDGE}}}", "{{instance}}"),
        ),
        lines(
            "Sent",
            "Bytes to the cloud: tensors of frames, and probes that measure the link.",
            "Bps",
            query(
                f"sum by ({BY_EDGE}, kind) (rate(dads_bytes_sent_total{{{EDGE}}}[$__rate_interval]))",
                "{{instance}} {{kind}}",
            ),
            stacked=True,
        ),
    ]


def frames() -> list[Json]:
    """What became of the frames."""
    buckets = f"increase(dads_frame_latency_seconds_bucket{{{EDGE}}}[$__rate_interval])"
    return [
        lines(
            "Frames by outcome",
            "Every frame is in exactly one of these.",
            "cps",
            query(
                f"sum by ({BY_EDGE}, outcome) (rate(dads_frames_total{{{EDGE}}}[$__rate_interval]))",
                "{{instance}} {{outcome}}",
            ),
            stacked=True,
            colours=OUTCOME_COLOURS,
            width=12,
        ),
        lines(
            "Frame latency",
            "From a frame's arrival to its result: half, 95 % and 99 % of the frames are faster.",
            "s",
            query(quantile(0.5), "{{instance}} p50"),
            query(quantile(0.95), "{{instance}} p95"),
            query(quantile(0.99), "{{instance}} p99"),
            width=12,
        ),
        heatmap(
            "Frame latency, all of it",
            "Two bands mean two kinds of frames: two splits, or late answers.",
            "s",
            f"sum by (le) ({buckets})",
        ),
        lines(
            "Cloud: calls",
            "By method and status; each frame of a stream counts.",
            "cps",
            query(
                f"sum by (method, code) (rate(dads_rpc_seconds_count{{{CLOUD}}}[$__rate_interval]))",
                "{{method}} {{code}}",
            ),
            stacked=True,
            width=12,
        ),
        lines(
            "Cloud: time of a frame",
            "By stage, in the cloud.",
            "s",
            query(
                f"sum by (job, instance, stage) (rate(dads_stage_seconds_sum{{{CLOUD}}}[$__rate_interval]))"
                f" / on (job, instance) group_left () sum by (job, instance)"
                f' (rate(dads_stage_seconds_count{{{CLOUD}, stage="tail"}}[$__rate_interval]))'
                f" and on (job, instance) dads_tails_in_flight{{{CLOUD}}}",
                "{{instance}} {{stage}}",
            ),
            stacked=True,
            colours=STAGE_COLOURS,
        ),
        lines(
            "Cloud: tails in flight",
            "Waiting or computed. Full means refusals.",
            "short",
            query(f"dads_tails_in_flight{{{CLOUD}}}", "{{instance}}"),
        ),
        lines(
            "Cloud: refusals",
            "By reason.",
            "cps",
            query(f"sum by (reason) (rate(dads_rejected_total{{{CLOUD}}}[$__rate_interval]))", "{{reason}}"),
            stacked=True,
        ),
    ]


def dashboard() -> Json:
    """The whole dashboard."""
    panels = [
        *overview(),
        row("Decisions"),
        *decisions(),
        row("Predicted beside measured"),
        *stages(),
        row("Network"),
        *network(),
        row("Frames, and the cloud"),
        *frames(),
    ]
    variables = [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1},
        variable("job", "job", "label_values(dads_build_info, job)"),
        variable("model", "model", 'label_values(dads_split_info{job=~"$job"}, model)'),
        variable("instance", "instance", 'label_values(dads_split_info{job=~"$job", model=~"$model"}, instance)'),
        variable("cloud", "cloud", 'label_values(dads_tails_in_flight{job=~"$job"}, instance)'),
    ]
    fallbacks = f'increase(dads_frames_total{{{EDGE}, outcome="local_fallback"}}[15s]) > 0'
    annotations = [
        annotation("Switches", "blue", f"increase(dads_split_switches_total{{{EDGE}}}[15s]) > 0", "the split changed"),
        annotation("Fallbacks", "orange", fallbacks, "answers did not come in time"),
        annotation("Cloud lost", "red", f"dads_cloud_connected{{{EDGE}}} == 0", "the cloud is lost"),
    ]
    return {
        "title": "DADS - split decisions",
        "uid": "dads-split-decisions",
        "description": "Where a model is cut between edge and cloud, why, and what that costs. See docs/operations.md.",
        "tags": ["dads"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timezone": "browser",
        "templating": {"list": variables},
        "annotations": {"list": annotations},
        "panels": placed(panels),
        "links": [],
    }


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(json.dumps(dashboard(), indent=1) + "\n", encoding="utf-8")
