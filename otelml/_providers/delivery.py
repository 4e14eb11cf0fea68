"""Delivering one payload: attempts, backoff, a circuit for endpoints that are away, counts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from otelml import _guard
from otelml._providers.stats import EXPORT_FAILED, REJECTED, SHUTDOWN, Stats

if TYPE_CHECKING:
    from otelml._providers.pump import Pump

_FIRST_BACKOFF_S = 1.0
_LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True)
class Outcome:
    """What one attempt came to.

    Args:
        ok: The endpoint took the payload.
        error: Why it did not.
        retry: Another attempt may succeed.
        away: Nothing answers, or nothing that takes telemetry: the next payload would fail too.
        wait_s: Seconds after which the endpoint wants the next attempt.
        rejected: Items that it took out of the payload for good.
    """

    ok: bool
    error: str = ""
    retry: bool = False
    away: bool = False
    wait_s: float | None = None
    rejected: int = 0


class Target(Protocol):
    """Where payloads go."""

    endpoint: str
    protocol: str
    timeout_s: float

    def encode(self, items: Any) -> Any:
        """Turn items into a payload, once for all attempts."""
        ...

    def send(self, payload: Any, timeout_s: float) -> Outcome:
        """Make one attempt; never raise."""
        ...

    def renew(self) -> None:
        """Drop connections that belong to the parent of a forked process."""
        ...

    def close(self) -> None:
        """End what is under way."""
        ...


class Delivery:
    """Delivers to one target on the thread of one pump.

    Args:
        target: Where to.
        stats: Where results are counted.
    """

    def __init__(self, target: Target, stats: Stats) -> None:
        self.target = target
        self.stats = stats
        self.reset()

    def reset(self) -> None:
        """Forget past failures."""
        self._failures_in_a_row = 0
        self.open_until = 0.0
        self._abandoned = False

    def abandon(self, count: int) -> None:
        """Count what is under way as dropped; nobody waits for it any more."""
        self._abandoned = True
        self.stats.drop(SHUTDOWN, count)
        self.stats.note(f"no answer from {self.target.endpoint} before shutdown")

    def pause_s(self) -> float:
        """Seconds for which the endpoint is left alone; 0 while it works."""
        return max(self.open_until - monotonic(), 0.0)

    def deliver(self, items: Any, count: int, pump: Pump) -> bool:
        """Deliver ``count`` items, or count them as dropped."""
        payload = _guard.call(f"encoding {self.stats.signal}", self.target.encode, items)
        if payload is None:
            outcome = Outcome(ok=False, error="the items cannot be encoded")
        else:
            outcome = self._attempts(payload, pump)
        if self._abandoned:
            return False
        if outcome.ok:
            self._failures_in_a_row = 0
            self.open_until = 0.0
            self.stats.drop(REJECTED, outcome.rejected)
            if outcome.rejected:
                self.stats.note(outcome.error)
            self.stats.succeed(count - outcome.rejected, self.target.endpoint)
            return True
        self.stats.drop(EXPORT_FAILED if pump.closing is None else SHUTDOWN, count)
        self.stats.fail(self.target.endpoint, outcome.error)
        if outcome.away or outcome.retry:
            self._open(outcome.wait_s)
        return False

    def _attempts(self, payload: Any, pump: Pump) -> Outcome:
        limit = monotonic() + self.target.timeout_s
        attempt = 0
        outcome = Outcome(ok=False, error="no time was left to send")
        while True:
            end = limit if pump.closing is None else min(limit, pump.closing)
            left = end - monotonic()
            if left <= 0:
                return outcome
            outcome = self.target.send(payload, left)
            if outcome.ok or not outcome.retry:
                return outcome
            if pump.asked and outcome.away:
                # Whoever waits at exit gains nothing from waiting for an endpoint that is away.
                if pump.closing is not None:
                    return outcome
                pump.give_up()
            delay = outcome.wait_s if outcome.wait_s is not None else _backoff_s(attempt)
            attempt += 1
            if not self._rest(delay, limit, pump, away=outcome.away):
                return outcome

    def _rest(self, delay: float, limit: float, pump: Pump, *, away: bool) -> bool:
        """Wait before the next attempt; return whether there is time for one."""
        due = monotonic() + delay
        while True:
            end = limit if pump.closing is None else min(limit, pump.closing)
            if due >= end:
                return False
            left = due - monotonic()
            if left <= 0:
                return True
            pump.rest(left)
            if away and pump.asked:
                return True

    def _open(self, wait_s: float | None) -> None:
        """Leave the endpoint alone for longer and longer."""
        self._failures_in_a_row += 1
        pause = min(_backoff_s(self._failures_in_a_row - 1), _LONGEST_PAUSE_S)
        self.open_until = monotonic() + min(max(pause, wait_s or 0.0), _LONGEST_PAUSE_S)


def _backoff_s(attempt: int) -> float:
    return float(_FIRST_BACKOFF_S * 2 ** min(attempt, 10) * random.uniform(0.8, 1.2))
