"""What the decoders hand to the store: plain rows, one class a signal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MAX_INT64 = 2**63 - 1

# What a span is to a model.
PREDICTION, STAGE, FEEDBACK = "prediction", "stage", "feedback"
# Why an item is not taken.
MALFORMED, EXPIRED, FUTURE = "malformed", "expired", "future"
LATE, COLLIDING, EXCESSIVE = "late", "colliding", "excessive"
# What a metric is, whatever OTLP calls it.
COUNTER, UPDOWN, GAUGE, HISTOGRAM, SUMMARY = "counter", "updown", "gauge", "histogram", "summary"
# How severe a log record is, the least first.
LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")


class Origin(NamedTuple):
    """Who sent a group of rows.

    Args:
        resource: The serialised ``Resource`` message.
        service: ``service.name``, or a placeholder.
        instance: ``service.instance.id``, or the empty string.
        scope: The serialised ``InstrumentationScope`` message.
        scope_name: Its name.
    """

    resource: bytes
    service: str
    instance: str
    scope: bytes
    scope_name: str


@dataclass(slots=True)
class SpanRow:
    """One span, with what the rollups need taken out of its attributes."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes | None
    name: str
    kind: int
    start_ns: int
    duration_ns: int
    error: bool
    raw: bytes
    origin: Origin
    links: list[tuple[bytes, bytes]] | None = None
    role: str = ""
    model: str = ""
    version: str = ""
    variant: str = ""
    stage: str = ""
    ml: dict[str, Any] | None = None
    # False where its sender gave no time: ``start_ns`` is then when it came.
    timed: bool = True
    # Whom it calls, in its own words.
    peer: str = ""
    # Of a root: what it is about, where that is not its name.
    title: str = ""
    # The bucket of its duration; the store's to fill.
    latency: int = 0

    @property
    def time_ns(self) -> int:
        """When it began, as the other rows call it."""
        return self.start_ns


@dataclass(slots=True)
class LogRow:
    """One log record; ``search`` is the case-folded text that a query looks through."""

    time_ns: int
    severity: int
    level: str
    search: str
    trace_id: bytes | None
    span_id: bytes | None
    raw: bytes
    origin: Origin


class Exemplar(NamedTuple):
    """One exemplar of a metric point; its ids are empty where it belongs to no span."""

    time_ns: int
    value: float
    trace_id: bytes
    span_id: bytes


@dataclass(slots=True)
class Buckets:
    """The buckets of a histogram point: explicit bounds, or exponential where ``scale`` is set.

    Args:
        counts: Explicit: one count a bucket, the last one unbounded. Exponential: unused.
        bounds: The explicit upper bounds.
        scale: The exponential scale, or None.
        zero: The count of the exponential zero bucket.
        positive: Exponential bucket index to count.
        negative: The same for negative values.
    """

    counts: tuple[int, ...] = ()
    bounds: tuple[float, ...] = ()
    scale: int | None = None
    zero: int = 0
    positive: dict[int, int] = field(default_factory=dict[int, int])
    negative: dict[int, int] = field(default_factory=dict[int, int])


@dataclass(slots=True)
class PointRow:
    """One metric point; ``value`` is the sum of a histogram, None where none was sent.

    Args:
        extremes: The least and the largest value of a histogram, each None where not sent.
        quantiles: Of a summary: quantile and value.
    """

    time_ns: int
    start_ns: int
    value: float | None
    count: int
    attributes: bytes
    buckets: Buckets | None = None
    exemplars: list[Exemplar] | None = None
    extremes: tuple[float | None, float | None] = (None, None)
    quantiles: tuple[tuple[float, float], ...] = ()


@dataclass(slots=True)
class MetricRows:
    """The points of one metric from one origin."""

    name: str
    unit: str
    description: str
    kind: str
    delta: bool
    origin: Origin
    points: list[PointRow]


@dataclass(slots=True)
class Batch:
    """All that one export request held.

    Args:
        key: The same for a request that is sent again.
        reasons: How many items were left out, by reason.
        messages: What was wrong with the first of each reason.
        added: How many items were stored that were not before, by kind; the store's to fill.
    """

    spans: list[SpanRow] = field(default_factory=list[SpanRow])
    logs: list[LogRow] = field(default_factory=list[LogRow])
    metrics: list[MetricRows] = field(default_factory=list[MetricRows])
    key: int = 0
    reasons: Counter[str] = field(default_factory=Counter[str])
    messages: dict[str, str] = field(default_factory=dict[str, str])
    added: Counter[str] = field(default_factory=Counter[str])

    def reject(self, message: str, reason: str = MALFORMED, count: int = 1) -> None:
        """Count items that are left out."""
        if count:
            self.reasons[reason] += count
            self.messages.setdefault(reason, message)

    @property
    def rejected(self) -> int:
        """How many items were left out."""
        return sum(self.reasons.values())

    @property
    def message(self) -> str:
        """Each reason, how often it held, and what was wrong."""
        return "; ".join(
            f"{self.reasons[reason]} {reason}: {message}"
            for reason, message in self.messages.items()
        )

    def __len__(self) -> int:
        return len(self.spans) + len(self.logs) + sum(len(m.points) for m in self.metrics)
