"""Counts of actual and predicted labels, and what follows from them alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otelml.quality.intervals import Floats, between, wilson
from otelml.quality.score import Score

Counts = npt.NDArray[np.int64]


def confusion_matrix(actual: npt.NDArray[Any], predicted: npt.NDArray[Any], size: int) -> Counts:
    """Return how many rows have each pair of labels, shape (size, size): actual by predicted.

    Args:
        actual: Places of the labels, shape (n,).
        predicted: The same.
        size: How many labels there are.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    return np.bincount(actual * size + predicted, minlength=size * size).reshape(size, size)


class Parts(NamedTuple):
    """Rows of each class, each of shape (…, k): those that are right, predicted, actual."""

    right: Floats
    predicted: Floats
    actual: Floats


def _parts(counts: Counts) -> Parts:
    whole = counts.astype(np.float64)
    return Parts(np.diagonal(whole), whole.sum(axis=0), whole.sum(axis=1))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    undefined = np.full(np.shape(denominator), np.nan)
    found: Floats = np.divide(numerator, denominator, out=undefined, where=denominator > 0)
    return found


def by_class(parts: Parts) -> dict[str, Floats]:
    """Return precision, recall and F1 of each class; NaN where undefined.

    Args:
        parts: Rows of each class.

    Returns:
        Each of shape (…, k): tp / predicted, tp / actual, 2 tp / (predicted + actual).
    """
    right, predicted, actual = parts
    return {
        "precision": _ratio(right, predicted),
        "recall": _ratio(right, actual),
        "f1": _ratio(2 * right, predicted + actual),
    }


def average(values: Floats, weights: Floats) -> Floats:
    """Return the average of what is defined, over the last axis; NaN where nothing is.

    Where all that is defined weighs nothing, each counts the same, as in scikit-learn.
    """
    is_defined = ~np.isnan(values)
    used = np.where(is_defined, weights, 0.0)
    weighs = used.sum(axis=-1, keepdims=True) > 0
    used = np.where(weighs, used, is_defined)
    return _ratio((np.nan_to_num(values) * used).sum(axis=-1), used.sum(axis=-1))


def resampled(counts: Counts, resamples: int, seed: int) -> Parts:
    """Return the rows of each class in resamples, each of shape (resamples, k).

    Only pairs that occur are drawn: with many labels the whole matrices would not fit in memory.
    """
    actual, predicted = np.nonzero(counts)
    occurring = counts[actual, predicted]
    total, classes = int(counts.sum()), np.arange(len(counts))
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(total, occurring / total, size=resamples).astype(np.float64)
    of_actual = (actual[:, None] == classes).astype(np.float64)
    of_predicted = (predicted[:, None] == classes).astype(np.float64)
    return Parts(drawn @ (of_actual * of_predicted), drawn @ of_predicted, drawn @ of_actual)


def accuracy(counts: Counts, confidence: float) -> Score:
    """Return the share of rows whose label was right, with Wilson's interval."""
    return wilson(int(np.trace(counts)), int(counts.sum()), confidence)


def class_scores(counts: Counts, drawn: Parts, confidence: float) -> list[dict[str, Score]]:
    """Return the scores of each class: Wilson's intervals for precision and recall.

    Args:
        counts: Shape (k, k), actual by predicted.
        drawn: Resamples of it.
        confidence: What the intervals are to cover.
    """
    parts = _parts(counts)
    right, predicted, actual = parts
    f1 = by_class(parts)["f1"]
    f1_drawn = by_class(drawn)["f1"]
    found: list[dict[str, Score]] = []
    for place in range(len(counts)):
        scores: dict[str, Score] = {}
        if predicted[place]:
            scores["precision"] = wilson(float(right[place]), float(predicted[place]), confidence)
        if actual[place]:
            scores["recall"] = wilson(float(right[place]), float(actual[place]), confidence)
        if predicted[place] + actual[place]:
            scores["f1"] = between(float(f1[place]), f1_drawn[:, place], confidence)
        found.append(scores)
    return found


def averaged(
    counts: Counts, drawn: Parts, confidence: float, *, weighted: bool
) -> dict[str, Score]:
    """Return precision, recall and F1 averaged over classes, with bootstrap intervals.

    Classes for which one is undefined are left out of its average. ``weighted`` weighs each class
    with its actual rows.
    """
    found: dict[str, Score] = {}
    whole, many = _parts(counts), by_class(drawn)
    for name, values in by_class(whole).items():
        weights = whole.actual if weighted else np.ones(len(counts))
        weights_drawn = drawn.actual if weighted else np.ones(drawn.actual.shape)
        value = float(average(values, weights))
        if not np.isnan(value):
            found[name] = between(value, average(many[name], weights_drawn), confidence)
    return found
