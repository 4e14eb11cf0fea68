"""What is read of the judged labels at each collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from opentelemetry.metrics import Meter

from otelml import semconv
from otelml import semconv_quality as names
from otelml._metrics import bounded, observe
from otelml._monitor import Monitor
from otelml._quality.concept import BinQuality, CohortQuality, Concept
from otelml._quality.judgement import Judgement
from otelml._quality.points import Point
from otelml._quality.verdicts import Verdicts
from otelml.semconv import Metric

_OF_JUDGEMENT: dict[Metric, Callable[[Judgement], float]] = {
    names.ML_QUALITY_LOSS: lambda found: found.loss.value,
    names.ML_QUALITY_LOSS_LOWER: lambda found: found.loss.lower,
    names.ML_QUALITY_LOSS_UPPER: lambda found: found.loss.upper,
    names.ML_QUALITY_EVIDENCE: lambda found: found.evidence,
    names.ML_QUALITY_EVIDENCE_THRESHOLD: lambda found: found.threshold,
    names.ML_QUALITY_DEGRADED: lambda found: float(found.degraded),
}


def observe_verdicts(
    meter: Meter,
    current: Callable[[], Verdicts | None],
    monitor: Callable[[], Monitor | None],
    limit: Callable[[], int],
) -> None:
    """Make the instruments of the verdicts that are current, each of at most ``limit`` streams."""

    def add(metric: Metric, of: Callable[[Verdicts], Iterable[Point]]) -> None:
        def read() -> Iterable[Point]:
            verdicts = current()
            return () if verdicts is None else bounded(metric, of(verdicts), limit())

        observe(meter, metric, read)

    for metric, of in _OF_JUDGEMENT.items():
        add(metric, _reading(of))
    add(names.ML_QUALITY_REFERENCE, _references)
    add(names.ML_QUALITY_SEVERITY, lambda verdicts: _severities(verdicts, monitor()))
    add(names.ML_QUALITY_BY_BIN, lambda v: _bins(v, lambda found: found.value))
    add(names.ML_QUALITY_BY_BIN_ROWS, lambda v: _bins(v, lambda found: found.rows))
    add(names.ML_QUALITY_BY_COHORT, lambda v: _cohorts(v, lambda found: found.value))
    add(names.ML_QUALITY_BY_COHORT_ROWS, lambda v: _cohorts(v, lambda found: found.rows))
    add(names.ML_LABEL_MATURE_AGE, _ages)


def _model(of: Concept | Judgement) -> dict[str, str]:
    return {semconv.ML_MODEL_NAME: of.model, semconv.ML_MODEL_VERSION: of.version}


def _judged(verdicts: Verdicts) -> Iterator[tuple[Concept, Judgement]]:
    for concept in verdicts.concepts():
        if concept.last is not None:
            yield concept, concept.last


def _reading(of: Callable[[Judgement], float]) -> Callable[[Verdicts], Iterable[Point]]:
    return lambda verdicts: (
        (of(found), {**_model(found), names.ML_QUALITY_METRIC: found.metric})
        for _, found in _judged(verdicts)
    )


def _references(verdicts: Verdicts) -> Iterator[Point]:
    for _, found in _judged(verdicts):
        attributes = {**_model(found), names.ML_QUALITY_METRIC: found.metric}
        yield found.baseline.value, {**attributes, names.ML_QUALITY_BASELINE: found.baseline.source}


def _severities(verdicts: Verdicts, monitor: Monitor | None) -> Iterator[Point]:
    for _, found in _judged(verdicts):
        yield found.severity, {**_model(found), names.ML_QUALITY_METRIC: found.metric}
    for report in monitor.reports() if monitor is not None else ():
        change = report.rate_change
        if change is not None:
            yield (
                change.severity,
                {
                    semconv.ML_MODEL_NAME: report.model,
                    semconv.ML_MODEL_VERSION: report.version,
                    names.ML_QUALITY_METRIC: names.METRIC_PREDICTION_RATE,
                },
            )


def _bins(verdicts: Verdicts, of: Callable[[BinQuality], float]) -> Iterator[Point]:
    for concept, found in _judged(verdicts):
        attributes = {**_model(concept), names.ML_QUALITY_METRIC: found.metric}
        for one in concept.by_bin(tuple(verdicts.drifted(concept))):
            where = {semconv.ML_FEATURE_NAME: one.feature, semconv.ML_FEATURE_BIN: one.name}
            yield of(one), {**attributes, **where}


def _cohorts(verdicts: Verdicts, of: Callable[[CohortQuality], float]) -> Iterator[Point]:
    for concept in verdicts.concepts():
        metric = names.METRIC_MAE if concept.is_value else names.METRIC_ACCURACY
        attributes = {**_model(concept), names.ML_QUALITY_METRIC: metric}
        for one in concept.by_cohort(time.time()):
            mature = "true" if one.is_mature else "false"
            where = {names.ML_LABEL_AGE: one.age, names.ML_LABEL_MATURE: mature}
            yield of(one), {**attributes, **where}


def _ages(verdicts: Verdicts) -> Iterator[Point]:
    for concept, found in _judged(verdicts):
        yield found.mature_s, _model(concept)
