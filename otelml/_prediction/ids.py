"""From a prediction to its id."""

from __future__ import annotations

import random

from otelml._prediction import tokens
from otelml._prediction.results import results_of, row_count
from otelml._records.prediction import PredictionRecord
from otelml._records.results import Results


class Ids:
    """Makes prediction ids.

    Args:
        enabled: Whether predictions have ids.
        secret: The key they are signed with; None makes them keyless.
    """

    def __init__(self, enabled: bool, secret: bytes | None) -> None:
        self._enabled = enabled
        self.secret = secret

    def one(self, record: PredictionRecord) -> str:
        """Return the token of the first row of a prediction; empty where ids are turned off."""
        if record.id_text is None:
            results = results_of(record)
            made = tokens.encode(_token(record, 0, results), self.secret) if self._enabled else ""
            record.id_text = made
        return record.id_text

    def all(self, record: PredictionRecord) -> list[str]:
        """Return the token of each row of a prediction."""
        rows = range(row_count(record))
        if not self._enabled:
            return ["" for _ in rows]
        results = results_of(record)
        return [tokens.encode(_token(record, row, results), self.secret) for row in rows]


def _token(record: PredictionRecord, row: int, results: Results) -> tokens.Token:
    label, confidence, is_value = _row(results, row)
    ids = record.span.get_span_context()
    traced = ids.is_valid
    trace_id, span_id = ids.trace_id, ids.span_id
    if not traced:
        # Without traces the label still has to find its own prediction.
        if record.random_ids is None:
            record.random_ids = (random.getrandbits(128), random.getrandbits(64))
        trace_id, span_id = record.random_ids
    return tokens.Token(
        trace_id,
        span_id,
        record.start_ns // 1_000_000,
        row,
        confidence,
        record.model,
        record.version,
        record.variant,
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
