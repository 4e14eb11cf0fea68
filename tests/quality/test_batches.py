"""A batch that fills the window of quality: its rows are made when somebody asks."""

from __future__ import annotations

import math

import numpy as np

from otelml._quality.windows import QualityWindows
from otelml._records.prediction import PredictionRecord
from otelml._records.results import Results

_IDS = (7, 9)


def _take(windows: QualityWindows, results: Results, ids: tuple[int, int] = _IDS) -> None:
    record = PredictionRecord("loan", "1", "")
    record.random_ids, record.start_ns = ids, 5_000_000
    windows.take(record, results)


def _labels(count: int) -> Results:
    labels = [f"l{place}" for place in range(count)]
    return Results(labels, None, np.arange(count) / count, (), 0.0)


def test_the_last_rows_of_a_large_batch_are_kept_with_their_places() -> None:
    windows = QualityWindows(10)

    _take(windows, _labels(25))
    ((_, window),) = windows.all()

    found = window.predicted()
    assert [row.predicted for row in found] == [f"l{place}" for place in range(15, 25)]
    assert [row.confidence for row in found] == [place / 25 for place in range(15, 25)]
    assert {row.time_ms for row in found} == {5}
    assert [(*_IDS, place) for place in range(15, 25)] == list(window._unfolded())


def test_values_of_a_large_batch_are_kept_as_text() -> None:
    windows = QualityWindows(2)

    _take(windows, Results((), np.array([1.0, 2.5, math.pi]), None, ()))
    ((_, window),) = windows.all()

    assert [row.predicted for row in window.predicted()] == ["2.5", repr(math.pi)]
    assert all(row.is_value for row in window.predicted())


def test_single_predictions_follow_a_batch_and_push_its_first_out() -> None:
    windows = QualityWindows(3)

    _take(windows, _labels(3))
    _take(windows, Results(("last",), None, None, (), 0.5), (1, 1))
    ((_, window),) = windows.all()

    assert [row.predicted for row in window.predicted()] == ["l1", "l2", "last"]


def test_a_batch_holds_no_more_than_its_last_rows() -> None:
    windows = QualityWindows(10)

    _take(windows, _labels(100_000))
    ((_, window),) = windows.all()

    batch = window._predicted
    assert not isinstance(batch, dict)
    results = batch.args[0]  # type: ignore[attr-defined]
    assert len(results.labels) == len(results.confidences) == 10
    assert results.confidences.base is None
