"""What the simulated traffic sends: each scenario is a function from an index to a request.

Everything follows from the seed, so a run can be repeated: request ``i`` of a scenario is the same
in every run, whichever worker sends it.

* ``normal``: applicants as in training; true labels come back for some of them.
* ``slow``: three in five requests ask the service to be slow in its feature extraction.
* ``drift``: four in five applicants ask for 60,000 to 900,000.
  Payloads of your own are shifted, see ``_shift.py``.
* ``wrong-labels``: nearly every prediction gets a label, and it is the wrong one.
* ``errors``: not JSON, missing fields, wrong types, a failing model, a forged prediction id; every
  third request is good.
* ``all``: normal, slow, drift, wrong-labels, errors, normal, in turn.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from otelml import semconv
from otelml.cli._shift import Shift
from otelml.samples import APPROVED, REJECTED, generate

SCENARIOS: Final = ("normal", "slow", "drift", "wrong-labels", "errors", "all")
CYCLE: Final = ("normal", "slow", "drift", "wrong-labels", "errors", "normal")
PHASE_S: Final = 20.0
_BLOCK: Final = 256
_FEEDBACK_SHARE: Final = {
    "normal": 0.4,
    "slow": 0.4,
    "drift": 0.6,
    "wrong-labels": 0.9,
    "errors": 0.2,
}
_BATCH_ROWS: Final = 8
_OTHER_PEOPLE: Final = 1_000_000  # nobody applies twice: copies would look like a change
_SLOW_SHARE: Final = 0.6
_SLOW: Final = {"X-Demo-Slow": semconv.STAGE_FEATURE_EXTRACTION}
_FAIL: Final = {"X-Demo-Fail": semconv.STAGE_INFERENCE}


@dataclass(frozen=True)
class Request:
    """One request to send.

    Args:
        phase: Scenario that it belongs to.
        path: Path on the service.
        body: What to post.
        headers: Beside the content type.
        label: To give as feedback once the prediction is there; None sends none.
    """

    phase: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    label: str | None = None


@dataclass(frozen=True)
class Plan:
    """Which requests a run sends.

    Args:
        scenario: One of ``SCENARIOS``.
        seed: Of the applicants and of every choice.
        path: Where predictions are asked for.
        feedback_path: Where labels go.
        batch_share: Share of requests that send a list of applications to ``path`` + ``/batch``.
        bodies: Payloads to send, in turn, instead of loan applications; they get no feedback.
        phase_requests: Requests in each phase of the scenario ``all``.
        shift: How ``bodies`` look under drift.
    """

    scenario: str
    seed: int = 0
    path: str = "/predict"
    feedback_path: str = "/feedback"
    batch_share: float = 0.1
    bodies: tuple[bytes, ...] = ()
    phase_requests: int = 200
    shift: Shift | None = None

    def phase(self, index: int) -> str:
        """Return the scenario that request ``index``, from 0, belongs to."""
        if self.scenario != "all":
            return self.scenario
        return CYCLE[index // max(1, self.phase_requests) % len(CYCLE)]

    def request(self, index: int) -> Request:
        """Return request ``index``, from 0."""
        phase = self.phase(index)
        rng = random.Random(f"{self.seed}/{index}")
        if phase == "errors" and index % 3:
            return self._bad(index, rng)
        headers = _SLOW if phase == "slow" and rng.random() < _SLOW_SHARE else {}
        if self.bodies:
            body = self.bodies[index % len(self.bodies)]
            if phase == "drift" and self.shift is not None:
                body = self.shift.body(body, rng)
            return Request(phase, self.path, body, headers)
        drifted = phase == "drift"
        if rng.random() < self.batch_share:
            first, others = index * _BATCH_ROWS, self.seed + _OTHER_PEOPLE
            rows = [_applicant(others, first + i, drifted)[0] for i in range(_BATCH_ROWS)]
            return Request(phase, f"{self.path}/batch", _encode(rows), headers)
        application, label = _applicant(self.seed, index, drifted)
        if phase == "wrong-labels":
            label = REJECTED if label == APPROVED else APPROVED
        wanted = rng.random() < _FEEDBACK_SHARE[phase]
        return Request(phase, self.path, _encode(application), headers, label if wanted else None)

    def _bad(self, index: int, rng: random.Random) -> Request:
        good = self._example(index)
        name = rng.choice(sorted(good)) if good else ""
        kind = rng.choice(("not json", "missing", "type", "fail", "fail", "feedback"))
        if kind == "feedback" and not self.bodies:
            forged = {"prediction_id": "forged", "actual": APPROVED}
            return Request("errors", self.feedback_path, _encode(forged))
        if kind == "missing" and name:
            # The fields that a person can leave out are not known of other services.
            name = name if self.bodies else "loan_amount"
            body = {key: value for key, value in good.items() if key != name}
            return Request("errors", self.path, _encode(body))
        if kind == "type" and name:
            return Request("errors", self.path, _encode({**good, name: ["not", "a", "value"]}))
        if kind == "fail":
            return Request("errors", self.path, self._good_body(index), _FAIL)
        return Request("errors", self.path, b'{"loan_amount": 12')

    def _good_body(self, index: int) -> bytes:
        if self.bodies:
            return self.bodies[index % len(self.bodies)]
        return _encode(_applicant(self.seed, index, drifted=False)[0])

    def _example(self, index: int) -> dict[str, Any]:
        """Return a good body as a mapping; empty where the user's own is none."""
        body = json.loads(self._good_body(index))
        return body if isinstance(body, dict) else {}


def _applicant(seed: int, index: int, drifted: bool) -> tuple[dict[str, Any], str]:
    block, row = divmod(index, _BLOCK)
    applications, labels = _block(seed, block, drifted)
    return applications[row], labels[row]


@functools.lru_cache(maxsize=8)
def _block(seed: int, block: int, drifted: bool) -> tuple[list[dict[str, Any]], list[str]]:
    data = generate(_BLOCK, seed + block, drifted=drifted)
    return data.applications, data.labels


def _encode(value: object) -> bytes:
    return json.dumps(value).encode()
