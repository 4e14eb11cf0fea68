"""What predictions gave, as features of their own: label or value, and confidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from operator import is_not
from typing import Any, NamedTuple

import numpy as np

from otelml import semconv
from otelml._records.results import Results
from otelml.reference import Column, Feature, read_column
from otelml.reference.columns import Floats

_IS_THERE = partial(is_not, None)
_TRUTH = {"true": 1.0, "false": 0.0}


class Output(NamedTuple):
    """Outputs of some rows.

    Args:
        name: ``prediction`` or ``prediction_confidence``.
        values: Labels, or numbers.
    """

    name: str
    values: Any


class PendingOutputs:
    """Outputs of single rows, which wait to be read at once; many rows do not wait."""

    def __init__(self) -> None:
        self._labels: list[str] = []
        self._values: list[float] = []
        self._confidences: list[float] = []

    def add(self, run: Sequence[Results]) -> Iterable[Output]:
        """Take in the results of a run of predictions; return those that are many rows."""
        labels, values, confidences, _, lowest = zip(*run, strict=True)
        if _are_none(values) and _are_none(confidences) and set(map(len, labels)) == {1}:
            self._labels.extend(chain.from_iterable(labels))  # by far the most frequent
            self._confidences.extend(filter(_IS_THERE, lowest))
            return ()
        return [output for results in run for output in self._add_many(results)]

    def _add_many(self, results: Results) -> Iterable[Output]:
        if results.labels:
            if len(results.labels) > 1:
                yield Output(semconv.FEATURE_PREDICTION, list(results.labels))
            else:
                self._labels.append(results.labels[0])
        elif results.values is not None:
            if len(results.values) > 1:
                yield Output(semconv.FEATURE_PREDICTION, results.values)
            else:
                self._values.extend(results.values.tolist())
        if results.confidences is not None:
            if len(results.confidences) > 1:
                yield Output(semconv.FEATURE_CONFIDENCE, results.confidences)
            else:
                self._confidences.extend(results.confidences.tolist())
        elif results.confidence is not None:
            self._confidences.append(results.confidence)

    def read(self) -> Iterable[Output]:
        """Return what waits."""
        labels, self._labels = self._labels, []
        values, self._values = self._values, []
        confidences, self._confidences = self._confidences, []
        if labels:
            yield Output(semconv.FEATURE_PREDICTION, labels)
        if values:
            yield Output(semconv.FEATURE_PREDICTION, np.array(values))
        if confidences:
            yield Output(semconv.FEATURE_CONFIDENCE, np.array(confidences))


def _are_none(things: Iterable[Any]) -> bool:
    return not any(map(_IS_THERE, things))  # no equality: of arrays it is an array


def output_column(feature: Feature | None, output: Output) -> Column:
    """Return outputs as a column of the reference's kind, where they can be.

    A reference may hold as numbers what serving names as text: 0 and 1, false and true.
    """
    column = read_column(output.values)
    if feature is None or column.kind in {feature.kind, "empty"}:
        return column
    if feature.kind == "categorical":
        return read_column(output.values, categorical=True)
    if feature.kind != "numeric" or column.kind != "categorical":
        return Column("empty", np.empty(0), (), column.rows)
    return read_column(_numbers(column.levels))


def _numbers(levels: tuple[str, ...]) -> Floats:
    known = {level: _number(level) for level in set(levels)}
    return np.array([known[level] for level in levels])


def _number(level: str) -> float:
    try:
        return _TRUTH[level] if level in _TRUTH else float(level)
    except ValueError:
        return float("nan")
