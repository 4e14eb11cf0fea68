"""Uncertain predictions that wait to be written to the store, for reviewers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otelml._feedback.kept import name_of, store_of
from otelml._prediction import Runtime
from otelml.exceptions import FeedbackError

if TYPE_CHECKING:
    from otelml.labels import Waiting

_MAX_WAITING = 1000


class Uncertain:
    """Gathers predictions and writes them in batches.

    Args:
        runtime: The running parts: options, ids.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: list[Waiting] = []

    def take(self, prediction_id: str, confidence: float, features: dict[str, str]) -> None:
        """Take one.

        Args:
            prediction_id: Its id.
            confidence: 0 to 1.
            features: What a reviewer may see of it.

        Raises:
            FeedbackError: Too many wait for the store.
        """
        from otelml.labels import Waiting

        if len(self._waiting) >= _MAX_WAITING:
            raise FeedbackError(
                "the store cannot be reached, and too many predictions wait for review", "store"
            )
        token = self._runtime.ids.read(prediction_id)
        time_ns = token.time_ms * 1_000_000
        self._waiting.append(Waiting(name_of(token), prediction_id, confidence, features, time_ns))

    def write(self) -> None:
        """Write what was gathered; what cannot be written waits for the next time.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        store = store_of(self._runtime) if self._waiting else None
        if store is not None:
            store.reviews.add(self._waiting)
            self._waiting.clear()

    def clear(self) -> None:
        """Forget what the parent writes itself."""
        self._waiting.clear()
