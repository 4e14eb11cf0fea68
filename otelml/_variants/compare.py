"""Two results for the same rows, side by side: where labels differ, how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otelml._prediction import label_text, results_of
from otelml._records.prediction import PredictionRecord
from otelml._records.results import Results

Floats = npt.NDArray[np.float64]
_MATRIX = 2


class Compared(NamedTuple):
    """What two results for the same rows have to do with each other.

    Args:
        rows: Rows for which both have a label.
        disagreements: Those whose labels differ.
        distances: Shape (n,), of each row for which there is one.
    """

    rows: int
    disagreements: int
    distances: Floats


def compare_results(champion: PredictionRecord, shadow: PredictionRecord) -> Compared | None:
    """Return how two predictions of the same rows compare; None where nothing can be compared.

    The distance of values is the absolute difference. That of classes is the total variation of
    the two models' probabilities, half the sum of the absolute differences; where only the
    labels' confidences are known, it is the least that these allow (exact for two classes).

    Args:
        champion: A prediction that has ended.
        shadow: Another one, of the same rows.
    """
    one, other = results_of(champion), results_of(shadow)
    rows = different = 0
    if one.labels and len(one.labels) == len(other.labels):
        rows = len(one.labels)
        different = sum(a != b for a, b in zip(one.labels, other.labels, strict=True))
    distances = _distances(champion, shadow, one, other)
    if distances is not None:
        distances = distances[np.isfinite(distances)]
    if not rows and (distances is None or not len(distances)):
        return None
    return Compared(rows, different, np.empty(0) if distances is None else distances)


def _distances(
    champion: PredictionRecord, shadow: PredictionRecord, one: Results, other: Results
) -> Floats | None:
    if one.values is not None and other.values is not None:
        return np.abs(one.values - other.values) if len(one.values) == len(other.values) else None
    if not one.labels or len(one.labels) != len(other.labels):
        return None
    first, second = _matrix(champion, one), _matrix(shadow, other)
    if first is not None and second is not None:
        aligned = _aligned(first, second)
        if aligned is not None:
            return aligned
    if one.confidences is None or other.confidences is None:
        return None
    agree = np.array([a == b for a, b in zip(one.labels, other.labels, strict=True)])
    near = np.abs(one.confidences - other.confidences)
    far = np.maximum(0.0, one.confidences + other.confidences - 1.0)
    return np.where(agree, near, far)


def _matrix(record: PredictionRecord, results: Results) -> tuple[list[str], Floats] | None:
    """Return the names of the classes and their probabilities, shape (rows, classes)."""
    given: Any = record.probabilities
    classes = record.classes
    if isinstance(given, Mapping):
        classes, given = tuple(given), [list(given.values())]
    if given is None or classes is None:
        return None
    try:
        matrix = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    matrix = matrix[None, :] if matrix.ndim == 1 else matrix
    if matrix.ndim != _MATRIX or matrix.shape != (len(results.labels), len(classes)):
        return None
    return [label_text(name) for name in classes], matrix


def _aligned(first: tuple[list[str], Floats], second: tuple[list[str], Floats]) -> Floats | None:
    """Return half the sum of the absolute differences of each row; None for other classes."""
    if set(first[0]) != set(second[0]) or len(set(first[0])) != len(first[0]):
        return None
    order = [second[0].index(name) for name in first[0]]
    half: Floats = 0.5 * np.abs(first[1] - second[1][:, order]).sum(axis=1)
    return half
