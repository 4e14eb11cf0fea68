"""Decides for each model version whether it should be retrained, and has that told."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from otelml import _guard, semconv
from otelml import semconv_quality as names
from otelml._monitor import Monitor, Watch
from otelml._quality import Verdicts
from otelml._retraining.decision import Decision, Facts, decide
from otelml._retraining.history import History, Trigger
from otelml._retraining.triggers import ASKED_AGAIN_S, Told, Triggers
from otelml._retraining_options import RetrainingOptions, time_of

_EVERY_S = 1.0
_RESUME_EVERY_S = 60.0
_ID_DIGITS = 32


class Retraining:
    """Decides on the worker; what is told is told on a thread of its own.

    Args:
        options: When it is recommended, and who is told.
        monitor: What is known of drift.
        verdicts: What is known of quality; None where there is no feedback.
        service: Name of the service, which is told.
        default: Model and version that ``trained_at`` is of; None is any.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        options: RetrainingOptions,
        monitor: Monitor,
        verdicts: Verdicts | None,
        service: str = "",
        default: tuple[str | None, str | None] = (None, None),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.options = options
        self._monitor = monitor
        self._verdicts = verdicts
        self._service = service
        self._default = default
        self._clock = clock
        self._decisions: dict[tuple[str, str], Decision] = {}
        self._told_s: dict[tuple[str, str], float] = {}
        self._next_s = self._resume_s = 0.0
        self.on_recommended: Callable[[Decision], None] = lambda _: None
        self._told: Told | None = None
        self._begin()

    def _begin(self) -> None:
        self.history = History(self.options.state, self.options.history)
        self.triggers = Triggers(self.options, self.history, self._clock)
        if self._told is not None:
            self.triggers.on_outcome = self._told

    def tell_outcomes(self, to: Told) -> None:
        """Say who hears what became of a trigger, and why."""
        self._told = self.triggers.on_outcome = to

    # --- the worker's side ------------------------------------------------------------------

    def work(self) -> None:
        """Decide on each model version, and have triggered what is due."""
        now = self._clock()
        if self._next_s - _EVERY_S <= now < self._next_s:
            return
        self._next_s = now + _EVERY_S
        known: dict[tuple[str, str], Decision] = {}
        for watch in self._monitor.watches():
            decision = _guard.call("retraining", self._decide, watch, now)
            if decision is not None:
                known[watch.model, watch.version] = decision
        self._decisions = known
        self._resume(now)

    def _resume(self, now: float) -> None:
        """Look now and then for what an earlier process, or attempt, left undone."""
        if self._resume_s - _RESUME_EVERY_S <= now < self._resume_s or not self._kinds:
            return
        self._resume_s = now + _RESUME_EVERY_S
        if not self.options.dry_run:
            self.triggers.resume()

    @property
    def _kinds(self) -> tuple[str, ...]:
        options = self.options
        told = [names.TRIGGER_WEBHOOK] if options.webhook is not None else []
        return (*told, names.TRIGGER_COMMAND) if options.command else tuple(told)

    def _decide(self, watch: Watch, now: float) -> Decision:
        decision = decide(self._facts(watch, now), self.options)
        if decision.recommended:
            self._recommend(decision, watch, now)
        return decision

    def _facts(self, watch: Watch, now: float) -> Facts:
        key = (watch.model, watch.version)
        judged = self._verdicts.of(*key) if self._verdicts is not None else None
        return Facts(*key, watch.report, judged, self._age(watch, now))

    def _age(self, watch: Watch, now: float) -> float | None:
        model, version = self._default
        fits = model in (None, watch.model) and version in (None, watch.version)
        trained_at = self.options.trained_at_s if fits else None
        given = watch.reference is not None and watch.source == semconv.REFERENCE_GIVEN
        if trained_at is None and given and watch.reference is not None:
            trained_at = time_of(watch.reference.created_at)
        return None if trained_at is None else max(0.0, now - trained_at)

    def _recommend(self, decision: Decision, watch: Watch, now: float) -> None:
        key = (decision.model, decision.version)
        before = self._decisions.get(key)
        is_new = before is None or not before.recommended
        told_s = self._told_s.get(key)
        # Conditions that come and go with each window are told of once.
        if is_new and (told_s is None or abs(now - told_s) >= self.options.cooldown_s):
            self._told_s[key] = now
            _guard.call("retraining", self.on_recommended, decision)
        next_s = self.triggers.next_s.get(decision.model, 0.0)
        longest_s = max(ASKED_AGAIN_S, self.options.cooldown_s)  # unless the clock was put back
        if self._kinds and not now < next_s <= now + longest_s:
            self.triggers.next_s[decision.model] = now + ASKED_AGAIN_S
            self.triggers.ask(self._triggers_of(decision, watch, now))

    def _triggers_of(self, decision: Decision, watch: Watch, now: float) -> list[Trigger]:
        body = json.dumps(self._body(decision, watch, now), sort_keys=True, allow_nan=False)
        trigger_id = self._id(decision, watch, now)
        return [
            Trigger(trigger_id, kind, decision.model, decision.version, now, body)
            for kind in self._kinds
        ]

    def _id(self, decision: Decision, watch: Watch, now: float) -> str:
        """Return an id that replicas of a service have in common, most of the time."""
        turn = int(now // self.options.cooldown_s) if self.options.cooldown_s else int(now * 1e3)
        what = (self._service, decision.model, decision.version, watch.digest, turn)
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:_ID_DIGITS]

    def _body(self, decision: Decision, watch: Watch, now: float) -> dict[str, Any]:
        judged = self._verdicts.of(watch.model, watch.version) if self._verdicts else None
        return {
            "type": names.EVENT_RETRAINING_RECOMMENDED,
            "timestamp": datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="seconds"),
            "data": {
                "service": self._service,
                "model": decision.model,
                "version": decision.version,
                "age_s": decision.age_s,
                "reference": watch.digest,
                "rules": [rule for rule, holds in decision.rules.items() if holds],
                "reasons": list(decision.reasons),
                "conditions": [one.to_dict() for one in decision.conditions.values()],
                "drifted": list(watch.report.drifted) if watch.report is not None else [],
                "quality": judged.to_dict() if judged is not None else None,
            },
        }

    def clear(self) -> None:
        """Begin anew in a forked child."""
        self._decisions, self._told_s = {}, {}
        self._begin()

    def stop(self, timeout_s: float) -> None:
        """End what is being told, within a time."""
        self.triggers.stop(timeout_s)

    # --- what others read -------------------------------------------------------------------

    def decisions(self) -> list[Decision]:
        """Return the last decision on each model version."""
        return list(self._decisions.values())

    def of(self, model: str, version: str) -> Decision | None:
        """Return the last decision on a model version; None where there is none."""
        return self._decisions.get((model, version))

    def past(self) -> list[dict[str, Any]]:
        """Return what was triggered, the newest first."""
        return [one.to_dict() for one in self.history.list()]
