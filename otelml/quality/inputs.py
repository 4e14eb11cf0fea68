"""What callers give: labels, scores and numbers, checked and made arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from otelml.exceptions import QualityError
from otelml.quality.intervals import Floats

Array = npt.NDArray[Any]
_NUMBERS, _TEXTS = "biuf", "U"
_MISSING_TYPES = ("NAType", "NaTType")  # of pandas, which is not imported


def _one_dimension(values: Any, name: str) -> Array:
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise QualityError(f"{name} is {values!r:.80}; it must be a sequence, one entry a row")
    if hasattr(values, "__array__"):
        array = np.asarray(values)
    else:
        listed = list(values)
        array = np.empty(len(listed), dtype=object)
        array[:] = listed
    if array.ndim != 1:
        raise QualityError(f"{name} has shape {array.shape}; it must have one dimension")
    return array


def is_missing(value: Any) -> bool:
    """Whether a label or number is None, NaN or pandas' NA."""
    if value is None or type(value).__name__ in _MISSING_TYPES:
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def labels(values: Any, name: str) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return labels as an array of numbers or texts, and which are present.

    Args:
        values: One label a row: texts, integers, booleans or floats.
        name: For errors.

    Raises:
        QualityError: It is no sequence, or mixes texts with numbers.
    """
    array = _one_dimension(values, name)
    if array.dtype.kind in "biu" + _TEXTS:
        return array, np.ones(len(array), dtype=bool)
    if array.dtype.kind == "f":
        return array, ~np.isnan(array)
    listed = array.tolist()
    present = np.array([not is_missing(value) for value in listed], dtype=bool)
    kept = [value for value in listed if not is_missing(value)]
    if all(isinstance(value, str) for value in kept):
        filled: Array = np.array([v if isinstance(v, str) else "" for v in listed], dtype=str)
        return filled, present
    if all(isinstance(value, (bool, int, float, np.number, np.bool_)) for value in kept):
        whole = all(isinstance(value, (bool, int, np.integer, np.bool_)) for value in kept)
        shown = [v if p else 0 for v, p in zip(listed, present, strict=True)]
        return np.array(shown, dtype=None if whole else np.float64), present
    raise QualityError(f"{name} must be all texts or all numbers")


def same_kind(one: Array, other: Array, names: str) -> None:
    """Check that labels can be compared.

    Raises:
        QualityError: One has texts, the other numbers.
    """
    if len(one) and len(other) and (one.dtype.kind in _NUMBERS) != (other.dtype.kind in _NUMBERS):
        raise QualityError(f"{names}: texts cannot be compared with numbers")


def same_length(one: Array, other: Array, names: str) -> None:
    """Check that there are as many rows.

    Raises:
        QualityError: There are not.
    """
    if len(one) != len(other):
        raise QualityError(f"{names}: {len(one)} rows and {len(other)} rows")


def numbers(values: Any, name: str, dimensions: tuple[int, ...] = (1,)) -> Floats:
    """Return numbers as float64; None is NaN.

    Raises:
        QualityError: They are no numbers, or of another shape.
    """
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise QualityError(f"{name} is {values!r:.80}; it must be a sequence, one entry a row")
    try:
        array: Array | None = None
        raw: Array = np.asarray(values if hasattr(values, "__array__") else list(values))
        if raw.dtype.kind == "O":
            entries = raw.ravel().tolist()
            shown = [np.nan if is_missing(entry) else entry for entry in entries]
            raw = np.asarray(shown).reshape(raw.shape)
        array = raw.astype(np.float64) if raw.dtype.kind in _NUMBERS else None
    except (TypeError, ValueError):
        array = None
    if array is None:
        raise QualityError(f"{name} must be numbers, one entry a row")
    if array.ndim not in dimensions:
        raise QualityError(f"{name} has shape {array.shape}; it has the wrong dimensions")
    return array
