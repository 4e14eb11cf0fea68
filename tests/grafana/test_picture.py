"""Pictures of dashboards show what queries returned, in Grafana's units and places."""

from __future__ import annotations

import json
import math

import pytest

from grafana.generate.queries import DASHBOARDS, LOGS, panels
from grafana.picture import page, svg, units
from grafana.picture.ask import STEP_S, Line, Series, Source, Window

WINDOW = Window(1_000_000 - 600, 1_000_000)
TEXTS = [
    (0.0, "s", "0 s"),
    (0.0123, "s", "12.3 ms"),
    (2.5e-5, "s", "25 µs"),
    (75.0, "s", "1.25 mins"),
    (0.0123, "percentunit", "1.23%"),
    (1.0, "percentunit", "100%"),
    (1234.0, "reqps", "1.23 K req/s"),
    (0.5, "cps", "0.5 c/s"),
    (201_326_592.0, "bytes", "192 MiB"),
    (1_430_000.0, "Bps", "1.43 MB/s"),
    (2770.0, "none", "2770"),
    (-3.5, "none", "-3.5"),
]


class Fixed:
    """A source that returns the same for every query."""

    window = WINDOW

    def __init__(self, series):
        self._series = series

    def series(self, _target):
        return self._series

    def lines(self, _target, most):
        line = Line("2026-01-02T03:04:05.678901Z", "ERROR", "a <line>")
        return [line] * most if self._series else []

    def exemplars(self, _target):
        return [(WINDOW.start + 60, 0.2)]


def line(value, **labels):
    return Series("a line", labels, [(at, value) for at in WINDOW.steps])


@pytest.mark.parametrize(("value", "unit", "expected"), TEXTS)
def test_text(value, unit, expected):
    """A number is written as Grafana does in that unit."""
    assert units.text(value, unit) == expected


def test_every_unit_is_known():
    """No dashboard uses a unit that pictures cannot write."""
    for path in DASHBOARDS.glob("*.json"):
        for panel in panels(json.loads(path.read_text("utf-8"))):
            if panel["type"] != LOGS:
                assert units.text(1.5, panel["fieldConfig"]["defaults"]["unit"])


def test_ticks_are_round():
    """An axis has few, round values; bytes have powers of two."""
    assert units.ticks(0, 0.043, "s") == pytest.approx([0, 0.01, 0.02, 0.03, 0.04])
    assert units.ticks(0, 200 * 2**20, "bytes") == [n * 2**26 for n in range(4)]


def test_stacked():
    """Stacked series lie on top of each other; a gap adds nothing."""
    at = WINDOW.steps[:2]
    one = Series("one", {}, [(at[0], 1.0), (at[1], math.nan)])
    two = Series("two", {}, [(at[0], 2.0), (at[1], 5.0)])
    first, second = svg.stacked([one, two], WINDOW)
    assert [value for _, value in second.points] == [3.0, 5.0]
    assert math.isnan(first.points[1][1])


def test_buckets():
    """Rows of a heat map hold what is in a bucket and in none below it."""
    found = svg.buckets([line(5.0, le="+Inf"), line(2.0, le="0.5"), line(4.0, le="1.0")])
    assert [(le, rows.points[0][1]) for le, rows in found] == [(0.5, 2), (1.0, 2), (math.inf, 1)]


@pytest.mark.parametrize("name", ["model", "overview", "pipeline", "service"])
def test_page(name):
    """Every panel is drawn in its place, and nothing is said to be missing."""
    dashboard = json.loads((DASHBOARDS / f"{name}.json").read_text("utf-8"))
    text = page.page(name, dashboard, Fixed([line(1.0, le="1.0"), line(3.0, le="2.0")]), {})
    assert text.count('class="panel"') == len(list(panels(dashboard)))
    assert text.count('class="row"') == sum(p["type"] == "row" for p in dashboard["panels"])
    assert "No data" not in text
    assert "Not a screenshot of Grafana" in text


@pytest.mark.parametrize("name", ["model", "overview", "pipeline", "service"])
def test_empty_page(name):
    """A panel without data says what the dashboard says then."""
    dashboard = json.loads((DASHBOARDS / f"{name}.json").read_text("utf-8"))
    text = page.page(name, dashboard, Fixed([]), {})
    says = [p["fieldConfig"]["defaults"].get("noValue") or "No data" for p in panels(dashboard)]
    assert [text.count(f">{each}<") for each in sorted(set(says))] == [
        says.count(each) for each in sorted(set(says))
    ]


@pytest.mark.parametrize("name", ["model", "service"])
def test_log_lines(name):
    """Lines are drawn with their time and severity, as text, as many as there is room for."""
    dashboard = json.loads((DASHBOARDS / f"{name}.json").read_text("utf-8"))
    text = page.page(name, dashboard, Fixed([line(1.0, le="1.0")]), {})
    assert 10 < text.count("a &lt;line&gt;") < 30
    assert "<time>03:04:05.678</time>" in text
    assert ">ERROR</b>" in text


def test_lines_without_a_store():
    """Drawn from a Prometheus alone, a page has no lines."""
    assert Source("http://127.0.0.1:9", WINDOW, {}).lines({"expr": ""}, 5) == []


def test_window():
    """A window has a time for each step, both ends included."""
    assert WINDOW.steps[0] == WINDOW.start
    assert WINDOW.steps[-1] == WINDOW.end
    assert len(WINDOW.steps) == 600 // STEP_S + 1
