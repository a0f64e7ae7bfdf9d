"""Grafana's JSON of the kinds of panels, variables and annotations that the dashboard uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

WIDTH = 24
DATASOURCE: Json = {"type": "prometheus", "uid": "$datasource"}


def query(expr: str, legend: str, **more: object) -> Json:
    """One query of a panel; the panel gives it its letter."""
    return {"datasource": DATASOURCE, "expr": expr, "legendFormat": legend, "editorMode": "code", "range": True, **more}


def panel(
    kind: str, title: str, description: str, size: tuple[int, int], queries: Sequence[Json], **more: object
) -> Json:
    """A panel at position 0, 0; `size` is width and height in Grafana's grid of 24 columns."""
    targets = [{"refId": chr(ord("A") + position), **target} for position, target in enumerate(queries)]
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": size[0], "h": size[1], "x": 0, "y": 0},
        "targets": targets,
        **more,
    }


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Json,
    width: int = 8,
    stacked: bool = False,
    colours: dict[str, str] | None = None,
    low: float | None = 0,
) -> Json:
    """Curves over time, or stacked areas."""
    custom: Json = {"lineWidth": 1, "fillOpacity": 60 if stacked else 5, "showPoints": "never", "spanNulls": False}
    if stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    defaults: Json = {"unit": unit, "custom": custom}
    if low is not None:
        defaults["min"] = low
    overrides = [
        {
            "matcher": {"id": "byRegexp", "options": f"/(^| ){name}$/"},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for name, colour in (colours or {}).items()
    ]
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    config = {"defaults": defaults, "overrides": overrides}
    return panel("timeseries", title, description, (width, 8), queries, fieldConfig=config, options=options)


def timeline(title: str, description: str, *queries: Json, height: int, texts: Sequence[tuple[str, ...]] = ()) -> Json:
    """States over time. `texts` has, for each query, names for its values 0, 1, ... in place of numbers."""
    overrides = [
        {
            "matcher": {"id": "byFrameRefID", "options": chr(ord("A") + position)},
            "properties": [{"id": "mappings", "value": [_mapping(names)]}],
        }
        for position, names in enumerate(texts)
    ]
    custom = {"lineWidth": 0, "fillOpacity": 80}
    config = {"defaults": {"custom": custom, "color": {"mode": "palette-classic"}}, "overrides": overrides}
    options = {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    if not overrides:
        # A row for each cut, coloured by its index.
        config["defaults"]["unit"] = "none"
    return panel("state-timeline", title, description, (WIDTH, height), queries, fieldConfig=config, options=options)


def _mapping(names: tuple[str, ...]) -> Json:
    return {
        "type": "value",
        "options": {str(value): {"text": text, "index": value} for value, text in enumerate(names)},
    }


def stat(
    title: str, description: str, unit: str, target: Json, *, text: bool = False, steps: Sequence[Json] = ()
) -> Json:
    """The last value in large type; with `text`, the series' name instead."""
    defaults: Json = {"unit": unit}
    if steps:
        defaults["thresholds"] = {"mode": "absolute", "steps": list(steps)}
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "textMode": "name" if text else "auto",
        "colorMode": "none" if text else "value",
        "graphMode": "none" if text else "area",
        "justifyMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    config = {"defaults": defaults, "overrides": []}
    return panel("stat", title, description, (4, 4), [target], fieldConfig=config, options=options)


def heatmap(title: str, description: str, unit: str, expr: str) -> Json:
    """A histogram over time, as colours."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": "none", "decimals": 1},
        "color": {
            "mode": "scheme",
            "scheme": "Oranges",
            "fill": "dark-orange",
            "scale": "exponential",
            "exponent": 0.5,
            "reverse": False,
            "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
        "yAxis": {"unit": unit, "axisPlacement": "left", "reverse": False},
    }
    config = {"defaults": {"unit": unit, "custom": {"scaleDistribution": {"type": "linear"}}}, "overrides": []}
    queries = [query(expr, "{{le}}", format="heatmap")]
    return panel("heatmap", title, description, (12, 8), queries, fieldConfig=config, options=options)


def row(title: str) -> Json:
    """A heading."""
    return {
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"w": WIDTH, "h": 1, "x": 0, "y": 0},
        "panels": [],
    }


def placed(panels: Sequence[Json]) -> list[Json]:
    """Number the panels and place them row by row, from left to right."""
    x = y = height = 0
    for number, item in enumerate(panels, start=1):
        item["id"] = number
        place = item["gridPos"]
        if x + place["w"] > WIDTH:
            x, y, height = 0, y + height, 0
        place["x"], place["y"] = x, y
        x, height = x + place["w"], max(height, place["h"])
    return list(panels)


def variable(name: str, label: str, expr: str) -> Json:
    """A variable with a label's values, of which several or all can be chosen; updated when the time range changes."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": expr, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
    }


def annotation(name: str, colour: str, expr: str, title: str) -> Json:
    """An annotation, which marks times on every panel."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": colour,
        "expr": expr,
        "step": "5s",
        "titleFormat": title,
        "tagKeys": "instance",
    }
