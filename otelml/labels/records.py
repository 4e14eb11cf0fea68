"""A label as it is kept, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Label:
    """A label for one prediction, from one source.

    Args:
        prediction: Which prediction: what its id says of itself, without the signature.
        source: Where the label comes from.
        actual: The label, as text.
        reviewer: Who gave it; empty where unknown.
        time_ns: When it became known, nanoseconds since the epoch.
        prediction_id: The prediction's id; empty where an older otelml has kept the label.
    """

    prediction: str
    source: str
    actual: str
    reviewer: str = ""
    time_ns: int = 0
    prediction_id: str = ""


class Put(NamedTuple):
    """What became of a label.

    Args:
        previous: The label of the same source before; None where there was none.
        kept: Whether this one stands now: False where the one before is newer.
        standing: The labels of all sources for this prediction that stand now.
    """

    previous: str | None
    kept: bool
    standing: tuple[Label, ...] = ()


@dataclass
class Summary:
    """What became of a file of labels so far; kept with them, so that it survives a kill.

    Args:
        done: Rows that are worked off.
        accepted: Labels that were new.
        duplicates: The same label again.
        conflicts: Another label than before from the same source.
        refused: How many were refused, by reason.
    """

    done: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def count(self, label: Label, put: Put) -> None:
        """Count what became of one label."""
        if put.previous is None:
            self.accepted += 1
        elif put.previous == label.actual:
            self.duplicates += 1
        else:
            self.conflicts += 1


class Waiting(NamedTuple):
    """A prediction that a reviewer may look at.

    Args:
        prediction: Which one, as in ``Label.prediction``.
        prediction_id: Its id.
        confidence: 0 to 1.
        features: What it was made from, by name, as text.
        time_ns: When it was made, nanoseconds since the epoch.
    """

    prediction: str
    prediction_id: str
    confidence: float
    features: dict[str, str]
    time_ns: int


class Agreement(NamedTuple):
    """How far two sources say the same of the same predictions.

    Args:
        first: A source.
        second: Another one.
        both: Predictions that both have a label for.
        same: Those that both have the same label for.
    """

    first: str
    second: str
    both: int
    same: int
