"""From a prediction to its id."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from otelml import _attributes
from otelml.quality import tokens

if TYPE_CHECKING:
    from otelml._results import Results
    from otelml.prediction import Prediction


def prediction_id(owner: Prediction, row: int) -> str:
    """Return the token of one row of a prediction; empty where ids are turned off."""
    runtime = owner.runtime
    if runtime is None or not runtime.config.feedback.enabled:
        return ""
    return tokens.encode(_token(owner, row, _attributes.results_of(owner)), runtime.secret)


def prediction_ids(owner: Prediction) -> list[str]:
    """Return the token of each row of a prediction."""
    runtime, rows = owner.runtime, range(owner.row_count())
    if runtime is None or not runtime.config.feedback.enabled:
        return ["" for _ in rows]
    results = _attributes.results_of(owner)
    return [tokens.encode(_token(owner, row, results), runtime.secret) for row in rows]


def _token(owner: Prediction, row: int, results: Results) -> tokens.Token:
    label, confidence, is_value = _row(results, row)
    ids = owner.span.get_span_context()
    traced = ids.is_valid
    trace_id, span_id = ids.trace_id, ids.span_id
    if not traced:
        # Without traces the label still has to find its own prediction.
        if owner.random_ids is None:
            owner.random_ids = (random.getrandbits(128), random.getrandbits(64))
        trace_id, span_id = owner.random_ids
    return tokens.Token(
        trace_id,
        span_id,
        owner.start_ns // 1_000_000,
        row,
        confidence,
        owner.model,
        owner.version,
        owner.variant,
        label,
        is_value,
        traced=traced,
    )


def _row(results: Results, row: int) -> tuple[str, float, bool]:
    found = float("nan") if results.confidence is None else results.confidence
    if results.confidences is not None:
        found = float(results.confidences[row])
    if results.labels:
        return results.labels[row], found, False
    if results.values is not None:
        return repr(float(results.values[row])), found, True
    return "", found, False
