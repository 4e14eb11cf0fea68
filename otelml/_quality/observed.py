"""What is read of the windows of labelled predictions at each collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from weakref import WeakKeyDictionary

from opentelemetry.metrics import Meter

from otelml import semconv
from otelml import semconv_quality as names
from otelml._metrics import bounded, observe
from otelml._quality.points import (
    Point,
    Scored,
    bounds_of,
    coverage_of,
    maturity_of,
    quality_of,
)
from otelml._quality.windows import QualityWindow, QualityWindows
from otelml.semconv import Metric

_Model = dict[str, str]


class _Kept:
    """The measures of each window, worked out once for each change of it."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[QualityWindow, tuple[object, list[Scored]]] = (
            WeakKeyDictionary()
        )

    def quality(self, window: QualityWindow, positive: str | None) -> list[Scored]:
        state = (window.changes, positive)
        known = self._of.get(window)
        if known is None or known[0] != state:
            known = self._of[window] = (state, quality_of(window, positive))
        return known[1]


def observe_quality(
    meter: Meter, current: Callable[[], QualityWindows | None], limit: Callable[[], int]
) -> None:
    """Make the instruments of the windows that are current, each of at most ``limit`` streams."""
    kept = _Kept()

    def add(metric: Metric, of: Callable[[QualityWindow, str | None], Iterable[Point]]) -> None:
        def read() -> Iterable[Point]:
            windows = current()
            if windows is None:
                return ()
            return bounded(metric, _points(windows, of), limit(), names.ML_QUALITY_LABEL)

        observe(meter, metric, read)

    for place, metric in enumerate(
        (names.ML_QUALITY, names.ML_QUALITY_LOWER, names.ML_QUALITY_UPPER)
    ):
        add(metric, _reading_scores(kept, place))
    for place, metric in enumerate((names.ML_QUALITY_BOUND_LOWER, names.ML_QUALITY_BOUND_UPPER)):
        add(metric, _reading_bounds(place))
    add(names.ML_LABEL_COVERAGE, lambda window, _: coverage_of(window))
    add(names.ML_LABEL_MATURITY, lambda window, _: maturity_of(window, time.time()))


def _reading_scores(
    kept: _Kept, place: int
) -> Callable[[QualityWindow, str | None], Iterable[Point]]:
    return lambda window, positive: (
        (score[place], attributes) for score, attributes in kept.quality(window, positive)
    )


def _reading_bounds(place: int) -> Callable[[QualityWindow, str | None], Iterable[Point]]:
    def read(window: QualityWindow, positive: str | None) -> Iterator[Point]:
        for *ends, metric, label in bounds_of(window, positive):
            attributes = {names.ML_QUALITY_METRIC: metric}
            if label:
                attributes[names.ML_QUALITY_LABEL] = label
            yield ends[place], attributes

    return read


def _points(
    windows: QualityWindows, of: Callable[[QualityWindow, str | None], Iterable[Point]]
) -> Iterator[Point]:
    for (model, version), window in windows.all():
        for value, attributes in of(window, windows.positive):
            yield (
                value,
                {
                    semconv.ML_MODEL_NAME: model,
                    semconv.ML_MODEL_VERSION: version,
                    **attributes,
                },
            )
