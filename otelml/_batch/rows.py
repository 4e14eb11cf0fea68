"""How many rows there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def rows_in(rows: Any) -> int:
    """Return how many rows a table has, or ``rows`` itself where it is their number."""
    if isinstance(rows, (int, np.integer)):
        return int(rows)
    if isinstance(rows, Mapping):
        return max((len(values) for values in rows.values()), default=0)
    shape = getattr(rows, "shape", None)
    return int(shape[0]) if shape else len(rows)


def features_in(rows: Any) -> Any:
    """Return a table as features of a prediction, to which a mapping would be one row."""
    if isinstance(rows, (int, np.integer)):
        return None
    if isinstance(rows, Mapping):
        return [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=False)]
    return rows
