"""A dashboard as a page: its grid, its panels and what their queries returned."""

from __future__ import annotations

import html
import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from grafana.picture import svg, units
from grafana.picture.ask import Series, Source

WIDTH: Final = 1600
_SIDE, _GAP, _ROW, _COLUMNS = 16, 8, 30, 24
_HEADER, _FOOTER = 96, 44
_TITLE, _LEGEND_HEAD, _LEGEND_ROW, _PAD = 30, 20, 19, 10
_MOST_ROWS: Final = 4
# Grafana's classic palette on dark ground.
_PALETTE: Final = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0",
    "#37872d", "#fade2a", "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477",
)  # fmt: skip
_SEVERITIES: Final = {"ERROR": "#f2495c", "CRITICAL": "#f2495c", "WARN": "#f2cc0c"}
_PLAIN: Final = "#73bf69"
_STYLE: Final = (Path(__file__).parent / "style.css").read_text("utf-8")


def _place(grid: dict[str, int]) -> tuple[int, int, int, int]:
    """Return left, top, width and height in pixels, as Grafana's grid has them."""
    column = (WIDTH - 2 * _SIDE + _GAP) / _COLUMNS
    return (
        round(_SIDE + grid["x"] * column),
        _HEADER + grid["y"] * (_ROW + _GAP),
        round(grid["w"] * column - _GAP),
        grid["h"] * (_ROW + _GAP) - _GAP,
    )


def colours(panel: dict[str, Any], lines: Sequence[Series]) -> list[str]:
    """Return a colour for each series: the one that the panel fixes, else the next of all."""
    overrides = panel["fieldConfig"]["overrides"]
    result = []
    for number, line in enumerate(lines):
        fixed = [
            each["value"]["fixedColor"]
            for override in overrides
            if re.search(override["matcher"]["options"].strip("/"), line.name)
            for each in override["properties"]
            if each["id"] == "color"
        ]
        result.append(fixed[-1] if fixed else _PALETTE[number % len(_PALETTE)])
    return result


def _legend(lines: Sequence[Series], shades: Sequence[str], unit: str) -> tuple[str, int]:
    """Return the table under a graph, and its height."""
    rows = []
    for line, shade in list(zip(lines, shades, strict=True))[:_MOST_ROWS]:
        last, most = units.text(line.finite[-1], unit), units.text(max(line.finite), unit)
        name = f'<i style="background:{shade}"></i>{html.escape(line.name)}'
        rows.append(f"<tr><td>{name}</td><td>{last}</td><td>{most}</td></tr>")
    more = len(lines) - len(rows)
    head = "Name" if more <= 0 else f"Name ({more} more below)"
    table = f"<table><tr><th>{head}</th><th>Last *</th><th>Max</th></tr>{''.join(rows)}</table>"
    return table, _LEGEND_HEAD + _LEGEND_ROW * len(rows) + _PAD


def _empty(panel: dict[str, Any], height: int) -> str:
    says = panel["fieldConfig"]["defaults"].get("noValue") or "No data"
    return f'<div class="empty" style="height:{height - _TITLE - _PAD}px">{html.escape(says)}</div>'


def _graph(panel: dict[str, Any], source: Source, size: tuple[int, int]) -> str:
    lines = [s for target in panel["targets"] for s in source.series(target) if s.finite]
    if not lines:
        return _empty(panel, size[1])
    marks = [mark for target in panel["targets"] for mark in source.exemplars(target)]
    shades = colours(panel, lines)
    table, used = _legend(lines, shades, panel["fieldConfig"]["defaults"]["unit"])
    plot = (size[0] - 2, size[1] - _TITLE - used)
    return svg.graph(plot, lines, shades, panel, marks, source.window) + table


def _heat(panel: dict[str, Any], source: Source, size: tuple[int, int]) -> str:
    [target] = panel["targets"]
    lines = source.series(target)
    if not any(value > 0 for line in lines for value in line.finite):
        return _empty(panel, size[1])
    plot = (size[0] - 2, size[1] - _TITLE - 26)
    marks = source.exemplars(target)
    drawing, most = svg.heat(plot, lines, panel, marks, source.window)
    return drawing + svg.scale(most, panel["options"]["cellValues"]["unit"])


def _shade(value: float, steps: Sequence[dict[str, Any]]) -> str:
    reached = [s for s in steps if s["value"] is None or value >= s["value"]]
    return str(reached[-1]["color"])


def _stat(panel: dict[str, Any], source: Source, size: tuple[int, int]) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    found = [s for target in panel["targets"] for s in source.series(target) if s.finite]
    if not found:
        return _empty(panel, size[1])
    mode = panel["options"]["textMode"]
    named = mode == "auto" and len(found) > 1
    room = size[0] / len(found) / 8
    cells = []
    for line in found:
        text = line.name if mode == "name" else units.text(line.finite[-1], defaults["unit"])
        font = min(34 if named else 44, room / len(text) * 13)
        shade = _shade(line.finite[-1], defaults["thresholds"]["steps"])
        name = f"<small>{html.escape(line.name)}</small>" if named else ""
        value = f'<b style="font-size:{font:.0f}px;color:{shade}">{html.escape(text)}</b>'
        cells.append(f"<div>{name}{value}</div>")
    return f'<div class="stats">{"".join(cells)}</div>'


def _severity(name: str) -> str:
    return f'<b style="color:{_SEVERITIES.get(name, _PLAIN)}">{html.escape(name)}</b>'


def _logs(panel: dict[str, Any], source: Source, size: tuple[int, int]) -> str:
    [target] = panel["targets"]
    found = source.lines(target, (size[1] - _TITLE - _PAD) // _LEGEND_ROW)
    if not found:
        return _empty(panel, size[1])
    rows = "".join(
        f"<p><time>{html.escape(line.time[11:23])}</time>{_severity(line.severity)}"
        f"{html.escape(line.text)}</p>"
        for line in found
    )
    return f'<div class="lines">{rows}</div>'


_KINDS: Final = {"timeseries": _graph, "heatmap": _heat, "stat": _stat, "logs": _logs}


def _panel(panel: dict[str, Any], source: Source) -> str:
    left, top, width, height = _place(panel["gridPos"])
    at = f"left:{left}px;top:{top}px;width:{width}px;height:{height}px"
    title = html.escape(panel["title"])
    if panel["type"] == "row":
        return f'<div class="row" style="{at}">{title}</div>'
    inside = _KINDS[panel["type"]](panel, source, (width, height))
    links = "<span>↗ runbook</span>" if panel.get("links") else ""
    return f'<div class="panel" style="{at}"><h2>{title}{links}</h2>{inside}</div>'


def _header(dashboard: dict[str, Any], source: Source, values: dict[str, str]) -> str:
    first, last = (
        time.strftime("%H:%M:%S", time.gmtime(at))
        for at in (source.window.start, source.window.end)
    )
    minutes = math.ceil((source.window.end - source.window.start) / 60)
    shown = "".join(
        f'<span class="pill"><b>{html.escape(each["label"])}</b>'
        f"{html.escape(values.get(each['name'], 'All'))}</span>"
        for each in dashboard["templating"]["list"]
    )
    links = "".join(
        f'<span class="pill">{html.escape(each["title"])} ↗</span>' for each in dashboard["links"]
    )
    return (
        f"<header><div><h1><span>Dashboards / otelml / </span>{html.escape(_title(dashboard))}</h1>"
        f'<span class="pill">Last {minutes} minutes: {first} to {last} UTC</span></div>'
        f'<div>{shown}<span style="margin-left:auto"></span>{links}</div></header>'
    )


def _title(dashboard: dict[str, Any]) -> str:
    return str(dashboard["title"]).rpartition("/")[2].strip()


def page(name: str, dashboard: dict[str, Any], source: Source, values: dict[str, str]) -> str:
    """Return the page of a dashboard.

    Args:
        name: Of its file, without ``.json``.
        dashboard: As in its file.
        source: Where its queries are asked.
        values: What is chosen, by variable.
    """
    bottom = height(dashboard) - _FOOTER + 10
    note = (
        f"The layout of grafana/dashboards/{name}.json, drawn by python -m grafana.picture from "
        "what its queries returned on the running stack. Not a screenshot of Grafana."
    )
    panels = "".join(_panel(each, source) for each in dashboard["panels"])
    return (
        f'<!doctype html><meta charset="utf-8"><title>{html.escape(_title(dashboard))}</title>'
        f"<style>{_STYLE}</style>{_header(dashboard, source, values)}{panels}"
        f'<footer style="top:{bottom}px">{note}</footer>'
    )


def height(dashboard: dict[str, Any]) -> int:
    """Return the height of a dashboard's page in pixels."""
    rows = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in dashboard["panels"])
    return int(_HEADER + rows * (_ROW + _GAP) + _FOOTER)
