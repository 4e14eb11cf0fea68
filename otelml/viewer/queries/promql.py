"""The PromQL that asks Prometheus what a chart of the viewer shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from otelml.viewer.queries.conditions import Condition
from otelml.viewer.queries.points import Series
from otelml.viewer.records import COUNTER, HISTOGRAM, SUMMARY

_UNITS = {
    "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "min": "minutes", "h": "hours", "d": "days", "By": "bytes", "KiBy": "kibibytes",
    "MiBy": "mebibytes", "GiBy": "gibibytes", "m": "meters", "V": "volts", "A": "amperes",
    "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius", "Hz": "hertz", "%": "percent",
}  # fmt: skip
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
QUANTILE_AGGS = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_MIN_RANGE_S = 60
_RE2 = re.compile(r"[\\.+*?()|\[\]{}^$]")
# Resource attributes that prometheus/prometheus.yml makes labels of each series.
PROMOTED = frozenset(
    {
        "service.instance.id",
        "service.name",
        "service.namespace",
        "service.version",
        "deployment.environment.name",
    }
)


def prometheus_name(name: str, unit: str, kind: str) -> str:
    """Return the name that an OTLP metric has in Prometheus, by its default translation."""
    base = _sanitize(name)
    if base[:1].isdigit():
        base = f"_{base}"
    for suffix in _suffixes(unit, kind):
        if suffix not in base.split("_"):
            base = f"{base}_{suffix}"
    if kind == COUNTER:
        base = f"{base.removesuffix('_total')}_total"
    return base


def _suffixes(unit: str, kind: str) -> list[str]:
    if unit == "1":
        return ["ratio"] if kind not in {COUNTER, HISTOGRAM, SUMMARY} else []
    main, _, per = re.sub(r"\{[^}]*\}", "", unit).partition("/")
    found = [_UNITS.get(main, _sanitize(main))] if main else []
    if per:
        found += ["per", _PER.get(per, _sanitize(per))]
    return [each for each in found if each]


def _sanitize(name: str) -> str:
    return re.sub(r"_+", "_", re.sub(r"[^a-zA-Z0-9_:]", "_", name)).strip("_")


class Origins(NamedTuple):
    """Attributes that are not of the points, and where Prometheus has them."""

    target: frozenset[str] = frozenset()
    scope: frozenset[str] = frozenset()

    @classmethod
    def of(cls, series: Iterable[Series], keys: set[str]) -> Origins:
        """Tell of keys that are none of the points' whether they are a resource's or a scope's."""
        scope = {key for each in series for key in keys if key in each.scope}
        return cls(frozenset(keys - scope - PROMOTED), frozenset(scope))

    def needs(self) -> list[str]:
        """Return the settings without which Prometheus does not have them."""
        return ["otlp.promote_scope_metadata"] if self.scope else []


def promql(
    name: str,
    unit: str,
    kind: str,
    agg: str,
    by: list[str],
    where: Sequence[tuple[Any, ...]],
    step_s: int,
    origins: Origins = Origins(),  # noqa: B008 - immutable
) -> str:
    """Return the query; ranges are at least a minute, as scrapes are that far apart.

    Attributes of the resource that the stack's Prometheus does not promote are joined from
    ``target_info``.
    """
    metric = prometheus_name(name, unit, kind)
    conditions = [Condition(*each) for each in where]
    selector = _selector([each for each in conditions if each.key not in origins.target])
    joined = [each for each in conditions if each.key in origins.target]
    names = [_label(key) for key in by if key in origins.target]
    join = ""
    if joined or names:
        left = f" group_left ({', '.join(names)})"
        join = f" * on (job, instance){left} target_info{_selector(joined)}"
    span = f"[{_duration(max(step_s, _MIN_RANGE_S))}]"
    keys = [_label(key) for key in by]
    group = f" by ({', '.join(keys)})" if keys else ""
    if agg in QUANTILE_AGGS:
        inner = ", ".join(["le", *keys])
        rate = f"rate({metric}_bucket{selector}{span}){join}"
        return f"histogram_quantile({QUANTILE_AGGS[agg]:g}, sum by ({inner}) ({rate}))"
    if kind in {HISTOGRAM, SUMMARY}:
        if agg == "avg":
            total = f"sum{group} (rate({metric}_sum{selector}{span}){join})"
            return f"{total} / sum{group} (rate({metric}_count{selector}{span}){join})"
        if agg == "rate":
            return f"sum{group} (rate({metric}_count{selector}{span}){join})"
        return f"sum{group} (increase({metric}_sum{selector}{span}){join})"
    if kind == COUNTER and agg != "last":
        function = "rate" if agg == "rate" else "increase"
        return f"sum{group} ({function}({metric}{selector}{span}){join})"
    if agg == "avg":
        return f"avg{group} (avg_over_time({metric}{selector}{span}){join})"
    outer = "avg" if kind == "gauge" and agg == "last" else "sum"
    return f"{outer}{group} ({metric}{selector}{join})"


def _selector(conditions: list[Condition]) -> str:
    found: list[str] = []
    for key in dict.fromkeys(each.key for each in conditions):
        for equal, sign in ((True, "="), (False, "!=")):
            values = [c.value for c in conditions if c.key == key and c.equal is equal]
            if len(values) == 1:
                found.append(f'{_label(key)}{sign}"{_escape(values[0])}"')
            elif values:
                either = "|".join(_RE2.sub(r"\\\g<0>", value) for value in values)
                found.append(f'{_label(key)}{"=~" if equal else "!~"}"{_escape(either)}"')
    return f"{{{', '.join(found)}}}" if found else ""


def _label(key: str) -> str:
    name = _sanitize(key)
    return f"key_{name}" if name[:1].isdigit() else name


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _duration(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
