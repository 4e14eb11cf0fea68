"""The measures that a service sends of its last labelled predictions, beside their estimates."""

from __future__ import annotations

from typing import Any

from otelml import semconv_quality as names
from otelml.viewer.queries.quality_series import QualityReader, Stream

_ORDER = (
    "accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "brier", "log_loss", "mae",
    "rmse", "r2",
)  # fmt: skip
_AVERAGES = (names.AVERAGING_MACRO, names.AVERAGING_WEIGHTED)


def _key(labels: dict[str, str]) -> str:
    averaging = labels.get(names.ML_QUALITY_AVERAGING, "")
    metric = labels.get(names.ML_QUALITY_METRIC, "")
    return f"{metric} {averaging}" if averaging in _AVERAGES else metric


def _rank(key: str) -> tuple[int, str]:
    metric, _, averaging = key.partition(" ")
    place = _ORDER.index(metric) if metric in _ORDER else len(_ORDER)
    return place, averaging


class Measures:
    """What ``ml.quality`` and what stands beside it say of a model version.

    Args:
        reader: Reads the gauges.
    """

    def __init__(self, reader: QualityReader) -> None:
        self._values, sizes = self._of(reader.streams(names.ML_QUALITY))
        self._lower, _ = self._of(reader.streams(names.ML_QUALITY_LOWER))
        self._upper, _ = self._of(reader.streams(names.ML_QUALITY_UPPER))
        self._bounds = tuple(
            {_key(each.labels): each for each in reader.streams(metric)}
            for metric in (names.ML_QUALITY_BOUND_LOWER, names.ML_QUALITY_BOUND_UPPER)
        )
        self._reference = {
            _key(each.labels): each
            for each in reader.streams(names.ML_QUALITY_REFERENCE)
            if each.now is not None
        }
        self.degraded = sorted(
            _key(each.labels)
            for each in reader.streams(names.ML_QUALITY_DEGRADED)
            if each.now is not None and each.now > 0
        )
        self.window = max(sizes, default=None)
        self._recent = min(sizes, default=None)
        measured = [each for each in self._values.values() if not _is_estimate(each)]
        self.processes = {process for each in measured for process in each.processes}
        self.keys = sorted(
            {_key(each.labels) for each in measured if _window(each) == self.window}, key=_rank
        )
        self.positive = next(
            (
                each.labels[names.ML_QUALITY_LABEL]
                for each in self._values.values()
                if each.labels.get(names.ML_QUALITY_AVERAGING) == names.AVERAGING_BINARY
                and names.ML_QUALITY_LABEL in each.labels
            ),
            None,
        )

    @staticmethod
    def _of(
        streams: list[Stream],
    ) -> tuple[dict[tuple[str, bool, int | None], Stream], set[int]]:
        """Return the streams by key, whether estimated, and rows; and the rows of measured ones."""
        found: dict[tuple[str, bool, int | None], Stream] = {}
        sizes: set[int] = set()
        for each in streams:
            if each.labels.get(names.ML_QUALITY_AVERAGING) == names.AVERAGING_CLASS:
                continue
            estimated, size = _is_estimate(each), _window(each)
            key = (_key(each.labels), estimated, None if estimated else size)
            if each.now is not None or key not in found:
                found[key] = each
            if size is not None and not estimated:
                sizes.add(size)
        return found, sizes

    @staticmethod
    def line(key: str, label: str | None) -> dict[str, Any]:
        """Return a measure of which nothing is known yet."""
        metric, _, averaging = key.partition(" ")
        ends = ("value", "lower", "upper", "recent", "bound_lower", "bound_upper", "estimate")
        return {
            "key": key,
            "metric": metric,
            "averaging": averaging or None,
            "label": label,
            **dict.fromkeys(ends),
        }

    def listed(self) -> list[dict[str, Any]]:
        """Return the present measures, and the estimates of those that have no label yet."""
        keys = {key for key, *_ in self._values}
        lines = [self._listed(key) for key in sorted(keys, key=_rank)]
        return [each for each in lines if each["value"] is not None or each["estimate"]]

    def _listed(self, key: str) -> dict[str, Any]:
        measured, estimate = (key, False, self.window), (key, True, None)
        stream = self._values.get(measured) or self._values.get(estimate)
        label = stream.labels.get(names.ML_QUALITY_LABEL) if stream else None
        found = self.line(key, label)
        found |= dict(zip(("value", "lower", "upper"), self._now(measured), strict=True))
        found["recent"] = self._now((key, False, self._recent))[0]
        for place, end in enumerate(("bound_lower", "bound_upper")):
            bound = self._bounds[place].get(key)
            found[end] = None if bound is None else bound.now
        value, lower, upper = self._now(estimate)
        if value is not None:
            found["estimate"] = {"value": value, "lower": lower, "upper": upper}
        return found

    def _now(self, key: tuple[str, bool, int | None]) -> tuple[float | None, ...]:
        streams = (each.get(key) for each in (self._values, self._lower, self._upper))
        return tuple(None if each is None else each.now for each in streams)

    def over_time(self, key: str, count: int) -> dict[str, list[float | None]]:
        """Return value and ends of a measure by slot."""
        wanted = (key, False, self.window)
        empty: list[float | None] = [None] * count
        return {
            "value": _line(self._values.get(wanted), count),
            "lower": _line(self._lower.get(wanted), count),
            "upper": _line(self._upper.get(wanted), count),
            "labels": empty,
        }

    def estimate_over_time(self, key: str, count: int) -> list[float | None]:
        """Return the estimate of a measure by slot."""
        return _line(self._values.get((key, True, None)), count)

    def reference(self, key: str) -> dict[str, Any] | None:
        """Return what the measure is compared with, and whether that is of training."""
        found = self._reference.get(key)
        if found is None or found.now is None:
            return None
        baseline = found.labels.get(names.ML_QUALITY_BASELINE, "")
        return {"value": found.now, "of_training": baseline == names.BASELINE_REFERENCE}


def _is_estimate(stream: Stream) -> bool:
    return stream.labels.get(names.ML_QUALITY_ESTIMATED) == "true"


def _window(stream: Stream) -> int | None:
    text = stream.labels.get(names.ML_QUALITY_WINDOW, "")
    return int(text) if text.isdecimal() else None


def _line(stream: Stream | None, count: int) -> list[float | None]:
    return [None if stream is None else stream.over_time.get(slot) for slot in range(count)]
