"""What a unit test of an alert is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from grafana.generate import foreign
from grafana.generate.alert import Severity
from grafana.generate.names import label, metric_name
from otelml import semconv
from otelml.semconv import Metric

MODEL: Final = {
    foreign.SERVICE: "loan-api",
    semconv.ML_MODEL_NAME: "loan",
    semconv.ML_MODEL_VERSION: "1",
}


@dataclass(frozen=True)
class Fired:
    """One alert that should fire, and what it says."""

    severity: Severity
    labels: Mapping[str, str]
    summary: str
    description: str


@dataclass(frozen=True)
class Scene:
    """One unit test.

    Args:
        alert: The alert's name.
        what: What happens.
        series: Values by series, one a minute, in promtool's notation.
        at: When the alerts are looked at.
        fires: The alerts of this name that fire then; none at all by default.
    """

    alert: str
    what: str
    series: Mapping[str, str]
    at: str
    fires: Sequence[Fired] = field(default_factory=tuple[Fired, ...])


def series(metric: Metric | str, labels: Mapping[str, str], part: str = "") -> str:
    """Return a series as promtool writes it; the labels are attributes or labels."""
    name = metric if isinstance(metric, str) else metric_name(metric)
    name += f"_{part}" if part else ""
    inside = ", ".join(f'{key}="{value}"' for key, value in named(labels).items())
    return f"{name}{{{inside}}}"


def named(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return attributes as labels."""
    return {label(key): value for key, value in attributes.items()}
