"""Two things timed in the same run, interleaved: ratios, not seconds.

Machines are noisy, so each figure is the median of the ratios of neighbouring runs, with its
spread.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Args:
        name: As in the list of targets.
        ours: Our side, in ``unit``.
        theirs: The yardstick, in ``unit``; 1 where the figure is absolute.
        unit: Of ``ours`` and ``theirs``.
        target: What the ratio must reach.
        better: ``lower`` or ``higher``.
        low: Smallest ratio of a pair of runs.
        high: Largest one.
        note: What the figure does not say by itself.
    """

    name: str
    ours: float
    theirs: float
    unit: str
    target: float
    better: str = "lower"
    low: float = 0.0
    high: float = 0.0
    note: str = ""
    ratio: float = field(default=0.0)

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.ratio <= self.target if self.better == "lower" else self.ratio >= self.target

    def line(self) -> str:
        """Return the figure as one line."""
        sign = "≤" if self.better == "lower" else "≥"
        verdict = "met" if self.met else "NOT MET"
        return (
            f"{self.name}: {self.ratio:.4g} ({self.ours:.4g}, {self.theirs:.4g}, {self.unit}) "
            f"[{self.low:.4g} … {self.high:.4g}], target {sign} {self.target:g}: {verdict}"
            + (f" — {self.note}" if self.note else "")
        )

    def as_dict(self) -> dict[str, object]:
        """Return the figure for ``results.json``."""
        return {**asdict(self), "met": self.met}


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return what one run of ``work`` takes by ``clock``, garbage collected beforehand."""
    gc.collect()
    started = clock()
    work()
    return clock() - started


def compare(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    target: float,
    runs: int,
    per_run: int = 1,
    better: str = "lower",
    clock: Callable[[], float] = time.perf_counter,
    between: Callable[[], object] = lambda: None,
    note: str = "",
) -> Figure:
    """Time two things in turn.

    Args:
        name: The figure.
        ours: Our side.
        theirs: The yardstick.
        target: What ours ÷ theirs must reach.
        runs: Pairs of runs.
        per_run: Operations in one run.
        better: ``lower`` or ``higher``.
        clock: Seconds; that of the wall by default.
        between: Called after each run, outside the time.
        note: What the figure does not say by itself.
    """
    for work in (ours, theirs):
        work()
        between()
    pairs: list[tuple[float, float]] = []
    for _ in range(runs):
        one = seconds(ours, clock)
        between()
        other = seconds(theirs, clock)
        between()
        pairs.append((one, other))
    ratios = [one / other for one, other in pairs]
    scale = 1e6 / per_run
    return Figure(
        name,
        statistics.median(one for one, _ in pairs) * scale,
        statistics.median(other for _, other in pairs) * scale,
        "µs",
        target,
        better,
        min(ratios),
        max(ratios),
        note,
        statistics.median(ratios),
    )
