"""Two things timed in the same run, interleaved: ratios, not seconds.

Machines are noisy, so each figure is the median of the ratios of neighbouring runs, with its
spread.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Better = Literal["lower", "higher"]
Work = Callable[[], object]


def _nothing() -> None:
    """Take no time."""


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Args:
        name: As in the list of targets.
        ours: Our side, in ``unit``.
        theirs: The yardstick, in ``unit``; 1 where the figure is absolute.
        ratio: What is compared with ``target``.
        low: The smallest ratio of a pair of runs.
        high: The largest one.
        unit: Of ``ours`` and ``theirs``.
        target: What the ratio must reach.
        better: Whether the ratio should be low or high.
        note: What the figure does not say by itself.
    """

    name: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    unit: str
    target: float
    better: Better
    note: str

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


def paired(
    name: str,
    pairs: Iterable[tuple[float, float]],
    unit: str,
    *,
    target: float,
    better: Better = "lower",
    note: str = "",
) -> Figure:
    """Return the figure of two things that were measured in turn.

    Args:
        name: The figure.
        pairs: Ours and theirs of each pair of runs, in ``unit``.
        unit: Of both.
        target: What ours ÷ theirs must reach.
        better: Whether the ratio should be low or high.
        note: What the figure does not say by itself.
    """
    ours, theirs = zip(*pairs, strict=True)
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return Figure(
        name=name,
        ours=statistics.median(ours),
        theirs=statistics.median(theirs),
        ratio=statistics.median(ratios),
        low=min(ratios),
        high=max(ratios),
        unit=unit,
        target=target,
        better=better,
        note=note,
    )


def absolute(
    name: str,
    values: Sequence[float],
    unit: str,
    *,
    target: float,
    better: Better = "lower",
    note: str = "",
) -> Figure:
    """Return the figure of one thing that has no yardstick: the median of ``values``.

    Args:
        name: The figure.
        values: What was measured, in ``unit``.
        unit: Of the values.
        target: What the median must reach.
        better: Whether it should be low or high.
        note: What the figure does not say by itself.
    """
    pairs = [(value, 1.0) for value in values]
    return paired(name, pairs, unit, target=target, better=better, note=note)


def _seconds(work: Work, clock: Callable[[], float]) -> float:
    """Return what one run of ``work`` takes by ``clock``, garbage collected beforehand."""
    gc.collect()
    started = clock()
    work()
    return clock() - started


def compare(
    name: str,
    ours: Work,
    theirs: Work,
    *,
    target: float,
    runs: int,
    per_run: int = 1,
    clock: Callable[[], float] = time.perf_counter,
    before_ours: Work = _nothing,
    before_theirs: Work = _nothing,
    after_each: Work = _nothing,
    note: str = "",
) -> Figure:
    """Time two things in turn, after one run of each to warm up.

    Args:
        name: The figure.
        ours: Our side.
        theirs: The yardstick.
        target: What ours ÷ theirs must stay under.
        runs: Pairs of runs.
        per_run: Operations in one run; the figure is in microseconds for one.
        clock: Seconds; that of the wall by default.
        before_ours: Called before each run of ours, outside the time.
        before_theirs: Called before each run of theirs, outside the time.
        after_each: Called after each run, outside the time.
        note: What the figure does not say by itself.
    """
    scale = 1e6 / per_run

    def run(work: Work, prepare: Work) -> float:
        prepare()
        taken = _seconds(work, clock)
        after_each()
        return taken * scale

    pairs = [(run(ours, before_ours), run(theirs, before_theirs)) for _ in range(runs + 1)]
    return paired(name, pairs[1:], "µs", target=target, note=note)
