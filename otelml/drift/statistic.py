"""What a test of drift found."""

from __future__ import annotations

import math
from typing import NamedTuple


class Statistic(NamedTuple):
    """A value and its p-value.

    Args:
        value: The statistic; NaN where there is none.
        p_value: How probable so large a value is without a change; NaN where there is none.
        reason: Why there is no value.
    """

    value: float
    p_value: float = math.nan
    reason: str = ""


def nothing(reason: str) -> Statistic:
    """Return the statistic of rows that cannot be compared."""
    return Statistic(math.nan, math.nan, reason)
