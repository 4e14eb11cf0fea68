"""Results of predictions as text and numbers: what ``set_result`` was given, made uniform."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from otelml import _guard
from otelml._records.prediction import PredictionRecord
from otelml._records.results import Results

_NOTHING = Results((), None, None, ())
_PLAIN = frozenset((str, int, float, bool))


def keep(value: Any) -> Any:
    """Return ``value`` so that a later change by the caller cannot reach it."""
    if value is None or isinstance(value, (str, int, float, bool, np.generic)):
        return value
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (list, tuple)):
        return [tuple(v) if isinstance(v, list) else v for v in value]
    to_numpy = getattr(value, "to_numpy", None)
    return np.array(to_numpy() if to_numpy else value)


def label_text(value: Any) -> str:
    """Return a label as the text under which it is counted: 1, 1.0 and np.int64(1) are one."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        # Lone surrogates, which JSON of a client may hold, are no text for an exporter.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def rows_of(value: Any) -> int | None:
    """Return how many rows a result has; None for a scalar."""
    if isinstance(value, (list, tuple)):
        return len(value)
    if isinstance(value, np.ndarray) and value.ndim:
        return int(value.shape[0])
    return None


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _labels(value: Any, rows: int, problems: list[str]) -> list[str]:
    if _is_missing(value):
        return []
    if isinstance(value, np.ndarray) and value.ndim > 1 and value.size == value.shape[0]:
        value = value.ravel()
    count = rows_of(value)
    if count is None:
        return [label_text(value)] * rows
    if count != rows:
        problems.append(f"label has {count} entries for {rows} rows; the labels are left out")
        return []
    flat: list[Any] = value.tolist() if isinstance(value, np.ndarray) else list(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.ndim == 1:
        if "".join(flat).isascii():  # most are: no look at each then
            return flat
        return [label if label.isascii() else label_text(label) for label in flat]
    return [label_text(tuple(v) if isinstance(v, list) else v) for v in flat]


def _numbers(
    name: str, value: Any, rows: int, problems: list[str]
) -> npt.NDArray[np.float64] | None:
    if value is None:
        return None
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        problems.append(f"{name} is {value!r:.80}, not a number; it is left out")
        return None
    if numbers.ndim == 2 and numbers.shape[1] == 1:  # noqa: PLR2004 - one column is one value a row
        numbers = numbers[:, 0]
    numbers = np.full(rows, numbers) if numbers.ndim == 0 else numbers
    if numbers.shape != (rows,):
        problems.append(f"{name} has shape {numbers.shape} for {rows} rows; it is left out")
        return None
    bad = ~np.isfinite(numbers)
    if bad.any():
        problems.append(f"{name} is not finite in {int(bad.sum())} of {rows} rows; left out there")
        numbers = np.where(bad, np.nan, numbers)
    return numbers


def _confidences(value: Any, rows: int, problems: list[str]) -> npt.NDArray[np.float64] | None:
    numbers = _numbers("confidence", value, rows, problems)
    if numbers is None:
        return None
    with np.errstate(invalid="ignore"):
        outside = (numbers < 0) | (numbers > 1)
    if outside.any():
        problems.append(
            f"confidence is outside 0..1 in {int(outside.sum())} of {rows} rows; left out there"
        )
        numbers = np.where(outside, np.nan, numbers)
    return numbers


def _matrix(probabilities: Any, rows: int, problems: list[str]) -> npt.NDArray[np.float64] | None:
    try:
        matrix = np.asarray(probabilities, dtype=np.float64)
    except (TypeError, ValueError):
        problems.append("probabilities are not numbers; they are left out")
        return None
    if matrix.ndim == 1:
        matrix = matrix[None, :]
    if matrix.ndim != 2 or matrix.shape[0] != rows or not matrix.shape[1]:  # noqa: PLR2004 - a matrix
        problems.append(f"probabilities have shape {matrix.shape} for {rows} rows; left out")
        return None
    return np.where(np.isfinite(matrix), matrix, -1.0)


def _of_labels(
    matrix: npt.NDArray[np.float64],
    labels: list[str],
    classes: tuple[Any, ...],
    problems: list[str],
) -> npt.NDArray[np.float64] | None:
    """Return the probability of each row's label; NaN where it is none of the classes."""
    if len(classes) != matrix.shape[1]:
        problems.append(
            f"probabilities have {matrix.shape[1]} columns for {len(classes)} classes; "
            "the confidence is left out"
        )
        return None
    places = {label_text(name): place for place, name in enumerate(classes)}
    columns = np.array([places.get(label, -1) for label in labels], dtype=np.intp)
    unknown = columns < 0
    if unknown.any():
        label = labels[int(unknown.argmax())]
        problems.append(
            f"label {label:.80} is none of the model's classes; its confidence is left out"
        )
    return np.where(unknown, np.nan, matrix[np.arange(len(labels)), columns])


def _in_range(
    numbers: npt.NDArray[np.float64], rows: int, problems: list[str]
) -> npt.NDArray[np.float64] | None:
    if np.isnan(numbers).all():
        return None
    known = np.where(np.isnan(numbers), 0.0, numbers)
    kept = _confidences(known, rows, problems)
    return None if kept is None else np.where(np.isnan(numbers), np.nan, kept)


def _from_probabilities(
    matrix: npt.NDArray[np.float64],
    labels: list[str],
    classes: tuple[Any, ...] | None,
    problems: list[str],
    *,
    strict: bool,
) -> tuple[list[str], npt.NDArray[np.float64] | None]:
    """Return labels, those given or the likeliest, and the probability of each."""
    rows = len(matrix)
    if labels and classes is not None:
        chosen = _of_labels(matrix, labels, classes, problems)
        return labels, None if chosen is None else _in_range(chosen, rows, problems)
    if labels and strict:
        problems.append("probabilities are left out: the model does not say whose they are")
        return labels, None
    best = matrix.argmax(axis=1)
    if not labels and classes is not None:
        labels = [label_text(classes[i]) if i < len(classes) else "" for i in best]
    return labels, _confidences(matrix[np.arange(rows), best], rows, problems)


def _simple(rows: int, label: Any, confidence: Any) -> Results | None:
    """Return the result of one row with a label, nearly every prediction, without arrays."""
    if label is None and confidence is None:
        return _NOTHING
    if rows != 1 or type(label) is not str:
        return None
    text = label_text(label)
    if confidence is None:
        return Results((text,), None, None, ())
    if isinstance(confidence, float) and 0.0 <= confidence <= 1.0:
        return Results((text,), None, None, (), float(confidence))
    return None


def normalise(
    rows: int,
    label: Any,
    value: Any,
    confidence: Any,
    probabilities: Any,
    classes: tuple[Any, ...] | None,
    *,
    strict: bool = False,
) -> Results:
    """Return the result of ``rows`` rows; a confidence is the probability of the row's label.

    Args:
        rows: Rows of the prediction.
        label: A label, or one a row.
        value: A number, or one a row.
        confidence: 0 to 1, or one a row.
        probabilities: Shape (rows, classes), or a mapping of label to probability; gives label
            and confidence where those are missing.
        classes: The labels of the columns of ``probabilities``.
        strict: Whether a label whose column is not known has no confidence; else that is the
            largest probability.
    """
    simple = _simple(rows, label, confidence) if value is None and probabilities is None else None
    if simple is not None:
        return simple
    problems: list[str] = []
    labels = _labels(label, rows, problems)
    values = _numbers("value", value, rows, problems)
    confidences = _confidences(confidence, rows, problems)
    if isinstance(probabilities, Mapping):
        classes = tuple(probabilities)
        probabilities = [list(probabilities.values())]
    missing = confidences is None or not labels
    matrix = (
        _matrix(probabilities, rows, problems) if probabilities is not None and missing else None
    )
    if matrix is not None:
        labels, found = _from_probabilities(matrix, labels, classes, problems, strict=strict)
        confidences = found if confidences is None else confidences
    lowest: float | None = None
    if confidences is not None and np.isfinite(confidences).any():
        lowest = float(np.nanmin(confidences))
    return Results(labels, values, confidences, problems, lowest)


def results_of(record: PredictionRecord) -> Results:
    """Return the results of a prediction, row by row; worked out once it has ended, and once."""
    if record.results is not None:
        return record.results
    reason = "" if record.has_own_result else record.undecided
    undecided = reason if record.label is None else ""
    results = normalise(
        row_count(record),
        record.label,
        record.value,
        record.confidence,
        None if undecided else record.probabilities,
        record.classes,
        strict=bool(reason),
    )
    notes = () if record.has_own_result else record.notes
    if undecided or notes:
        reasons = dict.fromkeys((*results.problems, *notes, *filter(None, (undecided,))))
        results = results._replace(problems=tuple(reasons))
    if record.end_ns:
        record.results = results
    return results


def row_count(record: PredictionRecord) -> int:
    """Return how many rows a prediction has, by its features, else by its results."""
    if record.rows is not None:
        return record.rows
    if record.features is not None:
        return record.features.rows
    for result in (record.label, record.value, record.confidence):
        count = rows_of(result)
        if count is not None and result is not None:
            return count
    # One row of probabilities may come as a vector.
    matrix = getattr(record.probabilities, "ndim", 0) > 1
    nested = isinstance(record.probabilities, list) and any(
        isinstance(row, (tuple, list)) for row in record.probabilities
    )
    return (rows_of(record.probabilities) or 1) if matrix or nested else 1


def keep_result(
    record: PredictionRecord,
    label: Any,
    value: Any = None,
    confidence: Any = None,
    probabilities: Any = None,
) -> None:
    """Take into ``record`` the parts of a result that are given."""
    record.id_text = None
    if label is not None:
        record.label = label if type(label) in _PLAIN else _guarded(label)
    if value is not None:
        record.value = value if type(value) in _PLAIN else _guarded(value)
    if confidence is not None:
        record.confidence = confidence if type(confidence) in _PLAIN else _guarded(confidence)
    if probabilities is not None:
        record.probabilities = _guarded(probabilities)


def _guarded(value: Any) -> Any:
    return _guard.call("result", keep, value)
