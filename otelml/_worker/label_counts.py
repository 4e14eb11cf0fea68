"""What the quality of a fleet is computed from: counts that add up over processes."""

from __future__ import annotations

import math

from otelml import semconv, semconv_quality
from otelml._feedback import FeedbackRecord
from otelml._metrics import Instruments, Key, Sums
from otelml._prediction.tokens import label_in_token

_BINS = semconv_quality.SCORE_BINS
# Cells with scores of their own by model, five classes' worth; each has as many streams as bins.
_CELLS = 25


class LabelCounts:
    """Counts labels by cell of the confusion matrix and by score, and sums errors of values.

    Args:
        to: The counters.
        sums: Counts that are written a chunk at a time.
    """

    def __init__(self, to: Instruments, sums: Sums) -> None:
        self._to = to
        self._sums = sums
        self._begun: dict[Key, set[Key]] = {}

    def add(self, record: FeedbackRecord, key: Key) -> None:
        """Count one label that is neither a duplicate nor a correction.

        Args:
            record: The label.
            key: Its model, version and variant.
        """
        origin = (semconv.ML_FEEDBACK_SOURCE, record.source)
        if record.token.is_value:
            cell = ((semconv.ML_LABEL_ACTUAL, ""), (semconv.ML_LABEL_PREDICTED, ""))
            self._error(record, key)
        else:
            cell = (
                (semconv.ML_LABEL_ACTUAL, label_in_token(record.result.actual)),
                (semconv.ML_LABEL_PREDICTED, record.token.label),
            )
            if record.token.label:
                self._score(record.token.confidence, key, cell)
        self._sums.add(self._to.feedback, (*key, *cell, origin))

    def _error(self, record: FeedbackRecord, key: Key) -> None:
        try:
            distance = abs(float(record.token.label) - float(record.result.actual))
        except ValueError:  # an id that says no value
            return
        squared = distance * distance
        # A sum that was infinite once would stay so.
        if not math.isfinite(squared):
            return
        self._sums.add(self._to.error_absolute, key, distance)
        self._sums.add(self._to.error_squared, key, squared)
        self._sums.add(self._to.error_values, key)

    def _score(self, score: float, key: Key, cell: Key) -> None:
        if not 0 <= score <= 1:  # NaN: the prediction gave none
            return
        begun = self._begun.setdefault(key, set())
        if cell not in begun and len(begun) >= _CELLS:
            cell = tuple((name, semconv.OVERFLOW_VALUE) for name, _ in cell)
        stream = (*key, *cell)
        if cell not in begun:
            begun.add(cell)
            for place in range(len(_BINS)):
                self._sums.add(self._to.feedback_score, (*stream, *_bin(place)), 0)
        # The id holds 32 bits of the score: 0.15 must stay at the end of its bin.
        place = max(0, math.ceil(round(score, 6) * len(_BINS)) - 1)
        self._sums.add(self._to.feedback_score, (*stream, *_bin(place)))


def _bin(place: int) -> Key:
    return (
        (semconv_quality.ML_FEEDBACK_SCORE_BIN, _BINS[place]),
        (semconv_quality.ML_FEEDBACK_SCORE_REST, _BINS[-1 - place]),
    )
