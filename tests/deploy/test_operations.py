"""docs/operations.md leaves nothing out: metrics with their labels, panels, alerts, recorded series, settings."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operations.md").read_text()


def section(title):
    return re.split(r"^#{2,3} ", TEXT.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rules():
    for file in (ROOT / "deploy/prometheus/rules").glob("*.yml"):
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def first_column(text):
    return {
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([\w:]+)", line.split("|")[1])
    }


def test_every_metric_is_described_and_no_other(exported):
    for job, title in (("dads-edge", "Edge"), ("dads-cloud", "Cloud")):
        described = first_column(section(title))
        for family, names in exported[job].items():
            assert described & (names | {family}), family
        known = {name for names in exported[job].values() for name in names} | set(exported[job])
        assert described <= known | recorded(), described - known


def recorded():
    return {rule["record"] for rule in rules() if "record" in rule}


def test_every_recorded_series_is_described():
    assert recorded() <= first_column(TEXT)


def test_every_alert_is_described():
    assert {rule["alert"] for rule in rules() if "alert" in rule} == first_column(section("Alerts"))


def test_every_panel_is_described_and_no_other(dashboard):
    rows = [line.split("|")[1].strip() for line in section("The dashboard").splitlines() if line.startswith("| ")]
    described = set(rows[1:]) - {"Model, Version"} | {"Model", "Version"}
    assert described == {panel["title"] for panel in dashboard["panels"] if panel["type"] != "row"}


def test_every_setting_of_the_compose_file_is_described():
    compose = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"\$\{(\w+)", compose))
    described = section("Settings")
    for name in used:
        short = name.removeprefix("DADS_PORT")
        assert f"`{name}`" in described or (name != short and f"`{short}`" in described), name
    for name, default in re.findall(r"\$\{(DADS_\w+):-([^}]+)\}", compose):
        if not name.startswith(("DADS_PORT", "DADS_VERSION", "DADS_REVISION")):
            assert re.search(rf"`{name}` \| `{re.escape(default)}`", described), (name, default)
