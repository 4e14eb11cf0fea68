"""What the dashboards share: variables, links between them, the way to traces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from grafana.generate import foreign
from grafana.generate.names import label, metric_name
from grafana.generate.panels import PROMETHEUS, Panel
from grafana.generate.promql import equals, matches
from otelml import semconv

TAG: Final = "otelml"
WINDOW: Final = "$__rate_interval"
SERVICE_VARIABLE: Final = "service"
IN_SERVICE: Final = f'{foreign.SERVICE}=~"${SERVICE_VARIABLE}"'
IN_MODEL: Final = (
    IN_SERVICE,
    matches(semconv.ML_MODEL_NAME, "$model"),
    matches(semconv.ML_MODEL_VERSION, "$version"),
    matches(semconv.ML_MODEL_VARIANT, "$variant"),
)
MODEL_LEGEND: Final = (
    f"{{{{{label(semconv.ML_MODEL_NAME)}}}}} v{{{{{label(semconv.ML_MODEL_VERSION)}}}}} "
    f"{{{{{label(semconv.ML_MODEL_VARIANT)}}}}}"
)


@dataclass(frozen=True)
class Row:
    """A titled row of panels."""

    title: str
    panels: Sequence[Panel]


def legend(*names: str) -> str:
    """Return the legend of some labels."""
    return " ".join(f"{{{{{label(name)}}}}}" for name in names)


def variable(
    name: str, title: str, query: str, *, everything: bool = True
) -> dashboard_builders.QueryVariable:
    """Return a variable that lists what there is.

    Args:
        name: Used as ``$name``.
        title: Shown beside it.
        query: Grafana's ``label_values(...)``.
        everything: Whether several, or all, may be chosen. All matches series without the label.
    """
    built = (
        dashboard_builders.QueryVariable(name)
        .label(title)
        .datasource(PROMETHEUS)
        .query({"query": query, "refId": name})
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )
    if not everything:
        return built
    chosen = dashboard.VariableOption(selected=True, text="All", value="$__all")
    return built.multi(True).include_all(True).all_value(".*").current(chosen)


def label_values(metric: semconv.Metric, name: str, *matchers: str) -> str:
    """Return the query for the values of a label."""
    selector = (
        f"{metric_name(metric)}{{{', '.join(matchers)}}}" if matchers else metric_name(metric)
    )
    return f"label_values({selector}, {label(name)})"


def trace_search(service: str, tags: str = "") -> str:
    """Return the URL of a trace search in Grafana's Explore.

    Args:
        service: A service name or variable.
        tags: Jaeger's ``key=value`` pairs.
    """
    query = {
        "refId": "A",
        "datasource": {"type": "jaeger", "uid": "jaeger"},
        "queryType": "search",
        "service": service,
        "tags": tags,
        "limit": 50,
    }
    pane = {
        "a": {
            "datasource": "jaeger",
            "queries": [query],
            "range": {"from": "${__from}", "to": "${__to}"},
        }
    }
    text = json.dumps(pane, separators=(",", ":"))
    # Grafana fills in ${…} before it decodes.
    return f"/explore?schemaVersion=1&panes={quote(text, safe='${}_.')}"


def _links(*, one_service: bool) -> list[Builder[dashboard.DashboardLink]]:
    kind = dashboard.DashboardLinkType
    boards = (
        dashboard_builders.DashboardLink("otelml")
        .type(kind.DASHBOARDS)
        .tags([TAG])
        .keep_time(True)
        .include_vars(True)
    )
    traces = (
        dashboard_builders.DashboardLink("Traces in Jaeger")
        .type(kind.LINK)
        .icon("external link")
        .url(trace_search(f"${{{SERVICE_VARIABLE}}}"))
        .tooltip("Search the traces of the service chosen")
        .target_blank(True)
    )
    runbooks = (
        dashboard_builders.DashboardLink("Runbooks")
        .type(kind.LINK)
        .icon("doc")
        .url("https://github.com/otelml/otelml/tree/main/docs/runbooks")
        .tooltip("What to do about each alert")
        .target_blank(True)
    )
    # A search takes one service only.
    return [boards, traces, runbooks] if one_service else [boards, runbooks]


def render(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[dashboard_builders.QueryVariable],
    rows: Sequence[Row],
    *,
    one_service: bool = False,
) -> str:
    """Return a dashboard as the JSON that Grafana provisions.

    Args:
        uid: Its identity, in its URL too.
        title: Shown after the product's name.
        description: One sentence.
        variables: What may be chosen.
        rows: Its panels.
        one_service: Whether ``$service`` is a single one, so that its traces can be searched.
    """
    built = (
        dashboard_builders.Dashboard(f"otelml / {title}")
        .uid(f"otelml-{uid}")
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .links(_links(one_service=one_service))
        .variables([*variables])
    )
    for row in rows:
        built = built.with_row(dashboard_builders.Row(row.title))
        for panel in row.panels:
            built = built.with_panel(panel)
    made = built.build()
    for position, item in enumerate(made.panels or [], 1):
        item.id_val = position
    return json.dumps(made, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def service_variable(
    metric: semconv.Metric, *, everything: bool = True
) -> dashboard_builders.QueryVariable:
    """Return the variable ``$service``: the services that emit a metric, several or one."""
    query = label_values(metric, foreign.SERVICE)
    return variable(SERVICE_VARIABLE, "Service", query, everything=everything)


def model_variables(metric: semconv.Metric) -> list[dashboard_builders.QueryVariable]:
    """Return ``$service``, ``$model`` and ``$version``: what emits a metric, each by the others."""
    model = equals(semconv.ML_MODEL_NAME, "$model")
    return [
        service_variable(metric, everything=False),
        variable(
            "model",
            "Model",
            label_values(metric, semconv.ML_MODEL_NAME, IN_SERVICE),
            everything=False,
        ),
        variable(
            "version", "Version", label_values(metric, semconv.ML_MODEL_VERSION, IN_SERVICE, model)
        ),
    ]
