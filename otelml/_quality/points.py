"""What a window of labelled predictions says, as the points of metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from otelml import semconv
from otelml import semconv_quality as names
from otelml._quality.windows import QualityWindow, Row
from otelml.quality import (
    Score,
    bounds,
    cbpe,
    classification,
    coverage,
    maturity,
    positive_of,
    regression,
)

_RESAMPLES = 200
_CLASSIC_ROWS = 100
_LARGEST = 1e150
_MEASURED = {names.ML_QUALITY_ESTIMATED: "false"}
Scored = tuple[Score, dict[str, str]]
Point = tuple[float, dict[str, str]]


def positive_label(rows: Sequence[Row], chosen: str | None) -> str | None:
    """Return the positive label of rows; None where there are not two labels."""
    found = {row.predicted for row in rows} | {row.actual for row in rows if row.actual}
    if chosen is not None:
        return chosen if chosen in found else None
    decided: str | None = positive_of(sorted(found))
    return decided


def quality_of(window: QualityWindow, positive: str | None) -> list[Scored]:
    """Return each measure with its attributes: of all rows kept, and of the classic last 100."""
    rows = window.labelled()
    found: list[Scored] = []
    for size in sorted({window.limit, min(window.limit, _CLASSIC_ROWS)}):
        found += [
            (score, {**attributes, names.ML_QUALITY_WINDOW: str(size), **_MEASURED})
            for score, attributes in _measures(rows[-size:], positive)
        ]
    found += _estimated(window, positive)
    return found


def _measures(rows: Sequence[Row], chosen: str | None) -> Iterator[Scored]:
    values = [row for row in rows if row.is_value]
    if values:
        result = regression(
            [_number(row.actual) for row in values],
            [_number(row.predicted) for row in values],
            resamples=_RESAMPLES,
        )
        yield from ((s, {names.ML_QUALITY_METRIC: n}) for n, s in result.overall.items())
    labelled = [row for row in rows if not row.is_value]
    if labelled:
        yield from _classes(labelled, chosen)


def _number(text: str | None) -> float:
    """Return a number; NaN where it is too large to be squared."""
    value = float(text or math.nan)
    return value if abs(value) <= _LARGEST else math.nan


def _classes(rows: Sequence[Row], chosen: str | None) -> Iterator[Scored]:
    positive = positive_label(rows, chosen)
    predicted = [row.predicted for row in rows]
    labels = {*predicted, *(row.actual for row in rows)}
    scores = None
    if positive is not None and len(labels) == 2:  # noqa: PLR2004 - the other's chance is known
        sure = np.array([row.confidence for row in rows])
        scores = np.where([label == positive for label in predicted], sure, 1 - sure)
    result = classification(
        [row.actual for row in rows], predicted, scores, positive, resamples=_RESAMPLES
    )
    own = result.classes.get(positive, {}) if positive is not None else {}
    for metric, score in result.overall.items():
        attributes = {names.ML_QUALITY_METRIC: metric}
        if metric in own:
            attributes[names.ML_QUALITY_AVERAGING] = names.AVERAGING_BINARY
        if positive is not None and metric in {*own, "roc_auc", "pr_auc", "brier"}:
            attributes[names.ML_QUALITY_LABEL] = positive
        yield score, attributes
    for averaging, averaged in (
        (names.AVERAGING_MACRO, result.macro),
        (names.AVERAGING_WEIGHTED, result.weighted),
    ):
        for metric, score in averaged.items():
            yield (
                score,
                {names.ML_QUALITY_METRIC: metric, names.ML_QUALITY_AVERAGING: averaging},
            )
    for label, of_class in result.classes.items():
        for metric, score in of_class.items():
            yield (
                score,
                {
                    names.ML_QUALITY_METRIC: metric,
                    names.ML_QUALITY_AVERAGING: names.AVERAGING_CLASS,
                    names.ML_QUALITY_LABEL: label,
                },
            )


def _estimated(window: QualityWindow, chosen: str | None) -> Iterator[Scored]:
    rows = [row for row in window.predicted() if not row.is_value and row.confidence >= 0]
    positive = positive_label(rows, chosen)
    predicted = [row.predicted for row in rows]
    # Of the labels seen; a third one that was never predicted cannot be known.
    two = positive if len({*predicted, positive}) <= 2 else None  # noqa: PLR2004 - as above
    for metric, score in cbpe([row.confidence for row in rows], predicted, two).items():
        attributes = {
            names.ML_QUALITY_METRIC: metric,
            names.ML_QUALITY_WINDOW: str(window.limit),
            names.ML_QUALITY_ESTIMATED: "true",
        }
        if metric != "accuracy" and positive is not None:
            attributes[names.ML_QUALITY_AVERAGING] = names.AVERAGING_BINARY
            attributes[names.ML_QUALITY_LABEL] = positive
        yield score, attributes


def _classified(window: QualityWindow) -> list[Row]:
    rows = [row for row in window.predicted() if not row.is_value]
    return rows if window.labelled() else []  # a service without feedback has no coverage


def bounds_of(window: QualityWindow, chosen: str | None) -> list[tuple[float, float, str, str]]:
    """Return lower and upper bound, metric and positive label of the last predictions."""
    rows = _classified(window)
    positive = positive_label(rows, chosen)
    found = bounds([row.actual for row in rows], [row.predicted for row in rows], positive)
    return [
        (bound.lower, bound.upper, metric, "" if metric == "accuracy" else positive or "")
        for metric, bound in found.items()
    ]


def coverage_of(window: QualityWindow) -> Iterator[Point]:
    """Return the labelled share by predicted label and confidence band."""
    rows = _classified(window)
    for kind in coverage(
        [row.actual is not None for row in rows],
        [row.predicted for row in rows],
        [row.confidence for row in rows],
    ):
        attributes = {semconv.ML_LABEL_PREDICTED: kind.predicted}
        if kind.upper == kind.upper:
            attributes[names.ML_CONFIDENCE_BAND] = f"{kind.lower:.1f}-{kind.upper:.1f}"
        yield kind.share, attributes


def maturity_of(window: QualityWindow, now_s: float) -> Iterator[Point]:
    """Return the share of labels that comes by each age that a prediction has reached."""
    rows = window.predicted()
    lags = [row.lag_s for row in rows if row.actual is not None]
    ages = [max(0.0, now_s - row.time_ms / 1e3) for row in rows]
    if not lags:
        return
    waiting = [age for age, row in zip(ages, rows, strict=True) if row.actual is None]
    curve = maturity(lags, waiting)
    for name, age in names.LABEL_AGES.items():
        if age <= max(*ages, 0.0):
            yield curve.at(age), {names.ML_LABEL_AGE: name}
