"""The evidence of past windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class History:
    """The evidence of past windows, for the charts over time.

    Args:
        times: The end of each window, in seconds since the epoch, oldest first.
        evidence: By feature, log10 of the evidence after each window.
        alarm_at: Where the evidence raises an alarm, log10; None where it raises none.
    """

    times: Sequence[float] = ()
    evidence: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])
    alarm_at: float | None = None
