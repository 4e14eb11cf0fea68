"""A window of rows beside a reference: every statistic of every feature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from otelml.drift.measure import finding, too_few
from otelml.drift.measured import measured
from otelml.drift.pairs import EPSILON, MIN_ROWS
from otelml.drift.result import DriftResult, FeatureDrift
from otelml.drift.severity import BANDS
from otelml.reference import Column, Reference, read_column, read_frame
from otelml.reference import Feature as ReferenceFeature


def compare(
    reference: Reference,
    frame: Any,
    *,
    alpha: float = 0.05,
    epsilon: float = EPSILON,
    min_rows: int = MIN_ROWS,
    bands: Mapping[str, tuple[float, float]] = BANDS,
) -> DriftResult:
    """Compare one window with a reference.

    A feature has drifted where its p-value is below ``alpha`` divided by the number of features
    (Bonferroni): at most a share ``alpha`` of unchanged windows is found to have drifted.

    Args:
        reference: What the data looked like.
        frame: The rows now: any table that ``Reference.from_data`` takes.
        alpha: The level of the whole window.
        epsilon: What an empty bin counts as in PSI and KL.
        min_rows: Usable values that a feature needs; with less it has a reason instead.
        bands: Thresholds of the severities.

    Raises:
        InvalidReferenceError: The frame is no table, or a nameless one of another width.

    >>> reference = Reference.from_data({"age": range(200), "sex": ["f", "m"] * 100})
    >>> compare(reference, {"age": range(60, 260), "sex": ["m", "f"] * 100}).drifted
    ('age',)
    """
    columns = read_frame(frame, None if _has_names(frame) else list(reference.features))
    mismatches = {
        name: "not in the reference" for name in columns if name not in reference.features
    }
    rows = max((len(values) for values in columns.values()), default=0)
    fits: dict[str, Column] = {}
    for name, feature in reference.features.items():
        if name not in columns:
            mismatches[name] = "not in the window"
            continue
        column = _column(feature, columns[name])
        if isinstance(column, str):
            mismatches[name] = column
        elif column.kind not in {feature.kind, "empty"} and feature.kind != "empty":
            mismatches[name] = f"{feature.kind} in the reference, {column.kind} in the window"
        else:
            fits[name] = column
    reasons = {
        name: too_few(reference.features[name], fits[name].usable, min_rows) for name in fits
    }
    pairs = [(reference.features[name], fits[name]) for name in fits if not reasons[name]]
    level = alpha / max(1, len(reference.features))
    tested = {found.feature.name: found for found in measured(pairs, epsilon)}
    found = {
        name: finding(tested[name], _missing_share(column), level, bands)
        if name in tested
        else _untested(reference.features[name], column, reasons[name])
        for name, column in fits.items()
    }
    return DriftResult(rows, reference.rows, found, mismatches, alpha)


def _has_names(frame: Any) -> bool:
    named = isinstance(frame, Mapping) or hasattr(frame, "columns")
    return named or (isinstance(frame, list) and bool(frame) and isinstance(frame[0], Mapping))


def _column(feature: ReferenceFeature, values: Any) -> Column | str:
    try:
        return read_column(values, categorical=feature.kind == "categorical" or None)
    except ValueError as error:
        return str(error)


def _missing_share(column: Column) -> float:
    return 1 - column.usable / column.rows if column.rows else 0.0


def _untested(feature: ReferenceFeature, column: Column, reason: str) -> FeatureDrift:
    missing = _missing_share(column)
    return FeatureDrift(
        feature.name, {}, {}, math.nan, False, missing, 0, feature.importance, (), reason
    )
