"""A model's quality: measured on labels, estimated without, and of which predictions it is."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Any

from otelml import semconv
from otelml import semconv_quality as names
from otelml.quality import positive_of
from otelml.viewer.queries.drift import drift_slots
from otelml.viewer.queries.drift_series import DriftSeries, series_of
from otelml.viewer.queries.feedback import Confusion, feedback_by_slot
from otelml.viewer.queries.models import find_models
from otelml.viewer.queries.quality_counts import (
    COUNTED,
    SUMMED,
    Errors,
    Measure,
    by_class,
    counted,
    errors_by_slot,
    known,
    line_of_errors,
    line_of_labels,
    summed,
)
from otelml.viewer.queries.quality_labels import coverage, lag, maturity
from otelml.viewer.queries.quality_measures import Measures
from otelml.viewer.queries.quality_series import QualityReader
from otelml.viewer.queries.retraining import retraining
from otelml.viewer.queries.window import BadParameterError, NotFoundError, window_of

_MAX_CLASSES, _MAX_CELLS = 50, 400


def get_quality(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/models/{name}/quality."""
    name = params["name"]
    window = window_of(params, connection)
    series = _label_series(connection, name, window.from_ns)
    models = find_models(connection, name)
    if not series and not models and not _predicts(connection, name):
        raise NotFoundError(f"no model {name!r} is known")
    slots = drift_slots(connection, window, series)
    versions = list(dict.fromkeys([each.version for each in series] + [m.version for m in models]))
    version = params.get("version") or next(iter(versions), "")
    reader = QualityReader(connection, name, version, window, slots)
    measures = Measures(reader)
    labels = _of_version(feedback_by_slot(connection, window, slots, name), version)
    errors = errors_by_slot(connection, window, slots, name, version)
    whole: Confusion = sum(labels.values(), Counter())
    positive = measures.positive or positive_of(sorted({x for pair in whole for x in pair})) or ""
    line = _Line(measures, labels, errors, positive, slots.count)
    chosen = line.choose(params.get("metric"))
    found = measures.listed() or line.now()
    number = sum(whole.values()) + round(sum(each.values for each in errors.values()))
    return {
        "name": name,
        "from": window.from_ms,
        "to": window.to_ms,
        "version": version or None,
        "versions": [each or None for each in versions],
        "task": _task(whole, errors, found),
        "status": _status(number, found),
        "labels": number,
        "window": measures.window,
        "processes": len(measures.processes),
        "measures": found,
        "degraded": measures.degraded,
        "positive": positive or None,
        "line": {
            "metric": chosen,
            "metrics": line.metrics,
            "step": slots.step_s * 1000.0,
            "time": slots.times_ms(),
            **line.values(chosen),
        },
        "coverage": coverage(reader),
        "maturity": maturity(reader),
        "lag": lag(connection, window, slots, name, version),
        "confusion": _confusion(whole),
        "classes": by_class(whole)[:_MAX_CLASSES],
        "retraining": retraining(reader),
        "example": _example(connection, name, version),
    }


def _label_series(connection: sqlite3.Connection, name: str, since_ns: int) -> list[DriftSeries]:
    """Return the series that speak of a model's quality, those of labels first."""
    found: list[DriftSeries] = []
    for metric in (semconv.ML_FEEDBACK, names.ML_QUALITY, names.ML_LABEL_COVERAGE):
        found += series_of(connection, metric, name, None, None, since_ns)
    return found


def _predicts(connection: sqlite3.Connection, name: str) -> bool:
    """Tell whether a model sent metrics, be they without spans."""
    metrics = (semconv.ML_PREDICTIONS, semconv.ML_PREDICTION_DURATION)
    return any(series_of(connection, metric, name) for metric in metrics)


def _of_version(
    found: Mapping[tuple[str, str, str], dict[int, Confusion]], version: str
) -> dict[int, Confusion]:
    by_slot: dict[int, Confusion] = {}
    for (_, of, _), confusions in found.items():
        if of == version:
            for slot, confusion in confusions.items():
                by_slot.setdefault(slot, Counter()).update(known(confusion))
    return {slot: confusion for slot, confusion in by_slot.items() if confusion}


class _Line:
    """One measure over time: from counters where they have it, else from gauges."""

    def __init__(
        self,
        measures: Measures,
        labels: dict[int, Confusion],
        errors: dict[int, Errors],
        positive: str,
        count: int,
    ) -> None:
        self._measures, self._labels, self._errors = measures, labels, errors
        self._positive, self._count = positive, count
        own = (COUNTED if positive else COUNTED[:1]) if labels else ()
        self._own = (*own, *(SUMMED if errors else ()))
        self.metrics = list(dict.fromkeys((*self._own, *measures.keys)))

    def choose(self, wanted: str | None) -> str | None:
        """Return the measure to draw.

        Raises:
            BadParameterError: There is none of that name.
        """
        if wanted and self.metrics and wanted not in self.metrics:
            raise BadParameterError(f"metric must be one of {', '.join(self.metrics)}")
        return wanted if wanted in self.metrics else next(iter(self.metrics), None)

    def now(self) -> list[dict[str, Any]]:
        """Return the measures of the whole range, for senders that have no gauges of quality."""
        whole: Confusion = sum(self._labels.values(), Counter())
        total = Errors()
        for each in self._errors.values():
            total = total.plus(each)
        found: list[dict[str, Any]] = []
        for key in self._own:
            measure = summed(total, key) if key in SUMMED else counted(whole, key, self._positive)
            if measure is not None:
                of = self._positive if key in COUNTED[1:] else None
                found.append(Measures.line(key, of) | shown_parts(measure))
        return found

    def values(self, key: str | None) -> dict[str, Any]:
        """Return value, interval and labels of each slot, and what was estimated in it."""
        if key is None:
            empty: list[float | None] = [None] * self._count
            lines = dict.fromkeys(("value", "lower", "upper", "labels", "estimate"), empty)
            return {**lines, "source": None, "reference": None}
        if key in self._own:
            measured = (
                line_of_errors(self._errors, self._count, key)
                if key in SUMMED
                else line_of_labels(self._labels, self._count, key, self._positive)
            )
            lines = _columns(measured)
        else:
            lines = self._measures.over_time(key, self._count)
        return {
            **lines,
            "estimate": self._measures.estimate_over_time(key, self._count),
            "source": "labels" if key in self._own else "gauges",
            "reference": self._measures.reference(key),
        }


def shown_parts(measure: Measure) -> dict[str, Any]:
    """Return value and ends of a measure."""
    return {"value": measure.value, "lower": measure.lower, "upper": measure.upper}


def _columns(measured: list[Measure | None]) -> dict[str, list[Any]]:
    return {
        part: [None if each is None else getattr(each, part) for each in measured]
        for part in Measure._fields
    }


def _task(whole: Confusion, errors: dict[int, Errors], found: list[dict[str, Any]]) -> str | None:
    if whole:
        return "classification"
    if errors:
        return "regression"
    if not found:
        return None
    of_values = {each["metric"] for each in found} <= {*SUMMED, "r2"}
    return "regression" if of_values else "classification"


def _status(number: int, found: list[dict[str, Any]]) -> str:
    """Return ``measured`` with labels, ``estimated`` before they come, ``none`` without either."""
    if number or any(each["value"] is not None for each in found):
        return "measured"
    return "estimated" if found else "none"


def _confusion(whole: Confusion) -> dict[str, Any]:
    ordered = [each["label"] for each in by_class(whole)]
    return {
        "labels": ordered,
        "cells": [
            {"actual": actual, "predicted": predicted, "count": count}
            for (actual, predicted), count in whole.most_common(_MAX_CELLS)
        ],
    }


def _example(connection: sqlite3.Connection, name: str, version: str) -> str | None:
    """Return the id of the newest prediction that has no label, for a command to be tried."""
    row = connection.execute(
        "SELECT token FROM predictions JOIN models ON models.id=model"
        " WHERE name=? AND version=? AND token IS NOT NULL ORDER BY predictions.id DESC LIMIT 1",
        (name, version),
    ).fetchone()
    return None if row is None else str(row[0])
