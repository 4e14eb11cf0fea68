"""Triggers without a service around them."""

from __future__ import annotations

import json
import time

from otelml._retraining.history import History, Trigger
from otelml._retraining.triggers import Triggers
from otelml.config import RetrainingOptions

SECRET = "a key of the test"
BODY = json.dumps({"type": "ml.retraining.recommended", "data": {"reasons": ["it is old"]}})


def options(**more):
    """Return options with a key."""
    return RetrainingOptions(webhook_secret=SECRET, **more)


def trigger(number=1, kind="webhook", model="loan", at_s=None):
    """Return a trigger."""
    return Trigger(f"id-{number}", kind, model, "3", at_s or time.time(), BODY)


class Telling:
    """The thread that tells, and what came of it."""

    def __init__(self, chosen):
        self.history = History(chosen.state, chosen.history)
        self.triggers = Triggers(chosen, self.history, time.time)
        self.told = []
        self.triggers.on_outcome = lambda *told: self.told.append(told)

    def tell(self, *asked):
        """Tell, and wait for the end."""
        self.triggers.ask(list(asked))
        assert self.triggers.wait(20)

    @property
    def outcomes(self):
        """What the history says: outcome and attempts, the newest first."""
        return [(one.outcome, one.attempts) for one in self.history.list()]
