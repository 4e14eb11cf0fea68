"""Panels in the house style: a description, a unit, a legend, colours anyone can tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.builders import heatmap, loki, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import logs as logs_builders
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.generate.logs_query import LogsQuery
from grafana.generate.settings import EXPORT_INTERVAL, PALETTE, runbook_url

PROMETHEUS: Final = dashboard.DataSourceRef(type_val="prometheus", uid="prometheus")
LOKI: Final = dashboard.DataSourceRef(type_val="loki", uid="loki")
_MOST_LINES: Final = 200

Panel: TypeAlias = timeseries.Panel | stat.Panel | heatmap.Panel | logs_builders.Panel
_P = TypeVar("_P", timeseries.Panel, stat.Panel, heatmap.Panel)


@dataclass(frozen=True)
class Query:
    """One query of a panel.

    Args:
        expr: PromQL; may use the dashboard's variables.
        legend: What its series are called, ``{{label}}`` filled in.
        exemplars: Whether to mark traces on the graph.
    """

    expr: str
    legend: str
    exemplars: bool = False


@dataclass(frozen=True)
class Spec:
    """What all kinds of panel have.

    Args:
        title: What is shown.
        description: What it tells, and what to do about it.
        unit: Grafana's id of the unit.
        queries: At least one.
        limits: Values and colours from which on something is wrong, ascending.
        width: Of 24 columns.
        runbooks: Alerts whose runbooks help here.
        empty: What to show without data, where that is no fault.
        minimum: Start of the axis; None where values may be negative.
        maximum: End of the axis, where the unit has one.
    """

    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    limits: Sequence[tuple[float, str]] = ()
    width: int = 12
    height: int = 8
    runbooks: Sequence[str] = ()
    empty: str = ""
    minimum: float | None = 0
    maximum: float | None = None
    colours: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class LogsSpec:
    """What a panel of log lines has.

    Args:
        title: What is shown.
        description: What it tells, and what to do about it.
        query: Which lines; may use the dashboard's variables.
        empty: What to show where there is none.
        runbooks: Alerts whose runbooks help here.
    """

    title: str
    description: str
    query: LogsQuery
    empty: str
    runbooks: Sequence[str] = ()


def _target(number: int, query: Query, *, instant: bool, heat: bool) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery()
        .datasource(PROMETHEUS)
        .expr(query.expr)
        .legend_format(query.legend)
        .ref_id(chr(ord("A") + number))
        .exemplar(query.exemplars)
    )
    if heat:
        target = target.format(PromQueryFormat.HEATMAP)
    return target.instant() if instant else target.range()


def _link(name: str) -> dashboard_builders.DashboardLink:
    return (
        dashboard_builders.DashboardLink(f"Runbook: {name}")
        .type(dashboard.DashboardLinkType.LINK)
        .url(runbook_url(name))
        .target_blank(True)
    )


def _base(panel: _P, spec: Spec, *, instant: bool = False, heat: bool = False) -> _P:
    panel = (
        panel.title(spec.title)
        .description(spec.description)
        .datasource(PROMETHEUS)
        .unit(spec.unit)
        .interval(EXPORT_INTERVAL)
        .span(spec.width)
        .height(spec.height)
        .links([_link(name) for name in spec.runbooks])
    )
    if spec.empty:
        panel = panel.no_value(spec.empty)
    if spec.minimum is not None:
        panel = panel.min(spec.minimum)
    if spec.maximum is not None:
        panel = panel.max(spec.maximum)
    for number, query in enumerate(spec.queries):
        panel = panel.with_target(_target(number, query, instant=instant, heat=heat))
    return panel


def _thresholds(spec: Spec) -> dashboard_builders.ThresholdsConfig:
    steps = [dashboard.Threshold(None, PALETTE["good"])]
    steps += [dashboard.Threshold(value, PALETTE[colour]) for value, colour in spec.limits]
    mode = dashboard.ThresholdsMode.ABSOLUTE
    return dashboard_builders.ThresholdsConfig().mode(mode).steps(steps)


def _fixed(colour: str) -> list[dashboard.DynamicConfigValue]:
    value = {"mode": "fixed", "fixedColor": colour}
    return [dashboard.DynamicConfigValue(id_val="color", value=value)]


def graph(spec: Spec, *, stacked: bool = False, link: tuple[str, str] | None = None) -> Panel:
    """Return lines over time; limits are dashed lines.

    Args:
        spec: What is shown.
        stacked: Whether the series add up.
        link: Title and URL that a click on a series leads to.
    """
    panel = (
        _base(timeseries.Panel(), spec)
        .line_width(2 if not stacked else 1)
        .fill_opacity(30 if stacked else 0)
        .show_points(common.VisibilityMode.NEVER)
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
    )
    if stacked:
        panel = panel.stacking(
            common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A")
        )
    if spec.limits:
        style = common_builders.GraphThresholdsStyleConfig().mode(
            common.GraphThresholdsStyleMode.DASHED
        )
        panel = panel.thresholds(_thresholds(spec)).thresholds_style(style)
    for pattern, colour in spec.colours.items():
        panel = panel.override_by_regexp(pattern, _fixed(colour))
    if link:
        title, url = link
        panel = panel.data_links(
            [dashboard_builders.DashboardLink(title).url(url).target_blank(True)]
        )
    return panel


def number(spec: Spec, *, names: bool = False) -> Panel:
    """Return the present value, large, coloured by its limits.

    Args:
        spec: What is shown.
        names: Whether the series' names are shown in place of their values.
    """
    mode = common.BigValueTextMode.NAME if names else common.BigValueTextMode.AUTO
    return (
        _base(stat.Panel(), spec, instant=True)
        .thresholds(_thresholds(spec))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .text_mode(mode)
    )


def heat(spec: Spec, *, cell_unit: str) -> Panel:
    """Return a heat map of a histogram; one colour scale that survives grey printing.

    Args:
        spec: What is shown; its unit is that of the buckets.
        cell_unit: Unit of a cell.
    """
    axis = heatmap.YAxisConfig().unit(spec.unit)
    if spec.minimum is not None:
        axis = axis.min(spec.minimum)
    return (
        _base(heatmap.Panel(), spec, heat=True)
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Viridis").steps(64)
        )
        .y_axis(axis)
        .cell_values(heatmap.CellValues().unit(cell_unit))
        .exemplars_color(PALETTE["critical"])
        .mode(common.TooltipDisplayMode.SINGLE)
        .show_legend()
    )


def logs(spec: LogsSpec) -> Panel:
    """Return log lines, the newest first, over the whole width."""
    query = loki.Dataquery().datasource(LOKI).expr(spec.query.logql()).ref_id("A")
    return (
        logs_builders.Panel()
        .title(spec.title)
        .description(spec.description)
        .datasource(LOKI)
        .no_value(spec.empty)
        .span(24)
        .height(10)
        .links([_link(name) for name in spec.runbooks])
        .with_target(query.query_type("range").max_lines(_MOST_LINES))
        .show_time(True)
        .wrap_log_message(True)
        .enable_log_details(True)
        .sort_order(common.LogsSortOrder.DESCENDING)
        .dedup_strategy(common.LogsDedupStrategy.NONE)
    )
