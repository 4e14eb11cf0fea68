"""Labels in bulk: each is accepted or refused on its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from otelml._feedback.receive import feedback
from otelml.exceptions import FeedbackError

_REQUIRED = ("prediction_id", "actual")
_OPTIONAL = ("source", "reviewer", "timestamp")


@dataclass(frozen=True)
class Refusal:
    """A label that was refused.

    Args:
        index: Its place among the items, from 0.
        reason: A word for it: that of ``FeedbackError``, or ``item`` for what is no such mapping.
        message: What is wrong.
    """

    index: int
    reason: str
    message: str


@dataclass(frozen=True)
class BulkResult:
    """What became of labels in bulk.

    Args:
        outcomes: How many of each outcome; those refused are not among them.
        refused: Those that were refused, in their order.
    """

    outcomes: Mapping[str, int]
    refused: tuple[Refusal, ...]

    @property
    def accepted(self) -> int:
        """How many were taken, duplicates and conflicts among them."""
        return sum(self.outcomes.values())


def feedback_many(items: Iterable[Mapping[str, Any]]) -> BulkResult:
    """Say what was true for many earlier predictions; a wrong item does not stop the others.

    Args:
        items: Mappings of the arguments of :func:`feedback`: ``prediction_id`` and ``actual``,
            and where known ``source``, ``reviewer`` and ``timestamp``.
    """
    outcomes: Counter[str] = Counter()
    refused: list[Refusal] = []
    for index, item in enumerate(items):
        try:
            outcomes[feedback(**_arguments(item)).outcome] += 1
        except FeedbackError as error:  # noqa: PERF203 - each on its own
            refused.append(Refusal(index, error.reason, str(error)))
    return BulkResult(dict(outcomes), tuple(refused))


def _arguments(item: Any) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise FeedbackError("an item must be a mapping", "item")
    unknown = sorted(str(key) for key in item if key not in (*_REQUIRED, *_OPTIONAL))
    if unknown:
        raise FeedbackError(f"no such key: {', '.join(unknown)[:80]}", "item")
    for key in _REQUIRED:
        if item.get(key) is None:
            raise FeedbackError(f"{key} is missing", "item")
    given = {key: value for key, value in item.items() if value is not None}
    return {str(key): value for key, value in given.items()}
