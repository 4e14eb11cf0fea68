"""Uncertain predictions on their way to the store, for reviewers."""

from __future__ import annotations

import math

from otelml._feedback import Uncertain
from otelml._prediction import Ids
from otelml._privacy import current_policy
from otelml._records.prediction import PredictionRecord
from otelml._records.results import Results
from otelml._worker.events import last_features
from otelml.config import FeedbackOptions

_ALL = "*"
_MAX_VALUE = 100


class ReviewQueue:
    """Chooses what a reviewer may look at.

    Args:
        options: Say what is uncertain, and which features may be seen.
        ids: Make prediction ids.
        to: Where predictions wait for the store.
    """

    def __init__(self, options: FeedbackOptions, ids: Ids, to: Uncertain) -> None:
        wanted = options.enabled and options.store is not None
        self._below = options.review_below if wanted else 0.0
        self._features = frozenset(options.review_features)
        self._ids = ids
        self._to = to

    @property
    def is_on(self) -> bool:
        """Whether there is anything to choose."""
        return self._below > 0

    def take(self, record: PredictionRecord, results: Results) -> None:
        """Take one prediction; of a batch, the rows that are uncertain.

        Raises:
            FeedbackError: Too many wait for the store.
        """
        if record.error or results.confidence is None:
            return
        if results.confidence >= self._below:
            return
        sure = results.confidences
        rows = [0] if sure is None else [n for n, one in enumerate(sure) if one < self._below]
        ids = [self._ids.one(record)] if rows == [0] else self._ids.all(record)
        for row in rows:
            confidence = results.confidence if sure is None else float(sure[row])
            if math.isfinite(confidence) and ids[row]:
                is_last = sure is None or row == len(sure) - 1
                features = self._shown(record) if is_last else {}
                self._to.take(ids[row], confidence, features)

    def _shown(self, record: PredictionRecord) -> dict[str, str]:
        """Return the features of the last row, as text."""
        if not self._features:
            return {}
        return {
            str(name)[:_MAX_VALUE]: str(value)[:_MAX_VALUE]
            for name, value in last_features(record)
            if self._features & {_ALL, str(name)} and not current_policy().hides(str(name))
        }
