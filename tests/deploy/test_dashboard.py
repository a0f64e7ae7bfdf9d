"""The dashboard is Grafana's: by its published schema, and by the rules that its dashboard-linter documents.

https://github.com/grafana/dashboard-linter/blob/main/docs/index.md; what is excepted stands in
deploy/grafana/dashboards/.lint, where the linter itself looks for it.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

GRAFANA = Path(__file__).parents[2] / "deploy/grafana"
SCHEMAS = Path(__file__).with_name("grafana_schema")
PLUGINS = {"timeseries": "timeseries", "state-timeline": "statetimeline", "heatmap": "heatmap", "stat": "stat"}
# Fields of an annotation that belong to the Prometheus data source; the published types hold only Grafana's own.
PROMETHEUS_ANNOTATION = {"expr", "step", "titleFormat", "tagKeys"}
# Of https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts.
UNITS = {"none", "short", "s", "bps", "Bps", "bytes", "cps", "cpm", "hertz", "percentunit"}
METRIC = re.compile(r"\b(dads_\w+|process_\w+|instance\w*:dads_\w+:\w+)")
SELECTOR = re.compile(r"\b((?:dads_|process_|instance\w*:)[\w:]+)(\{[^}]*\})?")


@pytest.fixture(scope="module")
def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


@pytest.fixture(scope="module")
def targets(panels):
    return [(panel, target) for panel in panels for target in panel["targets"]]


def excluded(rule):
    """Titles of panels that deploy/grafana/dashboards/.lint excepts from a rule, each with a reason."""
    found = yaml.safe_load((GRAFANA / "dashboards/.lint").read_text())["exclusions"].get(rule)
    if found is None:
        return set()
    assert found["reason"]
    return {entry["panel"] for entry in found["entries"]}


def valid(instance, name):
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    errors = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in jsonschema.Draft7Validator(schema).iter_errors(instance)
    ]
    assert not errors, "\n".join(errors[:5])


def test_the_file_is_what_the_script_makes(tmp_path):
    made = tmp_path / "made.json"
    subprocess.run([sys.executable, GRAFANA / "make_dashboard.py", made], check=True, timeout=60)
    assert made.read_text() == (GRAFANA / "dashboards/split_decisions.json").read_text()


def test_it_fits_grafanas_schema(dashboard):
    marks = [
        {name: value for name, value in entry.items() if name not in PROMETHEUS_ANNOTATION}
        for entry in dashboard["annotations"]["list"]
    ]
    valid({**dashboard, "panels": [], "annotations": {"list": marks}}, "dashboard")


def test_every_panel_fits_grafanas_schema_and_its_plugins(panels):
    for panel in panels:
        valid(panel, "panel")
        valid(panel["options"], f"{PLUGINS[panel['type']]}.options")
        if panel["type"] != "stat":
            valid(panel["fieldConfig"]["defaults"].get("custom", {}), f"{PLUGINS[panel['type']]}.custom")


def test_a_mistyped_field_would_not_fit(panels):
    with pytest.raises(AssertionError, match="titel"):
        valid({**panels[0], "titel": ""}, "panel")
    with pytest.raises(AssertionError, match="legnd"):
        valid({**panels[-1]["options"], "legnd": ""}, "timeseries.options")


def test_what_the_issue_asks_for_is_shown(panels):
    kinds = {(panel["type"], panel["title"]) for panel in panels}
    assert {
        ("state-timeline", "Where the model is cut"),
        ("state-timeline", "Mode and cloud"),
        ("timeseries", "Predicted time of a frame"),
        ("timeseries", "Measured time of a frame"),
        ("timeseries", "Uplink"),
        ("timeseries", "Round trip"),
        ("timeseries", "Frame latency"),
        ("heatmap", "Frame latency, all of it"),
        ("timeseries", "Frames by outcome"),
        ("timeseries", "Load factors"),
        ("timeseries", "Sampling rate against sustainable rate"),
        ("timeseries", "Sent"),
    } <= kinds


def test_panels_do_not_overlap_and_have_ids_of_their_own(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_only_what_is_exported_is_asked_for(dashboard, targets, exported):
    known = {name for families in exported.values() for names in families.values() for name in names}
    recording = yaml.safe_load((GRAFANA.parent / "prometheus/rules/recording.yml").read_text())
    known |= {rule["record"] for group in recording["groups"] for rule in group["rules"]}
    texts = [target["expr"] for _, target in targets]
    texts += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    texts += [entry["query"]["query"] for entry in dashboard["templating"]["list"] if entry["type"] == "query"]
    for text in texts:
        assert set(METRIC.findall(text)) <= known, text


def test_every_metric_of_the_edge_is_on_the_dashboard(targets, exported):
    shown = {name for _, target in targets for name in METRIC.findall(target["expr"])}
    missing = {family for family, names in exported["dads-edge"].items() if not names & shown}
    missing = {family for family in missing if family.startswith("dads_")}
    assert missing == {"dads_config"}, "it is for joining, not for looking at"


# --- the linter's rules, by their names -------------------------------------------------------------------------------


def variable(dashboard, name):
    return next(entry for entry in dashboard["templating"]["list"] if entry["name"] == name)


def test_template_datasource_rule(dashboard):
    (only,) = [entry for entry in dashboard["templating"]["list"] if entry["type"] == "datasource"]
    assert (only["name"], only["label"], only["query"]) == ("datasource", "Data source", "prometheus")


@pytest.mark.parametrize("name", ["job", "instance"])
def test_template_job_rule_and_template_instance_rule(dashboard, name):
    entry = variable(dashboard, name)
    assert entry["label"] == name
    assert entry["datasource"] == {"type": "prometheus", "uid": "$datasource"}
    assert entry["type"] == "query"
    assert (entry["multi"], entry["includeAll"], entry["allValue"]) == (True, True, ".+")


def test_template_label_promql_rule(dashboard):
    for entry in dashboard["templating"]["list"]:
        if entry["type"] == "query":
            assert re.fullmatch(r"label_values\(dads_\w+(\{[^}]*\})?, \w+\)", entry["query"]["query"]), entry


def test_template_on_time_change_reload_rule(dashboard):
    assert all(entry["refresh"] == 2 for entry in dashboard["templating"]["list"] if entry["type"] == "query")


def test_panel_datasource_rule(panels):
    for panel in panels:
        assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}, panel["title"]
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_panel_title_description_rule(panels):
    assert all(panel["title"] and panel["description"] for panel in panels)


def test_panel_units_rule(panels):
    for panel in panels:
        if panel["type"] in ("stat", "timeseries", "table", "gauge"):
            assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]


def test_panel_no_targets_rule(panels):
    assert all(panel["targets"] for panel in panels)


def test_target_promql_rule(targets, promtool, tmp_path):
    """promtool parses what Prometheus would: each expression as a recording rule of its own."""
    rules = [{"record": f"x{number}", "expr": filled(target["expr"])} for number, (_, target) in enumerate(targets)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def filled(expr):
    return re.sub(r"\$__(rate_)?interval", "1m", re.sub(r"\$(job|instance|model|cloud)\b", ".+", expr))


def test_target_rate_interval_rule(targets):
    for panel, target in targets:
        for window in re.findall(r"(?:rate|irate|increase)\([^\[]*\[([^\]]*)\]", target["expr"]):
            assert window == "$__rate_interval", panel["title"]


def test_target_counter_agg_rule(targets):
    for panel, target in targets:
        for name in re.findall(r"\b\w+_total\b", target["expr"]):
            assert re.search(rf"\b(rate|irate|increase)\({name}\b", target["expr"]), panel["title"]


def test_target_job_rule(targets):
    for panel, target in targets:
        for name, selector in SELECTOR.findall(target["expr"]):
            assert 'job=~"$job"' in selector, (panel["title"], name)


def test_target_instance_rule(targets):
    excepted = excluded("target-instance-rule")
    for panel, target in targets:
        clouds = 'instance=~"$cloud"' in target["expr"]
        wanted = 'instance=~"$cloud"' if clouds else 'instance=~"$instance"'
        assert panel["title"] in excepted or not clouds, panel["title"]
        for name, selector in SELECTOR.findall(target["expr"]):
            assert wanted in selector, (panel["title"], name)


def test_uneditable_dashboard(dashboard):
    assert dashboard["editable"] is False
