"""Durations as people write them."""

from __future__ import annotations

import re

from otelml._shown import shown
from otelml.exceptions import ConfigurationError

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([smhdw]?)", re.ASCII)
_LONGEST_S = 3_153_600_000.0  # a hundred years


def seconds(key: str, value: str | float) -> float:
    """Return the seconds of a duration: a number of them, or ``30s``, ``5m``, ``1h``, ``30d``.

    Raises:
        ConfigurationError: It is no such duration.

    >>> seconds("every", "5m")
    300.0
    """
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None:
        total = float(found[1]) * _UNITS_S[found[2]]
    elif isinstance(value, str):
        total = -1.0
    else:
        total = float(value)
    if not 0 <= total <= _LONGEST_S:
        raise ConfigurationError(
            f"{key} is {shown(value)}; it must be seconds or a duration such as 30s, 5m, 1h or 30d"
        )
    return total
