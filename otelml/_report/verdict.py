"""How a verdict was reached that looks at more than one window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Verdict:
    """What a page says of a verdict.

    Args:
        level: What decides, in a sentence.
        meaning: How a feature comes to alarm, in a sentence.
        evidence_decides: Whether evidence does, rather than thresholds.
        notes: What else is known, by feature.
        facts: Names and texts for the head of the page.
        back: Where all reports are listed; empty where they are not.
    """

    level: str
    meaning: str
    evidence_decides: bool = True
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    facts: Sequence[tuple[str, str]] = ()
    back: str = ""
