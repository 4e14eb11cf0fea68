"""What is asked for at each collection: states, rather than things that happen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otelml import _guard, semconv
from otelml._features import Summary
from otelml._metrics.cardinality import Key, overflow
from otelml._privacy import current_policy
from otelml.semconv import Kind, Metric

Point = tuple[float, dict[str, str]]
Source = Callable[[], Iterable[tuple[float, Mapping[str, Any]]]]


class States(NamedTuple):
    """Where the states of predictions are read; each is a call, by model and version.

    Args:
        active: Predictions under way.
        models: The attributes of each model seen.
        summaries: The features in each window.
        worker_cpu_s: CPU time that the worker has used.
    """

    active: Callable[[], Iterable[tuple[tuple[str, str], int]]]
    models: Callable[[], Iterable[Key]]
    summaries: Callable[[], Sequence[tuple[tuple[str, str], Summary]]]
    worker_cpu_s: Callable[[], float]


def observe(meter: Meter, metric: Metric, source: Source) -> None:
    """Make the observable instrument of ``metric``; ``source`` is asked at each collection."""

    def callback(_: CallbackOptions) -> Iterable[Observation]:
        measured = _guard.call(metric.name, lambda: list(source()))
        return [Observation(value, attributes) for value, attributes in measured or ()]

    create = {
        Kind.OBSERVABLE_GAUGE: meter.create_observable_gauge,
        Kind.OBSERVABLE_COUNTER: meter.create_observable_counter,
        Kind.UP_DOWN_COUNTER: meter.create_observable_up_down_counter,
    }[metric.kind]
    create(metric.name, [callback], metric.unit, metric.description)


def observe_states(meter: Meter, states: States, limit: Callable[[], int]) -> None:
    """Make the instruments that read ``states``, each of at most ``limit()`` streams."""

    def active() -> Iterable[tuple[float, dict[str, str]]]:
        for name, count in list(states.active())[: limit()]:
            yield count, _model(name)

    def features(metric: Metric, part: str) -> Iterable[tuple[float, dict[str, str]]]:
        policy = current_policy()
        kept, left_out = fair_shares(states.summaries(), limit())
        if left_out:  # a state, not a sum: the most that were left out at once
            key = (metric.name, semconv.ML_FEATURE_NAME)
            overflow[key] = max(overflow[key], left_out)
        for name, summary in kept:
            value: float | None = getattr(summary, part)
            if value is None or math.isnan(value):
                continue  # the last value was missing
            if part != "last":
                value = policy.aggregate(summary.name, value, summary.rows)
            elif not policy.shows_value(summary.name):
                value = None
            if value is not None:
                yield value, {**_model(name), semconv.ML_FEATURE_NAME: summary.name}

    observe(meter, semconv.ML_PREDICTION_ACTIVE, active)
    observe(meter, semconv.ML_MODEL_INFO, lambda: [(1, dict(key)) for key in states.models()])
    observe(meter, semconv.ML_FEATURE_LAST, lambda: features(semconv.ML_FEATURE_LAST, "last"))
    observe(meter, semconv.ML_FEATURE_MIN, lambda: features(semconv.ML_FEATURE_MIN, "minimum"))
    observe(meter, semconv.ML_FEATURE_MAX, lambda: features(semconv.ML_FEATURE_MAX, "maximum"))
    observe(meter, semconv.ML_FEATURE_MEAN, lambda: features(semconv.ML_FEATURE_MEAN, "mean"))
    observe(meter, semconv.OTELML_WORKER_DURATION, lambda: [(states.worker_cpu_s(), {})])


def bounded(
    metric: Metric, points: Iterable[Point], limit: int, attribute: str = semconv.ML_FEATURE_NAME
) -> list[Point]:
    """Return as many finite points as there may be streams; what is left out is counted.

    Args:
        metric: What the points are of.
        points: All of them.
        limit: Streams that there may be.
        attribute: The one of many values, under which the count stands.
    """
    found = [point for point in points if math.isfinite(point[0])]
    left_out = len(found) - limit
    if left_out > 0:  # a state, not a sum: the most that were left out at once
        key = (metric.name, attribute)
        overflow[key] = max(overflow[key], left_out)
    return found[:limit]


def fair_shares(
    summaries: Sequence[tuple[tuple[str, str], Summary]], limit: int
) -> tuple[list[tuple[tuple[str, str], Summary]], int]:
    """Share ``limit`` streams among models: what one does not need goes to the others.

    Returns:
        The first features of each model, as many as its share; and how many are left out.
    """
    if len(summaries) <= limit:
        return list(summaries), 0
    needs = Counter(name for name, _ in summaries)
    shares: dict[tuple[str, str], int] = {}
    left = limit
    for place, (name, need) in enumerate(sorted(needs.items(), key=lambda item: item[1])):
        shares[name] = min(need, left // (len(needs) - place))
        left -= shares[name]
    kept: list[tuple[tuple[str, str], Summary]] = []
    for name, summary in summaries:
        if shares[name]:
            shares[name] -= 1
            kept.append((name, summary))
    return kept, len(summaries) - len(kept)


def _model(name: tuple[str, str]) -> dict[str, str]:
    return {semconv.ML_MODEL_NAME: name[0], semconv.ML_MODEL_VERSION: name[1]}


def observe_self(meter: Meter) -> None:
    """Make the instruments by which otelml reports its own errors and folded streams."""
    observe(
        meter,
        semconv.OTELML_ERRORS,
        lambda: [(n, {semconv.OTELML_COMPONENT: c}) for c, n in list(_guard.errors.items())],
    )
    observe(
        meter,
        semconv.OTELML_CARDINALITY_OVERFLOW,
        lambda: [
            (n, {semconv.OTELML_INSTRUMENT: i, semconv.OTELML_ATTRIBUTE: a})
            for (i, a), n in list(overflow.items())
        ],
    )
