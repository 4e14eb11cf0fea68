"""The last predictions and the last labels of each model version, bounded in number."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from otelml import semconv
from otelml._feedback import FeedbackRecord
from otelml._prediction.tokens import label_in_token
from otelml._records.prediction import PredictionRecord
from otelml._records.results import Results

_MAX_WINDOWS = 100
Key = tuple[int, int, int]


@dataclass(slots=True)
class Row:
    """A prediction, and its label once that has come.

    Args:
        predicted: The predicted label or value, as text.
        confidence: 0 to 1; NaN where none was given.
        is_value: Whether it is a number.
        time_ms: When it was made, milliseconds since the epoch.
        actual: The label; None until it comes.
        lag_s: Seconds until it came.
    """

    predicted: str
    confidence: float
    is_value: bool
    time_ms: int
    actual: str | None = None
    lag_s: float = math.nan


Batch = Callable[[], dict[Key, Row]]


class QualityWindow:
    """The last predictions and the last labels of one model version.

    Args:
        limit: How many of each to keep.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Such a dict has its first key at hand; another looks past all that were taken out.
        self._labelled: OrderedDict[Key, Row] = OrderedDict()
        # Of a batch that fills the window by itself, rows are made when somebody asks.
        self._predicted: OrderedDict[Key, Row] | Batch = OrderedDict()
        self.changes = 0

    def label(self, record: FeedbackRecord) -> None:
        """Take a label; another one for the same prediction replaces it."""
        token = record.token
        key = (token.trace_id, token.span_id, token.row)
        if record.result.outcome == semconv.OUTCOME_DUPLICATE and key not in self._labelled:
            return  # counted long ago
        actual = record.result.actual
        if not token.is_value:
            actual = label_in_token(actual)
        row = Row(token.label, token.confidence, token.is_value, token.time_ms, actual)
        row.lag_s = record.result.delay_s
        self._labelled[key] = row
        self._trim(self._labelled)
        predicted = self._unfolded()
        if key in predicted:
            predicted[key] = row
        self.changes += 1

    def predict(self, key: Key, row: Row) -> None:
        """Take a prediction."""
        predicted = self._unfolded()
        predicted[key] = self._labelled.get(key, row)
        self._trim(predicted)
        self.changes += 1

    def predict_all(self, batch: Batch) -> None:
        """Take a batch of as many predictions as are kept: no others stay.

        Args:
            batch: Makes its rows.
        """
        self._predicted = batch
        self.changes += 1

    def _unfolded(self) -> OrderedDict[Key, Row]:
        rows = self._predicted = self._rows(self._predicted)
        return rows

    def _rows(self, predicted: OrderedDict[Key, Row] | Batch) -> OrderedDict[Key, Row]:
        if isinstance(predicted, OrderedDict):
            return predicted
        labelled = self._labelled
        return OrderedDict((key, labelled.get(key, row)) for key, row in predicted().items())

    def _trim(self, rows: OrderedDict[Key, Row]) -> None:
        if len(rows) > self._limit:
            rows.popitem(last=False)

    def has_label(self, key: Key) -> bool:
        """Whether a prediction has a label here."""
        return key in self._labelled

    @property
    def limit(self) -> int:
        """Return how many rows are kept."""
        return self._limit

    def labelled(self) -> list[Row]:
        """Return the last predictions that have a label, by when their first label came."""
        return list(self._labelled.values())

    def predicted(self) -> list[Row]:
        """Return the last predictions, with and without a label."""
        return list(self._rows(self._predicted).values())


class QualityWindows:
    """The windows of all model versions. The worker writes, a collection reads.

    Args:
        rows: Rows to keep of each.
        positive: The positive one of two labels; None leaves it to the rule.
    """

    def __init__(self, rows: int, positive: str | None = None) -> None:
        self.rows = rows
        self.positive = positive
        self._windows: dict[tuple[str, str], QualityWindow] = {}

    def _of(self, model: str, version: str) -> QualityWindow:
        name = (model, version)
        window = self._windows.pop(name, None)
        if window is None:
            window = QualityWindow(self.rows)
            if len(self._windows) >= _MAX_WINDOWS:
                del self._windows[next(iter(self._windows))]
        self._windows[name] = window  # the least used comes first
        return window

    def take_label(self, record: FeedbackRecord) -> None:
        """Take a label that came back."""
        if record.token.label and record.counts:
            self._of(record.token.model, record.token.version).label(record)

    def restore(self, records: Sequence[FeedbackRecord]) -> None:
        """Take labels from before this process, the oldest first; one that came since stands."""
        for record in records:
            token = record.token
            key = (token.trace_id, token.span_id, token.row)
            if token.label and not self._of(token.model, token.version).has_label(key):
                self.take_label(record)

    def take(self, record: PredictionRecord, results: Results) -> None:
        """Take the last rows of a prediction that has a result."""
        count = len(results.labels)
        is_value = not count and results.values is not None
        if is_value and results.values is not None:
            count = len(results.values)
        if record.error or not count:
            return
        trace_id, span_id, *_ = record.span.get_span_context()  # its properties cost more
        ids = (trace_id, span_id) if trace_id and span_id else record.random_ids
        if ids is None:
            return
        window = self._of(record.model, record.version)
        if count == 1 and results.confidences is None and not is_value:  # by far the most frequent
            sure = math.nan if results.confidence is None else results.confidence
            text = label_in_token(results.labels[0])
            made = Row(text, sure, is_value=False, time_ms=record.start_ns // 1_000_000)
            window.predict((*ids, 0), made)
            return
        time_ms = (record.start_ns or time.time_ns()) // 1_000_000
        first = max(0, count - self.rows)
        batch = partial(_rows, _from(first, results), ids, first, time_ms)
        if count >= self.rows:
            window.predict_all(batch)
            return
        for key, row in batch().items():
            window.predict(key, row)

    def all(self) -> list[tuple[tuple[str, str], QualityWindow]]:
        """Return the window of each model and version."""
        return list(self._windows.items())

    def continue_from(self, before: QualityWindows) -> None:
        """Go on with the rows of one that has other options, where it keeps as many."""
        if before.rows == self.rows:
            self._windows = before._windows

    def clear(self) -> None:
        """Forget all rows."""
        self._windows.clear()


def _from(first: int, results: Results) -> Results:
    """Return the results of the rows from ``first`` on: no more is held."""
    if not first:
        return results
    values, confidences = results.values, results.confidences
    return results._replace(
        labels=results.labels[first:],
        values=None if values is None else values[first:].copy(),
        confidences=None if confidences is None else confidences[first:].copy(),
    )


def _rows(results: Results, ids: tuple[int, int], first: int, time_ms: int) -> dict[Key, Row]:
    is_value = not results.labels
    texts: dict[str, str] = {}  # few labels, many rows
    found: dict[Key, Row] = {}
    count = len(results.labels) if results.values is None or results.labels else len(results.values)
    for row in range(count):
        sure = math.nan if results.confidence is None else results.confidence
        if results.confidences is not None:
            sure = float(results.confidences[row])
        if results.labels:
            label = results.labels[row]
            text = texts.get(label) or texts.setdefault(label, label_in_token(label))
        else:
            text = repr(float(results.values[row])) if results.values is not None else ""
        found[(ids[0], ids[1], first + row)] = Row(text, sure, is_value, time_ms)
    return found
