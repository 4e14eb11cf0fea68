"""OpenTelemetry names as Prometheus stores them.

The rules are those of Prometheus' OTLP endpoint with ``UnderscoreEscapingWithSuffixes``, its
default: https://github.com/prometheus/otlptranslator. A test sends every metric to the real one.
"""

from __future__ import annotations

import re
from typing import Final

from otelml.semconv import Kind, Metric

_UNITS: Final = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "kBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER: Final = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
_COUNTERS: Final = (Kind.COUNTER, Kind.OBSERVABLE_COUNTER)
_GAUGES: Final = (Kind.GAUGE, Kind.OBSERVABLE_GAUGE)
_PARTS: Final = ("bucket", "count", "sum")


def label(attribute: str) -> str:
    """Return the label that an attribute becomes: ``ml.model.name`` is ``ml_model_name``."""
    escaped = re.sub(r"[^a-zA-Z0-9_]", "_", attribute)
    return f"key_{escaped}" if escaped[:1].isdigit() else escaped


def _unit_words(unit: str) -> list[str]:
    """Return the words a unit adds: ``By/s`` gives ``bytes``, ``per_second``."""
    main, _, per = unit.partition("/")
    words = []
    if "{" not in main and (word := _clean(_UNITS.get(main, main))):
        words.append(word)
    if per and "{" not in per and (word := _clean(_PER.get(per, per))):
        words.append(f"per_{word}")
    return words


def _clean(text: str) -> str:
    return "_".join(re.findall(r"[a-zA-Z0-9:]+", text))


def metric_name(metric: Metric) -> str:
    """Return the name Prometheus gives to a metric: ``ml.predictions`` is ``ml_predictions_total``.

    A histogram's series have ``_bucket``, ``_sum`` or ``_count`` after it.
    """
    words = re.findall(r"[a-zA-Z0-9:]+", metric.name)
    for unit in _unit_words(metric.unit):
        if unit.removeprefix("per_") not in words:
            words.append(unit)
    for suffix, wanted in (
        ("total", metric.kind in _COUNTERS),
        ("ratio", metric.kind in _GAUGES and metric.unit == "1"),
    ):
        if wanted:
            words = [*(word for word in words if word != suffix), suffix]
    name = "_".join(words)
    return f"_{name}" if name[:1].isdigit() else name


def series_names(metric: Metric) -> tuple[str, ...]:
    """Return the names of all series of a metric: three for a histogram, else one."""
    name = metric_name(metric)
    if metric.kind is Kind.HISTOGRAM:
        return tuple(f"{name}_{part}" for part in _PARTS)
    return (name,)
