"""Writes dashboards/split_decisions.json, Grafana's dashboard of split decisions.

    python deploy/grafana/make_dashboard.py [FILE]

After a change of this file or those beside it, run it and commit the JSON too. The JSON is Grafana's classic dashboard
model, which every version from 10 on reads. Every query depends on the variables `job` and `instance`; those of the
cloud on `job` and `cloud`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from decision_rows import decisions, overview, stages
from expressions import EDGE
from panels import Json, annotation, placed, row, variable
from traffic_rows import clouds, frames, network, processes, servers

TARGET = Path(__file__).parent / "dashboards" / "split_decisions.json"


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
        row("Frames"),
        *frames(),
        row("Servers of an edge"),
        *servers(),
        row("Cloud"),
        *clouds(),
        row("Processes"),
        *processes(),
    ]
    variables = [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1},
        variable("job", "job", "label_values(dads_build_info, job)"),
        variable("model", "model", 'label_values(dads_split_info{job=~"$job"}, model)'),
        variable("instance", "instance", 'label_values(dads_split_info{job=~"$job", model=~"$model"}, instance)'),
        variable("cloud", "cloud", 'label_values(dads_tails_in_flight{job=~"$job"}, instance)'),
    ]
    fallbacks = f'increase(dads_frames_total{{{EDGE}, outcome="local_fallback"}}[15s]) > 0'
    lost = f'dads_cloud_connected{{{EDGE}}} == 0 unless on (job, instance) dads_config_info{{{EDGE}, cloud="none"}}'
    annotations = [
        annotation("Switches", "blue", f"increase(dads_split_switches_total{{{EDGE}}}[15s]) > 0", "the split changed"),
        annotation("Fallbacks", "orange", fallbacks, "answers did not come in time"),
        annotation("Cloud lost", "red", lost, "the cloud is lost"),
    ]
    return {
        "title": "DADS \N{EN DASH} split decisions",
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
