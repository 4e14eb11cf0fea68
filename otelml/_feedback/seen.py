"""Labels received lately, to recognise duplicates, conflicts, and sources that differ."""

from __future__ import annotations

from contextlib import suppress
from typing import Final, NamedTuple

from otelml import _threads
from otelml.exceptions import FeedbackError

Prediction = tuple[int, int, int]
MOST_SOURCES: Final = 8
"""Sources that one prediction may have labels of: more are a client's inventions."""


class Said(NamedTuple):
    """A label as one source has said it.

    Args:
        source: Where it comes from.
        actual: The label.
        time_ns: When it became known, nanoseconds since the epoch.
    """

    source: str
    actual: str
    time_ns: int


class Seen:
    """Labels received lately, to recognise those that come again.

    Args:
        limit: How many to remember; the oldest are forgotten first.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # In order of the first label; each is that of one source, or of several.
        self._labels: dict[Prediction, Said | dict[str, Said]] = {}
        self._more = 0  # labels beyond the first of a prediction
        self._lock = _threads.RLock()

    def exchange(self, prediction: Prediction, said: Said) -> tuple[str | None, tuple[Said, ...]]:
        """Remember a label; of one source the newest stands.

        Returns:
            What the same source said before, if anything, and what all sources say now.

        Raises:
            FeedbackError: So many sources have said something that they are invented.
        """
        labels = self._labels
        if labels.setdefault(prediction, said) is said:  # the first one, as nearly always
            if len(labels) + self._more > self._limit:
                self._forget()
            return None, (said,)
        with self._lock:
            return self._again(prediction, said)

    def _again(self, prediction: Prediction, said: Said) -> tuple[str | None, tuple[Said, ...]]:
        held = self._labels.get(prediction, said)
        of_sources = held if isinstance(held, dict) else {held.source: held}
        before = of_sources.get(said.source)
        if before is None:
            if len(of_sources) >= MOST_SOURCES:
                raise FeedbackError(
                    f"this prediction has labels of {MOST_SOURCES} sources already", "source"
                )
            self._more += 1
        if before is None or said.time_ns >= before.time_ns:
            of_sources[said.source] = said
        self._labels[prediction] = of_sources
        if len(self._labels) + self._more > self._limit:
            self._forget()
        return (before.actual if before is not None else None), tuple(of_sources.values())

    def _forget(self) -> None:
        """Forget the oldest prediction."""
        with self._lock, suppress(StopIteration, RuntimeError, KeyError):  # others forget as well
            oldest = self._labels.pop(next(iter(self._labels)))
            self._more -= len(oldest) - 1 if isinstance(oldest, dict) else 0

    def after_fork(self) -> None:
        """Replace the lock, which another thread of the parent may have held."""
        self._lock = _threads.RLock()
