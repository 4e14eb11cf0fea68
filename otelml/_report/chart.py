"""Evidence over time as the points of a small line chart."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 320.0
HEIGHT = 72.0
_HEADROOM = 1.1
_DRAWABLE = 2  # points that make a line


@dataclass(frozen=True)
class Chart:
    """A line in a box of ``WIDTH`` by ``HEIGHT``.

    Args:
        points: ``x,y`` pairs as SVG writes them.
        alarm_y: Height of the line that raises an alarm; None where there is none.
        first: When it begins.
        last: When it ends.
        highest: The largest evidence, log10.
    """

    points: str
    alarm_y: float | None
    first: str
    last: str
    highest: str


def chart(
    times: Sequence[float], evidence: Sequence[float], alarm_at: float | None
) -> Chart | None:
    """Return the chart of one feature; None with fewer than two windows."""
    pairs = [
        (time, max(0.0, value))
        for time, value in zip(times, evidence, strict=False)
        if math.isfinite(time) and math.isfinite(value)
    ]
    if len(pairs) < _DRAWABLE:
        return None
    first, last = pairs[0][0], pairs[-1][0]
    highest = max(value for _, value in pairs)
    top = max(highest, alarm_at or 0.0, 1.0) * _HEADROOM
    span = (last - first) or 1.0
    points = " ".join(
        f"{WIDTH * (time - first) / span:.1f},{HEIGHT * (1 - value / top):.1f}"
        for time, value in pairs
    )
    line = None if alarm_at is None else HEIGHT * (1 - alarm_at / top)
    return Chart(points, line, _clock(first), _clock(last), f"{highest:.1f}")


def _clock(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).strftime("%Y-%m-%d %H:%M")
