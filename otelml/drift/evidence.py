"""Evidence of a change, summed over windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from otelml.drift.budget import AlarmBudget

_SMALLEST_P = 1e-300
_LARGEST = 1e300

Event = Literal["", "alarm", "clear"]


def e_value(p_value: float) -> float:
    """Return 1/(2√p): its mean is at most 1 where nothing changed (Vovk and Wang, 2021).

    >>> e_value(0.0001)
    50.0
    """
    return 1 / (2 * math.sqrt(max(p_value, _SMALLEST_P)))


@dataclass
class Evidence:
    """The Shiryaev-Roberts sum M ← (1 + M)·e of one feature, with the constant rule beside it.

    It alarms where M reaches features times windows of the budget, or one p-value is below
    1/(2 · features · windows). An alarm clears when M, begun anew at the alarm, has stayed below
    its start of 1 for ``clear_after`` windows.

    Args:
        budget: The alarm budget of the model.
        clear_after: Windows until an alarm clears.
        value: M so far.
        alarmed: Whether there is an alarm now.
        quiet: Windows in a row below the start, during an alarm.

    >>> evidence = Evidence(AlarmBudget(features=1, windows=100))
    >>> [evidence.add(p) for p in (0.6, 0.01, 0.02, 0.01)]
    ['', '', '', 'alarm']
    """

    budget: AlarmBudget
    clear_after: int = 3
    value: float = 0.0
    alarmed: bool = False
    quiet: int = 0

    def add(self, p_value: float) -> Event:
        """Take in one window.

        Args:
            p_value: Of that window; NaN, where it could not be tested, changes nothing.

        Returns:
            ``alarm`` or ``clear`` in the window that brings it.
        """
        if math.isnan(p_value):
            return ""
        e = e_value(p_value)
        if self.alarmed:
            return self._while_alarmed(e)
        self.value = min(_LARGEST, (1 + self.value) * e)
        at_once = p_value < self.budget.constant_alpha
        if self.value < self.budget.evidence_threshold and not at_once:
            return ""
        self.alarmed, self.quiet = True, 0
        return "alarm"

    def _while_alarmed(self, e: float) -> Event:
        # A window alone: the sum of what led to the alarm would take long to fall.
        self.value = e
        self.quiet = self.quiet + 1 if e < 1 else 0
        if self.quiet < self.clear_after:
            return ""
        self.value, self.alarmed, self.quiet = 0.0, False, 0
        return "clear"
