"""The drift monitor: every model version under watch, and one check at a time, in slices.

Everything runs on the worker but what asks: :meth:`Monitor.status`, :meth:`Monitor.ask` and what
metrics read, which look at what the worker has put in place whole.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from operator import itemgetter
from typing import Any

from otelml import _guard, _threads, semconv
from otelml._drift_options import DriftOptions
from otelml._monitor.archive import Archive
from otelml._monitor.check import check
from otelml._monitor.keeper import Keeper
from otelml._monitor.references import ModelKey, registered_references
from otelml._monitor.report import Report
from otelml._monitor.seen import Seen
from otelml._monitor.status import status_of
from otelml._monitor.watch import Watch
from otelml.reference import Reference

_MOST_MODELS = 100
_MOST_ASKED = 100
_MODEL = itemgetter(0, 1)
_READ_EVERY_S = 10.0


class Asked:
    """Something that another thread asks of the worker.

    Args:
        kind: ``check`` or ``accept``.
        model: Of which model; None means all.
        version: Of which version; None means all.
        features: Which features to accept; None means those that drifted or are skewed.
        who: Who accepts.
        why: Why.
    """

    def __init__(
        self,
        kind: str,
        model: str | None = None,
        version: str | None = None,
        features: tuple[str, ...] | None = None,
        who: str = "",
        why: str = "",
    ) -> None:
        self.kind = kind
        self.model = model
        self.version = version
        self.features = features
        self.who = who
        self.why = why
        self.waiting: list[Watch] | None = None
        self.answers: list[dict[str, Any]] = []
        self.done = _threads.Event()

    def means(self, watch: Watch) -> bool:
        """Whether a model version is meant."""
        named = self.model is None or watch.model == self.model
        return named and (self.version is None or watch.version == self.version)


def _tell_nobody(watch: Watch, features: list[str], asked: Asked) -> None:
    del watch, features, asked


class Monitor:
    """Watches each model version that predicts.

    Args:
        options: When to check, and what is called drift.
        reference: That of ``init``.
        model: Name of the model that ``init`` names; None: the reference is any model's.
        version: Its version.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        options: DriftOptions,
        reference: Reference | None = None,
        model: str | None = None,
        version: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options
        self._reference = reference
        self._default: tuple[str | None, str | None] = (model, version)
        self._clock = clock
        self._watches: dict[ModelKey, Watch] = {}
        self._asked: deque[Asked] = deque(maxlen=_MOST_ASKED)
        self._running: Generator[None, None, Report] | None = None
        self._answer_to: Asked | None = None
        self.archive = Archive(options.reports_kept, options.report_folder)
        self.keeper = Keeper()
        self.on_report: Callable[[Report], None] = lambda _: None
        self.on_accept: Callable[[Watch, list[str], Asked], None] = _tell_nobody
        self._read_next_s = 0.0
        self._prepare()

    # --- the worker's side ------------------------------------------------------------------

    def take(self, run: Sequence[Seen]) -> None:
        """Take in a run of predictions, in the order of time."""
        if len(set(map(_MODEL, run))) == 1:
            self._take_of(run[0][:2], run)
            return
        models: dict[ModelKey, list[Seen]] = {}
        for one in run:
            models.setdefault(one[:2], []).append(one)
        for key, part in models.items():
            _guard.call("drift", self._take_of, key, part)

    def _take_of(self, key: ModelKey, run: Sequence[Seen]) -> None:
        watch = self._watches.get(key)
        if watch is None:
            if not any(
                (features and features.data is not None) or results.labels
                for _, _, features, _, results in run
            ):
                return
            watch = self._add(key)
        watch.take(run)

    def _reference_of(self, key: ModelKey) -> Reference | None:
        found = registered_references().get(key)
        if found is not None or self._reference is None:
            return found
        model, version = self._default
        fits = model in (None, key[0]) and (version is None or version == key[1])
        return self._reference if fits else None

    def _add(self, key: ModelKey) -> Watch:
        if len(self._watches) >= _MOST_MODELS:
            del self._watches[next(iter(self._watches))]
        reference = self._reference_of(key)
        watch = Watch(*key, self.options, reference, self._clock())
        self._watches[key] = watch
        return watch

    def _prepare(self) -> None:
        """Watch models that are known before their first prediction: their zeros count."""
        model, version = self._default
        if self._reference is not None and model is not None:
            known = (model, version or "")
            if known not in self._watches:
                self._add(known)
        self._renew()

    def _renew(self) -> None:
        """Begin anew where a reference was registered since."""
        for key, reference in registered_references().items():
            watch = self._watches.get(key)
            is_new = watch is None or (
                watch.reference is not reference or watch.source != semconv.REFERENCE_GIVEN
            )
            if is_new:
                self._watches.pop(key, None)
                self._add(key)

    def work(self, slice_s: float = 0.005) -> bool:
        """Do a slice of what is due; return whether there is more.

        Args:
            slice_s: About how long to work.
        """
        self._renew()
        self._read_late()
        until = time.perf_counter() + slice_s
        while self._running is not None or self._next():
            if self._running is not None:
                _guard.contain("drift", self._step, self._running)
            if time.perf_counter() >= until:
                return True
        return False

    def _read_late(self) -> None:
        """Count rows that have waited for long: metrics are read at any time."""
        now = time.monotonic()
        if now < self._read_next_s:
            return
        self._read_next_s = now + _READ_EVERY_S
        for watch in list(self._watches.values()):
            _guard.contain("drift", watch.read)

    def _step(self, running: Generator[None, None, Report]) -> None:
        self._running = None  # for good, if it raises
        try:
            next(running)
        except StopIteration as end:
            report: Report = end.value
        else:
            self._running = running
            return
        watch = self._watches.get((report.model, report.version))
        past = list(watch.history) if watch is not None else [report]
        if watch is not None:
            _guard.call("drift margins", self._keep, watch)
        _guard.call("drift", self.archive.add, report, self._answer_to is not None, past)
        if self._answer_to is not None:
            self._answer_to.answers.append(report.to_dict())
            self._answer_to = None
        self.on_report(report)

    def _next(self) -> bool:
        """Begin what is asked or due; return whether something was done."""
        if self._asked:
            return self._begin_asked(self._asked[0])
        now = self._clock()
        for watch in list(self._watches.values()):
            if watch.schedule.is_due(now):
                watch.read()
                if watch.is_ready:
                    self._running = check(watch, self._clock)
                    return True
        return False

    def _begin_asked(self, asked: Asked) -> bool:
        if asked.waiting is None:
            asked.waiting = [one for one in self._watches.values() if asked.means(one)]
        if not asked.waiting:
            self._asked.popleft()
            asked.done.set()
            return True
        watch = asked.waiting.pop(0)
        if asked.kind == "accept":
            _guard.call("drift", self._accept, watch, asked)
        elif watch.reference is not None:
            self._answer_to = asked
            self._running = check(watch, self._clock)
        return True

    def _accept(self, watch: Watch, asked: Asked) -> None:
        features = list(asked.features) if asked.features is not None else None
        names = list(watch.accept(features, self._clock(), asked.who, asked.why))
        self._keep(watch)
        answer = {"model": watch.model, "version": watch.version, "features": names}
        asked.answers.append(answer)
        if names:
            self.on_accept(watch, names, asked)

    def _keep(self, watch: Watch) -> None:
        learned = watch.take_learned()
        if self.options.keep_learned and watch.reference is not None:
            self.keeper.keep(watch.reference, learned)

    def clear(self) -> None:
        """Forget what was seen, in a forked child: the parent reports that itself."""
        self._watches = {}
        self._asked = deque(maxlen=_MOST_ASKED)
        self._running = self._answer_to = None
        self.archive = Archive(self.options.reports_kept, self.options.report_folder)
        self.keeper = Keeper()
        self._prepare()

    # --- what others read -------------------------------------------------------------------

    def ask(self, asked: Asked) -> None:
        """Have the worker do something; its ``done`` is set afterwards."""
        self._asked.append(asked)

    def watches(self) -> list[Watch]:
        """Return each model version under watch."""
        return list(self._watches.values())

    def watch_of(self, model: str, version: str) -> Watch | None:
        """Return a model version under watch; None where it is not."""
        return self._watches.get((model, version))

    def reference_of(self, model: str, version: str) -> tuple[str, str]:
        """Return the digest and the source of a model version's reference."""
        watch = self._watches.get((model, version))
        return (watch.digest, watch.source) if watch is not None else ("", semconv.REFERENCE_NONE)

    def status(self) -> list[dict[str, Any]]:
        """Return for each model version what is collected, what was found and what is next."""
        return [
            {
                **status_of(watch),
                "latest_report": self.archive.latest_of(watch.model, watch.version),
            }
            for watch in self.watches()
        ]

    def reports(self) -> Iterable[Report]:
        """Return the last check of each model version."""
        return [one.report for one in self.watches() if one.report is not None]
