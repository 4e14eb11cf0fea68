"""Cohorts of labels in the store: written every few seconds, taken over where a process ended."""

from __future__ import annotations

import time
from collections.abc import Sequence

from otelml import _guard
from otelml._feedback import FeedbackRecord, is_dead, owner, store_of
from otelml._prediction import Runtime
from otelml._quality import Changes, Verdicts
from otelml.exceptions import FeedbackError

_EVERY_S = 10.0
_LEASE_S = 60.0
_AFTER_FAILURE_S = 60.0


class KeptCohorts:
    """Keeps what the verdicts are made of, where there is a store. All of it runs on the worker.

    Args:
        runtime: The running parts: options.
        verdicts: What is kept.
    """

    def __init__(self, runtime: Runtime, verdicts: Verdicts) -> None:
        self._runtime = runtime
        self._verdicts = verdicts
        self._changes = Changes()
        self._next_s = 0.0
        self._since_ns: int | None = None
        self._records: Sequence[FeedbackRecord] | None = ()

    @property
    def is_on(self) -> bool:
        """Whether there is a store."""
        return self._runtime.config.feedback.store is not None

    def restored(self, records: Sequence[FeedbackRecord]) -> None:
        """Take the last labels of the store, as they were when this process began."""
        if self._records is None and self._since_ns is not None:
            self._verdicts.replay(records, self._since_ns)
        elif self._records is not None:
            self._records = records

    def work(self) -> None:
        """Take over and write, every few seconds; later, where the store cannot be reached."""
        now = time.monotonic()
        if not self.is_on or now < self._next_s:
            return
        self._next_s = now + _AFTER_FAILURE_S
        try:
            self._take_over()
            self._save(_LEASE_S)
        except FeedbackError as error:
            _guard.report("labels", error, expected=True)
        else:
            self._next_s = now + _EVERY_S

    def _take_over(self) -> None:
        store = store_of(self._runtime)
        if store is None:
            return
        found, alone = store.cohorts.take_over(owner(), _LEASE_S, is_dead)
        for one in found:
            self._verdicts.load(one.parts)
        records, self._records = self._records, None
        if records is None:
            return
        # The first time: labels that came between the last write of the one before and its end.
        # Beside others it cannot be told whose they were.
        if found and alone:
            self._since_ns = max(one.time_ns for one in found)
            self._verdicts.replay(records, self._since_ns)

    def _save(self, seconds: float) -> None:
        store = store_of(self._runtime)
        changed, gone = self._changes.of(self._verdicts.concepts())
        if store is not None:
            store.cohorts.save(owner(), changed, gone, seconds)
            self._changes.written()

    def stop(self) -> None:
        """Write the last, and let others take it over."""
        if not self.is_on or self._records is not None:
            return
        try:
            self._save(0.0)
        except FeedbackError as error:
            _guard.report("labels", error, expected=True)

    def clear(self) -> None:
        """Begin anew in a child: what the parent wrote is the parent's."""
        self._changes.forget()
        self._since_ns, self._records = None, None
