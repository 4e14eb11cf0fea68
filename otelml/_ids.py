"""From a prediction to its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otelml import _attributes
from otelml.quality import tokens

if TYPE_CHECKING:
    from otelml.prediction import Prediction


def prediction_id(owner: Prediction, row: int) -> str:
    """Return the token of one row of a prediction; empty where ids are turned off."""
    runtime = owner.runtime
    if runtime is None or not runtime.config.feedback.enabled:
        return ""
    label, confidence, is_value = _row(owner, row)
    ids = owner.span.get_span_context()
    token = tokens.Token(
        ids.trace_id,
        ids.span_id,
        owner.start_ns // 1_000_000,
        row,
        confidence,
        owner.model,
        owner.version,
        owner.variant,
        label,
        is_value,
    )
    return tokens.encode(token, runtime.secret)


def _row(owner: Prediction, row: int) -> tuple[str, float, bool]:
    results = _attributes.results_of(owner)
    found = float("nan") if results.confidence is None else results.confidence
    if results.confidences is not None:
        found = float(results.confidences[row])
    if results.labels:
        return results.labels[row], found, False
    if results.values is not None:
        return repr(float(results.values[row])), found, True
    return "", found, False
