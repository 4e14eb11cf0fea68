"""What opaque ids stand for, on its way to the store."""

from __future__ import annotations

from otelml._feedback.kept import store_of
from otelml._prediction import Runtime
from otelml._records.prediction import PredictionRecord
from otelml.exceptions import FeedbackError

_MAX_WAITING = 100_000


class Contents:
    """Gathers what the opaque ids of predictions stand for, and writes it in batches.

    Args:
        runtime: The running parts: options, ids.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: dict[str, str] = {}

    def take(self, record: PredictionRecord) -> None:
        """Take a prediction that has ended, where somebody has read an id of it.

        Raises:
            FeedbackError: Too many wait for the store.
        """
        if not record.opaque_ids:
            return
        if len(self._waiting) >= _MAX_WAITING:
            raise FeedbackError("the store cannot be reached, and too many ids wait", "store")
        self._waiting.update(self._runtime.ids.opaque_contents(record))

    def write(self) -> None:
        """Write what was gathered; what cannot be written waits for the next time.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        store = store_of(self._runtime) if self._waiting else None
        if store is not None:
            store.keep_contents(self._waiting)
            self._waiting.clear()

    def clear(self) -> None:
        """Forget what the parent writes itself."""
        self._waiting.clear()
