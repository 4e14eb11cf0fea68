"""The parts of a runbook."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Runbook:
    """What to do about an alert.

    Args:
        meaning: What users or operators notice.
        causes: Likely causes, the likeliest first.
        look: Steps that tell them apart, each with a query, or an empty one where it is not
            Prometheus that answers.
        mend: What ends it.
    """

    meaning: str
    causes: tuple[str, ...]
    look: tuple[tuple[str, str], ...]
    mend: tuple[str, ...]
