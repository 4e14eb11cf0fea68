"""Labels that the store has from before: quality does not begin anew with each process."""

from __future__ import annotations

from contextlib import suppress

from otelml import _guard, _threads
from otelml._feedback.kept import store_of
from otelml._feedback.records import FeedbackRecord, KeptRecords
from otelml._feedback.rows import Known, record_of
from otelml._prediction import Runtime
from otelml.exceptions import FeedbackError

_MOST = 10_000
_WAIT_S = 5.0
_TRIES = 60


class Restored:
    """Hands the last labels of the store to the worker, once, from a thread of ours.

    Args:
        runtime: The running parts.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stop = _threads.Event()
        self._started = False

    def start(self) -> None:
        """Start the thread, where there is a store."""
        config = self._runtime.config
        if config.feedback.store is None or not (
            config.feedback.enabled and config.metrics.enabled
        ):
            return
        self._started = True
        self._stop = _threads.Event()
        thread = _threads.Thread(self._run, (self._stop,), name="otelml-labels-restored")
        with suppress(RuntimeError):  # before a fork: the child starts its own
            thread.start()

    def _run(self, stop: _threads.Event) -> None:
        for _ in range(_TRIES):
            if stop.is_set() or _guard.contain("labels", self._restore):
                return
            stop.wait(_WAIT_S)

    def _restore(self) -> bool:
        trust = self._runtime.config.feedback.trust
        try:
            store = store_of(self._runtime)
            labels = store.recent(_MOST, trust) if store is not None else []
        except FeedbackError as error:
            _guard.report("labels", error, expected=True)
            return False
        try:
            contents = self._runtime.ids.contents([label.prediction_id for label in labels])
        except FeedbackError as error:
            _guard.report("labels", error, expected=True)
            return False
        records: list[FeedbackRecord] = []
        for label in labels:
            with suppress(FeedbackError):  # another service's, or of a secret that is no more
                token = self._runtime.ids.read(label.prediction_id, contents)
                self._runtime.ids.learn(token)
                records.append(record_of(Known(token, label), None, (label,), trust))
        if records:
            self._runtime.recorder.submit(KeptRecords(records))
        return True

    def stop(self) -> None:
        """End the thread, soon."""
        self._stop.set()

    def after_fork(self) -> None:
        """Start anew in a child."""
        if self._started and not self._stop.is_set():
            self.start()
