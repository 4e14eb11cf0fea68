"""Graphs and heat maps as SVG."""

from __future__ import annotations

import html
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana.picture import units
from grafana.picture.ask import STEP_S, Series, Window

_TOP, _RIGHT, _BOTTOM, _FONT = 8, 10, 20, 11
_CHAR: Final = 6.1
_GRID, _TEXT, _EXEMPLAR = "#2c2f36", "#9a9ca3", "#8ab8ff"
_APART, _APART_ON_HEAT = 14, 40
_VIRIDIS: Final = (
    *("#440154", "#46327e", "#365c8d", "#277f8e"),
    *("#1fa187", "#4ac16d", "#a0da39", "#fde725"),
)


@dataclass(frozen=True)
class Box:
    """A plot within a panel: its size, and where its axes are.

    Args:
        width: Of the whole, in pixels.
        height: Of the whole.
        left: Space for labels of the vertical axis.
        window: The time it shows.
        low: The least value.
        high: The greatest.
    """

    width: int
    height: int
    left: float
    window: Window
    low: float
    high: float

    def x(self, at: float) -> float:
        """Return where a time is."""
        share = (at - self.window.start) / (self.window.end - self.window.start)
        return self.left + share * (self.width - self.left - _RIGHT)

    def y(self, value: float) -> float:
        """Return where a value is."""
        share = (value - self.low) / (self.high - self.low)
        return self.height - _BOTTOM - share * (self.height - _BOTTOM - _TOP)

    def drawing(self, parts: Sequence[str]) -> str:
        """Return the whole as an element."""
        return (
            f'<svg width="{self.width}" height="{self.height}" '
            f'font-size="{_FONT}" font-family="inherit">{"".join(parts)}</svg>'
        )


def _label(x: float, y: float, text: str, anchor: str) -> str:
    at = f'x="{x:.1f}" y="{y:.1f}" fill="{_TEXT}" text-anchor="{anchor}"'
    return f"<text {at}>{html.escape(text)}</text>"


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def _times(box: Box) -> list[str]:
    """Return the time axis: a label each minute, or as many minutes as there is room for."""
    span_min = (box.window.end - box.window.start) / 60
    room = (box.width - box.left) / 60
    step = next(n for n in (1, 2, 5, 10, 15, 30, 60, 120) if span_min / n <= room) * 60
    parts = []
    at = math.ceil(box.window.start / step) * step
    while at <= box.window.end:
        x = box.x(at)
        parts.append(_line(x, _TOP, x, box.height - _BOTTOM, f'stroke="{_GRID}"'))
        if box.left + 14 < x < box.width - 18:
            clock = time.strftime("%H:%M", time.gmtime(at))
            parts.append(_label(x, box.height - 5, clock, "middle"))
        at += step
    return parts


def _diamonds(box: Box, marks: Sequence[tuple[float, float]], colour: str, apart: int) -> list[str]:
    """Return exemplars; where they lie close together, the highest of them."""
    taken: dict[tuple[int, int], tuple[float, float]] = {}
    for at, value in marks:
        if box.window.start <= at <= box.window.end and box.low <= value <= box.high:
            place = int(box.x(at) // apart), int(box.y(value) // apart)
            taken[place] = max(taken.get(place, (at, value)), (at, value), key=lambda mark: mark[1])
    return [
        f'<path d="M{box.x(at):.1f} {box.y(value) - 3:.1f}l3 3l-3 3l-3 -3z" fill="{colour}" '
        f'fill-opacity=".75"/>'
        for at, value in taken.values()
    ]


def stacked(lines: Sequence[Series], window: Window) -> list[Series]:
    """Return the series on top of each other."""
    below = dict.fromkeys((round(at) for at in window.steps), 0.0)
    result = []
    for line in lines:
        points = []
        for at, value in line.points:
            if math.isfinite(value):
                below[round(at)] = below.get(round(at), 0.0) + value
            points.append((at, below.get(round(at), 0.0) if math.isfinite(value) else math.nan))
        result.append(Series(line.name, line.labels, points))
    return result


def _runs(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Return the points without gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        gap = bool(runs[-1]) and at - runs[-1][-1][0] > STEP_S * 1.5
        if gap or not math.isfinite(value):
            runs.append([])
        if math.isfinite(value):
            runs[-1].append((at, value))
    return [run for run in runs if run]


def _curve(box: Box, line: Series, colour: str, width: float) -> str:
    parts = []
    for run in _runs(line.points):
        path = "L".join(f"{box.x(at):.1f} {box.y(value):.1f}" for at, value in run)
        dot = "l.1 0" if len(run) == 1 else ""
        parts.append(
            f'<path d="M{path}{dot}" fill="none" stroke="{colour}" stroke-width="{width}" '
            f'stroke-linejoin="round" stroke-linecap="round"/>'
        )
    return "".join(parts)


def _area(box: Box, line: Series, under: Series | None, colour: str, opacity: float) -> str:
    floor = dict(under.points) if under else {}
    parts = []
    for run in _runs(line.points):
        there = "L".join(f"{box.x(at):.1f} {box.y(value):.1f}" for at, value in run)
        back = "L".join(
            f"{box.x(at):.1f} {box.y(_finite(floor.get(at), box.low)):.1f}"
            for at, _ in reversed(run)
        )
        parts.append(f'<path d="M{there}L{back}Z" fill="{colour}" fill-opacity="{opacity}"/>')
    return "".join(parts)


def _clipped(box: Box, parts: Sequence[str]) -> str:
    """Return what leaves the plot cut off at its edge, with room for half a line."""
    top, width, height = _TOP - 2, box.width - box.left - _RIGHT, box.height - _BOTTOM - _TOP + 4
    view = f"{box.left:.1f} {top} {width:.1f} {height}"
    at = f'x="{box.left:.1f}" y="{top}" width="{width:.1f}" height="{height}" viewBox="{view}"'
    return f"<svg {at}>{''.join(parts)}</svg>"


def _finite(value: float | None, otherwise: float) -> float:
    return value if value is not None and math.isfinite(value) else otherwise


def _bounds(lines: Sequence[Series], defaults: dict[str, Any]) -> tuple[float, float]:
    values = [value for line in lines for value in line.finite]
    low = min([*values, defaults.get("min", math.inf)])
    high = defaults["max"] if "max" in defaults else max(values) * 1.06
    return low, high if high > low else low + 1.0


def graph(
    size: tuple[int, int],
    lines: Sequence[Series],
    colours: Sequence[str],
    panel: dict[str, Any],
    marks: Sequence[tuple[float, float]],
    window: Window,
) -> str:
    """Return lines over time, with limits and exemplars."""
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    is_stacked = custom.get("stacking", {}).get("mode") == "normal"
    drawn = stacked(lines, window) if is_stacked else list(lines)
    low, high = _bounds(drawn, defaults)
    at = units.ticks(low, high, defaults["unit"])
    names = [units.text(tick, defaults["unit"]) for tick in at]
    box = Box(*size, max(map(len, names)) * _CHAR + 14, window, low, high)
    parts = [
        _line(box.left, box.y(tick), box.width - _RIGHT, box.y(tick), f'stroke="{_GRID}"')
        + _label(box.left - 6, box.y(tick) + 4, name, "end")
        for tick, name in zip(at, names, strict=True)
    ]
    parts += _times(box)
    inside = []
    opacity = custom.get("fillOpacity", 0) / 100
    for number, (line, colour) in enumerate(zip(drawn, colours, strict=True)):
        under = drawn[number - 1] if is_stacked and number else None
        inside.append(_area(box, line, under, colour, opacity) if opacity else "")
    inside += [
        _curve(box, line, colour, custom["lineWidth"])
        for line, colour in zip(drawn, colours, strict=True)
    ]
    parts.append(_clipped(box, inside))
    if "thresholdsStyle" in custom:
        for step in defaults["thresholds"]["steps"][1:]:
            if low <= step["value"] <= high:
                style = f'stroke="{step["color"]}" stroke-width="1.5" stroke-dasharray="8 6"'
                y = box.y(step["value"])
                parts.append(_line(box.left, y, box.width - _RIGHT, y, style))
    return box.drawing([*parts, *_diamonds(box, marks, _EXEMPLAR, _APART)])


def _colour(share: float) -> str:
    return _VIRIDIS[min(len(_VIRIDIS) - 1, int(share * len(_VIRIDIS)))]


def buckets(lines: Sequence[Series]) -> list[tuple[float, Series]]:
    """Return the buckets of a histogram by upper bound, each without those below it."""
    ordered = sorted(lines, key=lambda line: float(line.labels["le"]))
    below: dict[float, float] = {}
    result = []
    for line in ordered:
        points = [(at, max(0.0, value - below.get(at, 0.0))) for at, value in line.points]
        below = dict(line.points)
        result.append((float(line.labels["le"]), Series(line.name, line.labels, points)))
    return result


def heat(
    size: tuple[int, int],
    lines: Sequence[Series],
    panel: dict[str, Any],
    marks: Sequence[tuple[float, float]],
    window: Window,
) -> tuple[str, float]:
    """Return a heat map with a row for each bucket that was ever used, and its greatest cell."""
    rows = buckets(lines)
    used = [n for n, (_, line) in enumerate(rows) if any(value > 0 for value in line.finite)]
    rows = rows[max(0, used[0] - 1) : used[-1] + 2]
    unit = panel["options"]["yAxis"]["unit"]
    names = ["+Inf" if math.isinf(le) else units.text(le, unit) for le, _ in rows]
    box = Box(*size, max(map(len, names)) * _CHAR + 14, window, 0, len(rows))
    most = max(value for _, line in rows for value in line.finite)
    parts = _times(box)
    width = box.x(window.start + STEP_S) - box.left
    for number, (_, line) in enumerate(rows):
        top, height = box.y(number + 1), box.y(number) - box.y(number + 1)
        if number % max(1, math.ceil(len(rows) / 10)) == 0:
            parts.append(_label(box.left - 6, top + 4, names[number], "end"))
        parts += [
            f'<rect x="{box.x(at):.1f}" y="{top + 0.5:.1f}" width="{max(1, width - 1):.1f}" '
            f'height="{height - 1:.1f}" fill="{_colour(value / most)}"/>'
            for at, value in line.points
            if value > panel["options"]["filterValues"]["le"] and at + STEP_S <= window.end
        ]
    bounds = [le for le, _ in rows]
    placed = [(at, _row(value, bounds)) for at, value in marks]
    colour = panel["options"]["exemplars"]["color"]
    return box.drawing([*parts, *_diamonds(box, placed, colour, _APART_ON_HEAT)]), most


def _row(value: float, bounds: Sequence[float]) -> float:
    """Return where a value lies among rows that are all as high."""
    for number, bound in enumerate(bounds):
        if value <= bound:
            below = bounds[number - 1] if number else 0.0
            whole = bound - below
            return number + ((value - below) / whole if math.isfinite(whole) and whole > 0 else 0.5)
    return len(bounds) + 1.0


def scale(most: float, unit: str) -> str:
    """Return the colours of a heat map with their meaning."""
    cells = "".join(f'<i style="background:{colour}"></i>' for colour in _VIRIDIS)
    return f'<div class="scale"><span>0</span>{cells}<span>{units.text(most, unit)}</span></div>'
