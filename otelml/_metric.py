"""What a metric is made of; :mod:`otelml.semconv` names them all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(str, Enum):
    """The kinds of instrument, as OpenTelemetry names them."""

    COUNTER = "counter"
    UP_DOWN_COUNTER = "up_down_counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"
    OBSERVABLE_GAUGE = "observable_gauge"
    OBSERVABLE_COUNTER = "observable_counter"


@dataclass(frozen=True)
class Metric:
    """One metric: what its instrument is made of, and by what its streams differ.

    Args:
        name: The OpenTelemetry name.
        kind: The kind of instrument.
        unit: The UCUM unit.
        description: One sentence.
        attributes: The attributes of its streams.
        buckets: The explicit boundaries of a histogram.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    buckets: tuple[float, ...] | None = None
