"""Which predictions have a label, and of which it is another than was predicted."""

from __future__ import annotations

from typing import Any

from otelml.viewer.queries.window import BadParameterError

# Of ``predictions`` beside their ``feedback``. Numbers are near or far, not right or wrong.
WRONG = "value IS NULL AND actual IS NOT NULL AND actual<>coalesce(predicted, label)"
_BESIDE = (
    "SELECT 1 FROM predictions LEFT JOIN feedback ON feedback.trace_id=traces.trace_id"
    " AND feedback.span_id=predictions.span_id WHERE predictions.trace=traces.id"
)
# Wrong ones are few among many: they are looked for among the labels.
_DIFFERENT = (
    "traces.trace_id IN (SELECT trace_id FROM feedback"
    " WHERE actual IS NOT NULL AND (predicted IS NULL OR actual<>predicted))"
)
LABELLED = {
    "wrong": f"{_DIFFERENT} AND EXISTS ({_BESIDE} AND {WRONG})",
    "labelled": f"EXISTS ({_BESIDE} AND actual IS NOT NULL)",
    "unlabelled": f"EXISTS ({_BESIDE} AND error=0 AND actual IS NULL)",
}


def labelled_clause(chosen: str) -> str:
    """Return the condition on ``traces`` of the parameter ``labelled``.

    Raises:
        BadParameterError: It is none of its values.
    """
    if chosen not in LABELLED:
        raise BadParameterError(f"labelled must be one of {', '.join(LABELLED)}")
    return LABELLED[chosen]


def label_of(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return the label of a prediction: what was true, and whether that was predicted.

    Args:
        row: Columns actual, predicted, label, value, outcome, time_ns of the label.
    """
    actual, predicted, label, value, outcome, time_ns = row
    said = predicted if predicted is not None else label if label is not None else value
    is_value = value is not None
    return {
        "actual": actual,
        "predicted": said,
        "right": None if is_value or said is None else actual == said,
        "outcome": outcome,
        "time": None if time_ns is None else time_ns / 1e6,
    }
