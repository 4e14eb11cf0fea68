"""What dashboards and data sources ask, put to the real stores."""

from __future__ import annotations

import json
import math
import re
import time
import urllib.parse
from dataclasses import dataclass

import yaml

from grafana.generate.queries import DASHBOARDS, PanelQuery, fill, panels, queries
from tests._processes import ROOT
from tests.acceptance._stores import Span, get

# What a person may have chosen, "All" where nothing is named.
CHOICES = (
    {"service": "loan-api", "model": "loan", "instance": "loan-api-1"},
    {"service": "price-api", "model": "price", "instance": "price-api-1"},
    {"service": "price-api", "model": "district", "instance": "price-api-1"},
)
_LOOK_BACK_S = 900
_SOURCES = ROOT / "grafana/provisioning/datasources/datasources.yaml"


@dataclass(frozen=True)
class Asked:
    """A query of a panel, once for each choice of variables.

    Args:
        name: Dashboard, panel and the query's place in it.
        choices: The query by choice.
    """

    name: str
    choices: tuple[PanelQuery, ...]

    @property
    def panel(self) -> tuple[str, str]:
        return self.choices[0].dashboard, self.choices[0].panel


def asked() -> list[Asked]:
    """Every query of every panel."""
    found, seen = [], {}
    for choices in zip(*(queries(values=choice) for choice in CHOICES), strict=True):
        panel = f"{choices[0].dashboard}: {choices[0].panel}"
        seen[panel] = seen.get(panel, 0) + 1
        found.append(Asked(f"{panel} {'ABCDEF'[seen[panel] - 1]}", choices))
    return found


def dashboards() -> dict[str, dict]:
    return {path.stem: json.loads(path.read_text("utf-8")) for path in DASHBOARDS.glob("*.json")}


def numbers(prometheus: str, expr: str) -> list[float]:
    """The finite numbers that an expression has now; fails where it is none."""
    data = get(f"{prometheus}/api/v1/query", query=expr)["data"]
    found = [data] if data["resultType"] == "scalar" else data["result"]
    values = [float(each["result" if each is data else "value"][1]) for each in found]
    return [value for value in values if math.isfinite(value)]


def labels(prometheus: str, expr: str) -> list[dict[str, str]]:
    """The labels of each series that an expression has now."""
    found = get(f"{prometheus}/api/v1/query", query=expr)["data"]["result"]
    return [each["metric"] for each in found]


def exemplars(prometheus: str, expr: str) -> list[dict[str, str]]:
    """Labels of the exemplars behind an expression, the newest last."""
    now = time.time()
    window = {"start": str(now - _LOOK_BACK_S), "end": str(now)}
    series = get(f"{prometheus}/api/v1/query_exemplars", query=expr, **window)["data"]
    found = [exemplar for each in series for exemplar in each["exemplars"]]
    return [each["labels"] for each in sorted(found, key=lambda each: float(each["timestamp"]))]


def variable(prometheus: str, query: str, values: dict[str, str]) -> list[str]:
    """What a variable offers, given those before it."""
    selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", fill(query, values)).groups()
    now = time.time()
    window = {"start": str(now - _LOOK_BACK_S), "end": str(now), "match[]": selector}
    return get(f"{prometheus}/api/v1/label/{label}/values", **window)["data"]


def variables() -> dict[tuple[str, str], str]:
    """The query of every variable, by dashboard and name, in order."""
    return {
        (name, each["name"]): each["query"]["query"]
        for name, dashboard in dashboards().items()
        for each in dashboard["templating"]["list"]
        if each["type"] == "query"
    }


@dataclass(frozen=True)
class Search:
    """A link to a search for traces.

    Args:
        name: Dashboard, panel where it is a series' link, and title.
        query: As Grafana's explorer has it.
        exprs: The queries of the panel.
    """

    name: str
    query: dict
    exprs: tuple[str, ...] = ()

    def values(self, prometheus: str) -> list[dict[str, str]]:
        """What it is opened with: the choice of variables, or labels of each series of the panel."""
        if "__field" not in json.dumps(self.query):
            return [CHOICES[0]]
        found = [series for expr in self.exprs for series in labels(prometheus, fill(expr))]
        return [{f"__field.labels.{key}": each[key] for key in each} for each in found]

    def open(self, jaeger: str, values: dict[str, str]) -> list[Span]:
        """Return the spans of the traces that it finds."""
        assert self.query["queryType"] == "search"

        def filled(text: str) -> str:
            return re.sub(r"\$\{([\w.]+)\}", lambda name: values[name[1]], text)

        tags = dict(pair.split("=") for pair in filled(self.query["tags"]).split())
        parameters = {
            "service": filled(self.query["service"]),
            "tags": json.dumps(tags),
            "limit": str(self.query["limit"]),
        }
        found = get(f"{jaeger}/api/traces", **parameters)["data"]
        return [Span(raw) for trace in found for raw in trace["spans"]]


def searches() -> list[Search]:
    """Every search for traces that a dashboard links to."""
    found = []
    for name, dashboard in dashboards().items():
        found += [(name, link, ()) for link in dashboard["links"]]
        for panel in panels(dashboard):
            exprs = tuple(target["expr"] for target in panel["targets"])
            links = panel["fieldConfig"]["defaults"].get("links") or []
            found += [(f"{name}: {panel['title']}", link, exprs) for link in links]
    return [
        Search(f"{where}: {link['title']}", _explored(link), exprs)
        for where, link, exprs in found
        if (link.get("url") or "").startswith("/explore?")
    ]


def _explored(link: dict) -> dict:
    panes = urllib.parse.parse_qs(urllib.parse.urlsplit(link["url"]).query)["panes"][0]
    [pane] = json.loads(panes).values()
    [query] = pane["queries"]
    return query


def source(kind: str) -> dict:
    """The settings of a data source, as Grafana has them after reading the file."""
    [found] = [
        each
        for each in yaml.safe_load(_SOURCES.read_text("utf-8").replace("$$", "$"))["datasources"]
        if each["type"] == kind
    ]
    return found


def tag_matchers(tags: list[dict[str, str]], span: dict[str, str]) -> str:
    """What ``$__tags`` becomes for a span's resource."""
    return ", ".join(f'{tag["value"]}="{span[tag["key"]]}"' for tag in tags)
