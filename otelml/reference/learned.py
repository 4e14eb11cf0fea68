"""What serving taught of a feature: how far its windows stray without a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from otelml.reference.feature import Feature
from otelml.reference.margins import margin_at

LearnedFrom = Literal["serving", "accepted"]
KEEP_NORMAL = 2_000


@dataclass(frozen=True)
class Learned:
    """What was learned of one feature, kept with its reference so that a restart has it.

    Args:
        margins: Fewest rows of a window that it was learned from, and the excess beyond the error
            of what is normal.
        source: ``serving``: the first season of it; ``accepted``: someone accepted a window.
        windows: How many windows it was learned from.
        at: When, in UTC.
        skewed: Whether serving differed from the reference since it began.
        normal: What is normal, where that is not what the reference says.
        who: Who accepted.
        why: Why.
    """

    margins: Mapping[int, float]
    source: LearnedFrom = "serving"
    windows: int = 0
    at: str = ""
    skewed: bool = False
    normal: Feature | None = None
    who: str = ""
    why: str = ""

    def covers(self, rows: int) -> bool:
        """Whether it can be relied on for windows of at least so many rows.

        Windows of less time show more of a pattern than those that it was learned from. What was
        accepted holds for all.

        >>> Learned({500: 0.1}).covers(300), Learned({500: 0.1}).covers(100)
        (True, False)
        """
        return self.source == "accepted" or 2 * rows >= min(self.margins, default=0)

    def margin(self, rows: int) -> float:
        """Return the excess of windows of so many rows."""
        return margin_at(self.margins, rows)

    def merge(self, other: Learned) -> Learned:
        """Return what two replicas learned: the largest excess; what was accepted last wins."""
        if "accepted" in {self.source, other.source}:
            accepted = [one for one in (self, other) if one.source == "accepted"]
            return max(accepted, key=lambda one: one.at)
        sizes = {*self.margins, *other.margins}
        normals = [one.normal for one in (self, other) if one.normal is not None]
        normal = normals[0] if normals else None
        if len(normals) > 1 and normals[0].kind == normals[1].kind:
            normal = thinned(normals[0].merge(normals[1]))
        return replace(
            self,
            margins={n: max(self.margins.get(n, 0), other.margins.get(n, 0)) for n in sizes},
            windows=self.windows + other.windows,
            at=max(self.at, other.at),
            skewed=self.skewed or other.skewed,
            normal=normal,
        )


def thinned(feature: Feature) -> Feature:
    """Return a feature of few kept values: its distribution is off by 1/2,000 at most."""
    if feature.sample is None:
        return feature
    return replace(feature, sample=feature.sample.thinned(KEEP_NORMAL))


def merged_learned(
    first: Mapping[str, Learned], second: Mapping[str, Learned]
) -> dict[str, Learned]:
    """Return what two replicas learned, by feature."""
    both = {**first, **second}
    return {
        name: first[name].merge(second[name]) if name in first and name in second else one
        for name, one in both.items()
    }
