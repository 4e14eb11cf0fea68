"""Every dashboard is complete and refers only to what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from grafana.generate import settings, shown_lines
from grafana.generate.queries import DASHBOARDS, LOGS, fill, panels, queries
from otelml import semconv

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    "batch",
    "drift",
    "model",
    "overview",
    "pipeline",
    "quality",
    "service",
    "variants",
)


def load(name: str) -> dict:
    return json.loads((DASHBOARDS / f"{name}.json").read_text("utf-8"))


def datasources() -> set[str]:
    path = ROOT / "grafana/provisioning/datasources/datasources.yaml"
    return {source["uid"] for source in yaml.safe_load(path.read_text("utf-8"))["datasources"]}


def runbooks() -> set[str]:
    return {settings.runbook_url(path.stem) for path in (ROOT / "docs/runbooks").glob("*.md")}


def test_the_dashboards():
    """There are eight, each with an identity of its own."""
    assert {path.stem for path in DASHBOARDS.glob("*.json")} == set(NAMES)
    assert [load(name)["uid"] for name in NAMES] == [f"otelml-{name}" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_panels_are_complete(name):
    """Every panel has a title, a description, a unit, a legend and a known datasource."""
    for panel in panels(load(name)):
        where = f"{name}: {panel.get('title')}"
        assert panel["title"], where
        assert panel["description"].endswith("."), where
        assert panel["datasource"]["uid"] in datasources(), where
        if panel["type"] == LOGS:
            assert panel["fieldConfig"]["defaults"]["noValue"], where
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {"loki"}, where
            continue
        assert panel["fieldConfig"]["defaults"]["unit"], where
        assert panel["targets"], where
        for target in panel["targets"]:
            assert target["legendFormat"], where
            assert target["datasource"]["uid"] in datasources(), where
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["showLegend"] is True, where
        elif panel["type"] == "heatmap":
            assert panel["options"]["legend"]["show"] is True, where


@pytest.mark.parametrize("name", NAMES)
def test_panels_do_not_overlap(name):
    """Panels lie on the grid of 24 columns side by side."""
    taken = set()
    for panel in load(name)["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", NAMES)
def test_ids_and_references_are_unique(name):
    """No two panels share an id, no two queries of a panel a letter."""
    found = load(name)["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    for panel in panels(load(name)):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


@pytest.mark.parametrize("name", NAMES)
def test_variables_exist(name):
    """A query uses only variables that the dashboard has."""
    dashboard = load(name)
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    text = json.dumps([panel["targets"] for panel in panels(dashboard)])
    used = set(re.findall(r"\$\{?(\w+)\}?", text))
    assert used - known <= {"__rate_interval"}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_runbooks_that_exist(name):
    """A panel's runbook is a page of this repository."""
    links = [link["url"] for panel in panels(load(name)) for link in panel.get("links") or []]
    assert links
    assert set(links) <= runbooks()


@pytest.mark.parametrize("name", ["model", "service"])
def test_traces_are_one_click_away(name):
    """The dashboards of one service search its traces in Jaeger."""
    titles = {link["title"] for link in load(name)["links"]}
    assert {"Traces in Jaeger", "Runbooks", "otelml"} <= titles


def test_stages_have_their_colours():
    """Stages are coloured as in the viewer, by a palette for any colour vision."""
    [panel] = [p for p in panels(load("model")) if p["title"] == "Stages, p95"]
    found = {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
    }
    assert found == {
        f"/{semconv.STAGE_FEATURE_EXTRACTION}/": "#0072B2",
        f"/{semconv.STAGE_INFERENCE}/": "#E69F00",
        f"/{semconv.STAGE_POST_PROCESSING}/": "#009E73",
    }


def test_latency_panels_ask_for_exemplars():
    """Slow percentiles lead to traces: on the raw histogram, since rules keep no exemplars."""
    asked = [query for query in queries() if query.exemplars]
    assert {query.dashboard for query in asked} == {"model", "overview", "service", "variants"}
    assert all("_bucket" in query.expr for query in asked)


def test_fill():
    """Variables are filled in, those without a value match everything."""
    assert fill('rate(x{a=~"$a", b=~"${b}"}[$__rate_interval])', {"a": "1"}) == (
        'rate(x{a=~"1", b=~".*"}[1m])'
    )


def test_the_latency_objective_is_a_bucket():
    """The share of slow predictions is counted, not estimated."""
    assert settings.SLO_LATENCY_S in semconv.DURATION_BUCKETS_S


@pytest.mark.parametrize("name", NAMES)
def test_rates_span_several_exports(name):
    """A panel's shortest step is an export interval, so that a rate never sees a single sample."""
    found = {panel["interval"] for panel in panels(load(name)) if panel["type"] != LOGS}
    assert found == {settings.EXPORT_INTERVAL}


@pytest.mark.parametrize(
    ("name", "query"), [("service", shown_lines.OF_SERVICE), ("model", shown_lines.OF_MODEL)]
)
def test_log_lines(name, query):
    """A dashboard of one service ends with its lines, those of its variables, newest first."""
    dashboard = load(name)
    [panel] = [panel for panel in panels(dashboard) if panel["type"] == LOGS]
    assert panel == dashboard["panels"][-1]
    assert [target["expr"] for target in panel["targets"]] == [query.logql()]
    variables = {f"${variable['name']}" for variable in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$\w+", query.logql())) == variables
    assert panel["options"]["sortOrder"] == "Descending"
    assert panel["options"]["enableLogDetails"] is True


def test_other_queries_are_for_prometheus():
    """What is put to a Prometheus holds no query of log lines."""
    assert not {query.expr for query in queries()} & set(shown_lines.SHOWN)
