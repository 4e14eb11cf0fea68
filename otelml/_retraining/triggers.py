"""The thread that tells of a retraining: claims it, tries it, keeps what became of it."""

from __future__ import annotations

import math
import random
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Sequence

from otelml import _guard, _threads
from otelml import semconv_quality as names
from otelml._retraining import command, webhook
from otelml._retraining.history import History, Trigger
from otelml._retraining.webhook import Outcome
from otelml._retraining_options import RetrainingOptions
from otelml._shown import scrubbed
from otelml.exceptions import OtelmlError

_MOST_WAITING = 100
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_AGAIN_S = 900.0
_SPARE_S = 60.0
ASKED_AGAIN_S = 60.0
"""Seconds after which a trigger is asked for again that had no answer."""
_COMPONENT = "retraining"


Told = Callable[[Trigger, str, str], None]


def _tell_nobody(trigger: Trigger, outcome: str, detail: str) -> None:
    del trigger, outcome, detail


class RetrainingError(OtelmlError):
    """A retraining could not be triggered."""


class Triggers:
    """Tells of retrainings, one after the other, on a thread of its own that ends when it is done.

    Args:
        options: Who is told, and how.
        history: What was told.
        clock: Seconds since 1970.
    """

    def __init__(
        self, options: RetrainingOptions, history: History, clock: Callable[[], float]
    ) -> None:
        self._options = options
        self._history = history
        self._clock = clock
        self._waiting: deque[Sequence[Trigger]] = deque(maxlen=_MOST_WAITING)
        self._lock = _threads.Lock()
        self._is_running = False
        self._stop = _threads.Event()
        self._idle = _threads.Event()
        self._idle.set()
        self.counts: Counter[tuple[str, str, str, str]] = Counter()
        self.next_s: dict[str, float] = {}
        self.on_outcome: Told = _tell_nobody

    def ask(self, triggers: Sequence[Trigger]) -> None:
        """Have triggers of one model told, unless the cooldown keeps them; returns at once."""
        self._waiting.append(triggers)
        self._start()

    def resume(self) -> None:
        """Have what an earlier process, or attempt, left undone tried again; returns at once."""
        self._waiting.append(())
        self._start()

    def _start(self) -> None:
        with self._lock:
            if self._is_running or self._stop.is_set():
                return
            self._is_running = True
            self._idle.clear()
        try:
            _threads.Thread(self._run, name="otelml-retraining").start()
        except RuntimeError as error:  # not before the fork; the next one tries again
            self._is_running = False
            self._idle.set()
            _guard.report(_COMPONENT, error, expected=True)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or self._stop.is_set():
                    self._is_running = False
                    self._idle.set()
                    return
                triggers = self._waiting.popleft()
            _guard.contain(_COMPONENT, self._take, triggers)

    def _take(self, triggers: Sequence[Trigger]) -> None:
        options = self._options
        try:
            if not triggers:
                now = self._clock()
                since = now - options.cooldown_s
                left = self._history.take_unfinished(now, now + self._longest_s(), since)
            else:
                dry = options.dry_run
                granted, following = self._history.claim(triggers, options.cooldown_s, dry_run=dry)
                self.next_s[triggers[0].model] = following
                left = list(triggers) if granted else []
        except (sqlite3.Error, OSError) as error:
            # Without its memory it might trigger over and over: better not at all.
            said = scrubbed(str(error))
            text = f"the history of retrainings cannot be kept ({said}): nothing is triggered"
            _guard.report(_COMPONENT, RetrainingError(text), expected=True)
            for trigger in triggers:
                self._told(trigger, names.OUTCOME_FAILED, text)
                self.next_s[trigger.model] = self._clock() + ASKED_AGAIN_S
            return
        for trigger in left:
            if triggers and options.dry_run:
                self._told(trigger, names.OUTCOME_DRY_RUN, "")
            elif not self._stop.is_set():
                self._deliver(trigger)

    def _longest_s(self) -> float:
        """Return how long all attempts of one trigger may take."""
        options = self._options
        posts = options.attempts * (options.timeout_s + _LONGEST_PAUSE_S)
        return max(posts, options.command_timeout_s) + _SPARE_S

    def _deliver(self, trigger: Trigger) -> None:
        self._history.hold(trigger, self._clock() + self._longest_s())
        if trigger.kind == names.TRIGGER_COMMAND:
            outcome, attempts = command.run(self._options, trigger, self._stop), 1
        else:
            outcome, attempts = self._post(trigger)
        end, again = names.OUTCOME_DONE if outcome.ok else names.OUTCOME_FAILED, None
        if not outcome.ok and self._stop.is_set():
            # Whoever comes next goes on with it, if that can be.
            end = names.OUTCOME_INTERRUPTED
            again = self._clock() if trigger.kind == names.TRIGGER_WEBHOOK else None
        elif outcome.retry:
            again = self._clock() + min(_AGAIN_S, self._options.cooldown_s)
        self._history.end(trigger, end, attempts, outcome.detail, again)
        self._told(trigger, end, outcome.detail)

    def _post(self, trigger: Trigger) -> tuple[Outcome, int]:
        pause = _FIRST_PAUSE_S
        attempt = 0
        while True:
            attempt += 1
            outcome = webhook.post(self._options, trigger, self._clock())
            if outcome.ok or not outcome.retry or attempt >= self._options.attempts:
                return outcome, attempt
            wait = (
                pause * random.uniform(0.5, 1.0) if math.isnan(outcome.wait_s) else outcome.wait_s
            )
            if self._stop.wait(min(wait, _LONGEST_PAUSE_S)):
                return outcome, attempt
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _told(self, trigger: Trigger, outcome: str, detail: str) -> None:
        self.counts[trigger.model, trigger.version, trigger.kind, outcome] += 1
        if outcome == names.OUTCOME_FAILED:
            error = RetrainingError(
                f"retraining of {trigger.model} was not triggered by {trigger.kind}: {detail}"
            )
            _guard.report(_COMPONENT, error, expected=True)
        _guard.call(_COMPONENT, self.on_outcome, trigger, outcome, detail)

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing is being told; return whether that is so."""
        return self._idle.wait(timeout_s)

    def stop(self, timeout_s: float) -> None:
        """End what is being told, within a time; the history says what was left undone."""
        self._stop.set()
        self._idle.wait(timeout_s)
