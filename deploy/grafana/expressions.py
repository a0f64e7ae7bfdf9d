"""Prometheus expressions and colours that several panels share."""

from __future__ import annotations

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
    "wait": "purple",
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
    """The mean seconds of each stage per frame with a result; their sum is the frame's latency."""
    return (
        f"sum by ({BY_EDGE}, stage) (rate({metric}{{{EDGE}}}[$__rate_interval]))"
        f" / on ({BY_EDGE}) group_left ()"
        f" sum by ({BY_EDGE}) (rate(dads_frame_latency_seconds_count{{{EDGE}}}[$__rate_interval]))"
    )


def quantile(share: float) -> str:
    """A quantile of the frames' latency."""
    buckets = f"rate(dads_frame_latency_seconds_bucket{{{EDGE}}}[$__rate_interval])"
    return f"histogram_quantile({share:g}, sum by ({BY_EDGE}, le) ({buckets}))"
