"""When the next check is due."""

from __future__ import annotations

import math
from dataclasses import dataclass

_DAY_S = 86_400.0


@dataclass
class Schedule:
    """Checks every so often, or once a day.

    Args:
        every_s: Seconds between two checks.
        at_s: Seconds after midnight, UTC, of a daily one; None where there is no such time.
        start_s: When it begins, since 1970.

    >>> Schedule(300, None, 1000.0).next_s
    1300.0
    >>> Schedule(86_400, 3600, 86_400.0 * 2 + 7200).next_s == 86_400.0 * 3 + 3600
    True
    """

    every_s: float
    at_s: int | None
    start_s: float

    def __post_init__(self) -> None:
        self.next_s = self._after(self.start_s)

    def _after(self, now_s: float) -> float:
        if self.at_s is None:
            return now_s + self.every_s
        return (math.floor((now_s - self.at_s) / _DAY_S) + 1) * _DAY_S + self.at_s

    def is_due(self, now_s: float) -> bool:
        """Whether the next check is due, or the clock was put back by more than a period."""
        return now_s >= self.next_s or now_s + 2 * self.every_s < self.next_s

    def checked(self, now_s: float) -> None:
        """Say that a check was made."""
        self.next_s = self._after(now_s)
