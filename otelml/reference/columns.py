"""One column of values, read: numbers or levels, with what is missing counted apart."""

from __future__ import annotations

import datetime as dt
import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["numeric", "datetime", "categorical", "empty"]
Floats = npt.NDArray[np.float64]
_NO_FLOATS: Floats = np.empty(0)
_MISSING_TYPES = {"NAType", "NaTType"}


@dataclass(frozen=True)
class Column:
    """The values of one column that can be used, and how many cannot.

    Args:
        kind: What the values are; ``empty`` where none is usable.
        values: Finite numbers, unsorted; times as seconds since 1970.
        levels: The levels of a categorical column, as strings.
        missing: How many values were NaN, None or NaT.
        non_finite: How many were infinite.
    """

    kind: Kind
    values: Floats
    levels: tuple[str, ...] = ()
    missing: int = 0
    non_finite: int = 0

    @property
    def usable(self) -> int:
        """How many values can be used."""
        return len(self.levels) if self.kind == "categorical" else len(self.values)

    @property
    def rows(self) -> int:
        """How many values there were."""
        return self.usable + self.missing + self.non_finite


def read_column(values: Any, *, categorical: bool | None = None) -> Column:
    """Read a column of numbers, booleans, times, strings or objects.

    Args:
        values: One-dimensional: an array, a pandas or polars Series, a list.
        categorical: Whether numbers are levels; unsaid, they are numbers.

    Raises:
        ValueError: The values are not one-dimensional.

    >>> read_column([1, None, 2.5, float("inf")])
    Column(kind='numeric', values=array([1. , 2.5]), levels=(), missing=1, non_finite=1)
    >>> read_column(["a", "b", None]).levels
    ('a', 'b')
    """
    if type(values) is list and _are_texts(values):
        return _levels(values)
    array = _array(values)
    if array.ndim != 1:
        raise ValueError(f"a column has one dimension, not {array.ndim}")
    if categorical:
        return _levels(array.tolist())
    if array.dtype.kind in "fiub":
        return _floats(array.astype(np.float64), "numeric")
    if array.dtype.kind == "M":
        return _times(array)
    if array.dtype.kind in "US":
        return _levels(array.tolist())
    return _objects(array.tolist())


def _array(values: Any) -> npt.NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "to_numpy"):
        array: npt.NDArray[Any] = np.asarray(values.to_numpy())
        return array
    if isinstance(values, Sequence):
        array = np.empty(len(values), object)
        array[:] = values
        return array
    return np.asarray(values)


def _floats(array: Floats, kind: Kind, missing: int = 0) -> Column:
    finite = np.isfinite(array)
    kept = int(np.count_nonzero(finite))
    if kept == len(array):
        return Column(kind if kept else "empty", array, (), missing)
    nan = int(np.count_nonzero(np.isnan(array)))
    left = len(array) - kept - nan
    return Column(kind if kept else "empty", array[finite], (), missing + nan, left)


def _times(array: npt.NDArray[Any]) -> Column:
    seconds = array.astype("datetime64[us]").astype(np.int64) / 1e6
    return _floats(np.where(np.isnat(array), np.nan, seconds), "datetime")


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in _MISSING_TYPES:
        return True
    return isinstance(value, numbers.Number) and value != value  # noqa: PLR0124 - NaN


def _objects(values: list[Any]) -> Column:
    if _are_texts(values):
        return _levels(values)
    present = [value for value in values if not _is_missing(value)]
    missing = len(values) - len(present)
    if not present:
        return Column("empty", _NO_FLOATS, (), missing)
    if all(isinstance(value, (bool, np.bool_, numbers.Number)) for value in present):
        try:
            return _floats(np.array([_float(value) for value in present]), "numeric", missing)
        except TypeError:  # complex numbers
            return _levels(values)
    if all(isinstance(value, (dt.datetime, np.datetime64)) for value in present):
        times = [_naive(value) for value in present]
        read = _times(np.array(times, "datetime64[us]"))
        return Column(read.kind, read.values, (), missing + read.missing)
    if all(isinstance(value, dt.date) for value in present):
        read = _times(np.array(present, "datetime64[D]"))
        return Column(read.kind, read.values, (), missing)
    return _levels(values)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond the largest float
        return math.inf


def _naive(value: Any) -> Any:
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.timezone.utc).replace(tzinfo=None)
    return value


def _are_texts(values: list[Any]) -> bool:
    return set(map(type, values)) == {str}


def _levels(values: list[Any]) -> Column:
    if _are_texts(values):  # most levels are: no look at each value then
        return Column("categorical", _NO_FLOATS, tuple(values))
    present = tuple(level_name(value) for value in values if not _is_missing(value))
    kind: Kind = "categorical" if present else "empty"
    return Column(kind, _NO_FLOATS, present, len(values) - len(present))


def level_name(value: Any) -> str:
    """Return the name of a level: 1, 1.0 and True are the same level, as they are equal."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)
