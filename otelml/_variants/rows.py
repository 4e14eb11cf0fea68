"""Rows that a model was given, so that a later change by the caller cannot reach them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def copied(rows: Any) -> Any:
    """Return a copy of rows; what has no way to be copied is returned as it is."""
    if isinstance(rows, np.ndarray):
        return rows.copy()
    if isinstance(rows, Mapping):
        return {key: copied(value) for key, value in rows.items()}
    if isinstance(rows, (list, tuple)):
        return type(rows)(map(_row, rows)) if type(rows) in (list, tuple) else list(rows)
    for name in ("clone", "copy"):  # tensors and polars frames, pandas and sparse ones
        method = getattr(rows, name, None)
        if callable(method):
            return method()
    return rows


def _row(row: Any) -> Any:
    return copied(row) if isinstance(row, (list, dict, np.ndarray)) else row


def counted(rows: Any) -> int:
    """Return how many rows there are; 1 where that cannot be said."""
    shape = getattr(rows, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) > 1 else 1
    if isinstance(rows, Mapping):
        return max((counted_values(value) for value in rows.values()), default=1)
    return counted_values(rows)


def counted_values(values: Any) -> int:
    """Return the length of a column; 1 of what has none, or is one text."""
    return len(values) if hasattr(values, "__len__") and not isinstance(values, str) else 1
