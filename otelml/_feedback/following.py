"""The sources of labels of a running service, each on a thread of ours."""

from __future__ import annotations

import importlib
import random
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from otelml import _guard, _threads
from otelml import semconv_quality as names
from otelml._feedback.follower import Follower, Taken, reason_of
from otelml._feedback.kept import store_of
from otelml._feedback.records import RejectedRecord
from otelml._feedback.restored import Restored
from otelml._feedback.rows import record_of
from otelml._prediction import Runtime
from otelml.exceptions import FeedbackError, LabelSourceError
from otelml.semconv import ERROR_TYPE, ML_FEEDBACK_SOURCE

if TYPE_CHECKING:
    from otelml._label_options import LabelsFrom

_LONGEST_WAIT_S = 300.0
_FIRST_WAIT_S = 1.0
_COMPONENT = "labels"
_GIVE_WAY_S = 0.01
_AT_MOST_S = 60.0
_left_to_parents: list[Any] = []


class Source:
    """One source of a service.

    Args:
        options: The source.
        runtime: The running parts.
    """

    def __init__(self, options: LabelsFrom, runtime: Runtime) -> None:
        self.name = options.name
        self._every_s = options.every_s
        self._options = options
        self._runtime = runtime
        self._stop = _threads.Event()
        self._thread: _threads.Thread | None = None
        self._follower: Follower | None = None
        self._failures = 0
        self.renew()

    def renew(self) -> None:
        """Forget what another process has counted."""
        self.rows: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.is_mine = True
        self.at_end = time.monotonic()

    def start(self) -> None:
        """Start the thread."""
        self._stop = _threads.Event()
        self.at_end = time.monotonic()
        self._thread = _threads.Thread(self._run, (self._stop,), name=f"otelml-labels-{self.name}")
        with suppress(RuntimeError):  # before a fork: the child starts its own
            self._thread.start()

    def _run(self, stop: _threads.Event) -> None:
        while not stop.is_set():
            wait_s = _guard.contain(_COMPONENT, self._look, stop)
            stop.wait(_FIRST_WAIT_S if wait_s is None else wait_s)
        follower, self._follower = self._follower, None
        if follower is not None:
            _guard.contain(_COMPONENT, follower.give_back)
            _guard.contain(_COMPONENT, follower.close)

    def _look(self, stop: _threads.Event) -> float:
        """Read what there is; return how long to wait then."""
        mine, error = _guard.attempt(self._read, stop)
        if error is not None:
            known = isinstance(error, (FeedbackError, LabelSourceError))
            _guard.report(_COMPONENT, error, expected=known)
            return self._failed(error)
        self.is_mine = bool(mine)
        self._failures = 0
        self.at_end = time.monotonic()
        return self._every_s

    def _read(self, stop: _threads.Event) -> bool:
        if self._follower is None:
            self._follower = self._open(stop)
        return self._follower.read(stop)

    def _open(self, stop: _threads.Event) -> Follower:
        store = store_of(self._runtime)
        if store is None:
            raise FeedbackError("there is no store of labels", "store")
        ids = self._runtime.ids
        return Follower(self._options, store, ids, lambda taken: self._pass_on(taken, stop))

    def _failed(self, error: BaseException) -> float:
        """Count an error; return how long to wait: longer each time, and never in step."""
        self.errors[reason_of(error)] += 1
        self._failures += 1
        longest = max(_LONGEST_WAIT_S, self._every_s)
        wait_s = min(_FIRST_WAIT_S * 2.0 ** min(self._failures - 1, 20), longest)
        asked_s = error.wait_s if isinstance(error, LabelSourceError) else None
        return max(wait_s * random.uniform(0.5, 1.0), asked_s or 0.0)

    def _pass_on(self, taken: Taken, stop: _threads.Event) -> None:
        self.rows.update(taken.counts())
        recorder = self._runtime.recorder
        half = self._runtime.config.traces.queue_size // 2
        deadline = time.monotonic() + _AT_MOST_S
        items: list[Any] = [RejectedRecord(error.reason) for _, error in taken.refused]
        trust = self._runtime.config.feedback.trust
        items += [record_of(one, put.previous, put.standing, trust) for one, put in taken.labels]
        for item in items:
            # Predictions first: a backlog of labels must not push them out of the queue.
            while len(recorder.queue) >= half and time.monotonic() < deadline:
                if stop.is_set():
                    break
                recorder.wake.set()
                _threads.sleep(_GIVE_WAY_S)
            recorder.submit(item)
        if taken.is_last:
            self.at_end = time.monotonic()

    def stop(self) -> None:
        """End the thread, soon."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for its end, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def after_fork(self) -> None:
        """Leave the parent's connections alone, and start anew where the parent had started."""
        if self._follower is not None:
            _left_to_parents.append(self._follower.abandon())
            self._follower = None
        self.renew()
        if self._thread is not None and not self._stop.is_set():
            self.start()


class Sources:
    """All sources of a service, and the labels that its store has from before.

    Args:
        runtime: The running parts.
    """

    def __init__(self, runtime: Runtime) -> None:
        options = runtime.config.feedback
        chosen = options.sources if options.enabled else ()
        if chosen:
            # Here, on the caller's thread: a child forked while a thread of ours imports it would
            # wait for that thread, which it does not have, for ever.
            importlib.import_module("otelml.labels.sources")
        self._sources = [Source(one, runtime) for one in chosen]
        self._restored = Restored(runtime)

    def start(self) -> None:
        """Start the threads."""
        self._restored.start()
        for source in self._sources:
            source.start()

    def stop(self, deadline: float) -> None:
        """End the threads, by ``deadline`` on the monotonic clock."""
        self._restored.stop()
        for source in self._sources:
            source.stop()
        for source in self._sources:
            source.join(max(0.0, deadline - time.monotonic()))

    def after_fork(self) -> None:
        """Start anew in a child."""
        self._restored.after_fork()
        for source in self._sources:
            source.after_fork()

    def rows(self) -> Iterable[tuple[float, dict[str, str]]]:
        """Return rows that were read, by source and by what became of them."""
        for source in self._sources:
            for kind, count in list(source.rows.items()):
                yield count, {ML_FEEDBACK_SOURCE: source.name, names.ML_FEEDBACK_ROW: kind}

    def errors(self) -> Iterable[tuple[float, dict[str, str]]]:
        """Return errors, by source and type."""
        for source in self._sources:
            for kind, count in list(source.errors.items()):
                yield count, {ML_FEEDBACK_SOURCE: source.name, ERROR_TYPE: kind}

    def lags(self) -> Iterable[tuple[float, dict[str, str]]]:
        """Return seconds since each source that this process reads was read to its end."""
        for source in self._sources:
            if source.is_mine:
                yield time.monotonic() - source.at_end, {ML_FEEDBACK_SOURCE: source.name}
