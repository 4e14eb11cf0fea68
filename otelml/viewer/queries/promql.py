"""The PromQL that asks Prometheus what a chart of the viewer shows."""

from __future__ import annotations

import re

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


def promql(
    name: str,
    unit: str,
    kind: str,
    agg: str,
    by: list[str],
    where: list[tuple[str, str]],
    step_s: int,
) -> str:
    """Return the query; ranges are at least a minute, as scrapes are that far apart."""
    metric = prometheus_name(name, unit, kind)
    chosen = ", ".join(f'{_label(key)}="{_escape(value)}"' for key, value in where)
    selector = f"{{{chosen}}}" if chosen else ""
    span = f"[{_duration(max(step_s, _MIN_RANGE_S))}]"
    keys = [_label(key) for key in by]
    group = f" by ({', '.join(keys)})" if keys else ""
    if agg in QUANTILE_AGGS:
        inner = ", ".join(["le", *keys])
        rate = f"rate({metric}_bucket{selector}{span})"
        return f"histogram_quantile({QUANTILE_AGGS[agg]:g}, sum by ({inner}) ({rate}))"
    if kind in {HISTOGRAM, SUMMARY}:
        if agg == "avg":
            total = f"sum{group} (rate({metric}_sum{selector}{span}))"
            return f"{total} / sum{group} (rate({metric}_count{selector}{span}))"
        if agg == "rate":
            return f"sum{group} (rate({metric}_count{selector}{span}))"
        return f"sum{group} (increase({metric}_sum{selector}{span}))"
    if kind == COUNTER and agg != "last":
        function = "rate" if agg == "rate" else "increase"
        return f"sum{group} ({function}({metric}{selector}{span}))"
    if agg == "avg":
        return f"avg{group} (avg_over_time({metric}{selector}{span}))"
    outer = "avg" if kind == "gauge" and agg == "last" else "sum"
    return f"{outer}{group} ({metric}{selector})"


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
