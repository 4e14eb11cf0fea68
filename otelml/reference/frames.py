"""A table of any kind, read as columns by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from otelml.exceptions import InvalidReferenceError


def read_frame(frame: Any, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the columns of a table.

    Args:
        frame: A mapping of columns, a pandas or polars DataFrame, a two-dimensional array or
            sparse matrix, a list of mappings (absent keys are missing) or of rows.
        names: Names of the columns of a table that has none; else their positions.

    Raises:
        InvalidReferenceError: It is no table, or the names do not fit.

    >>> read_frame([{"a": 1, "b": 2}, {"a": 3}])
    {'a': [1, 3], 'b': [2, None]}
    """
    if isinstance(frame, Mapping):
        return _named(frame)
    if hasattr(frame, "columns") and hasattr(frame, "__getitem__"):
        return {str(name): frame[name] for name in frame.columns}
    if isinstance(frame, Sequence) and frame and isinstance(frame[0], Mapping):
        keys: dict[Any, None] = {}
        for row in frame:
            keys.update(dict.fromkeys(row))
        return {str(key): [row.get(key) for row in frame] for key in keys}
    sparse: Any = frame
    array = np.asarray(sparse.toarray() if hasattr(frame, "toarray") else frame)
    if array.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise InvalidReferenceError(f"a table has two dimensions, not {array.ndim}")
    columns = array.shape[1]
    if names is not None and len(names) != columns:
        raise InvalidReferenceError(f"{len(names)} names for {columns} columns")
    chosen = names if names is not None else [str(place) for place in range(columns)]
    return {name: array[:, place] for place, name in enumerate(chosen)}


def _named(frame: Mapping[Any, Any]) -> dict[str, Any]:
    columns = {str(name): values for name, values in frame.items()}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise InvalidReferenceError(f"columns differ in length: {sorted(lengths)}")
    return columns
