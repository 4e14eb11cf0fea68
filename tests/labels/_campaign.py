"""Labels as they come in life: half of them again, some conflicting, some forged."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass

from otelml._prediction.tokens import Token
from otelml.labels import LabelStore
from tests._ids import SECRET, id_of

WAIT_S = 90.0
POSITIVE = "yes"
_START_S = int(time.time()) - 5 * 86_400


def token_of(number: int, predicted: str = "yes", secret: str = SECRET) -> str:
    token = Token(number + 1, 7, _START_S * 1000 + number, 0, 0.9, "loan", "1", "", predicted)
    return id_of(token, secret)


def name_of(number: int) -> str:
    return f"{number + 1:032x}{7:016x}.0"


@dataclass
class Campaign:
    """Labels in the order in which they come, and what is to become of them.

    Args:
        predicted: What was predicted, by number.
        items: Number, id, label and time (seconds) of each label.
    """

    predicted: list[str]
    items: list[tuple[int, str, str, float]]

    @classmethod
    def of(cls, count: int, seed: int = 3) -> Campaign:
        """Return ``count`` labels: half duplicated, 1 % conflicting, 1 % forged."""
        draw = random.Random(seed)
        conflicts = forged = count // 100
        again = count // 2
        first = count - again - conflicts - forged
        predicted = [draw.choice(("yes", "no")) for _ in range(first)]
        truth = [one if draw.random() < 0.8 else draw.choice(("yes", "no")) for one in predicted]
        plan = [(number, truth[number], False) for number in range(first)]
        for number in range(again):
            plan.insert(draw.randrange(number % first + 1, len(plan) + 1), (number % first, truth[number % first], False))  # fmt: skip
        for number in draw.sample(range(first), conflicts):
            plan.append((number, "no" if truth[number] == "yes" else "yes", False))
        for number in range(forged):
            plan.insert(draw.randrange(len(plan)), (first + number, "yes", True))
        items = [
            (
                number,
                token_of(number, "yes", "another") if bad else token_of(number, predicted[number]),
                actual,
                _START_S + 86_400 + place,
            )
            for place, (number, actual, bad) in enumerate(plan)
        ]
        return cls(predicted, items)

    def expected(self) -> tuple[Counter[str], dict[int, str]]:
        """Return how many of each kind there are, and the label that stands of each prediction."""
        kinds: Counter[str] = Counter()
        standing: dict[int, str] = {}
        for number, _, actual, _ in self.items:
            if number >= len(self.predicted):
                kinds["refused"] += 1
                continue
            before = standing.get(number)
            kinds["accepted" if before is None else "duplicate" if before == actual else "conflict"] += 1  # fmt: skip
            standing[number] = actual
        return kinds, standing

    def quality(self) -> dict[str, float]:
        """Return what scikit-learn says of all labels together."""
        from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

        _, standing = self.expected()
        actual = [standing[number] for number in range(len(self.predicted))]
        return {
            "accuracy": accuracy_score(actual, self.predicted),
            "precision": precision_score(actual, self.predicted, pos_label=POSITIVE),
            "recall": recall_score(actual, self.predicted, pos_label=POSITIVE),
            "f1": f1_score(actual, self.predicted, pos_label=POSITIVE),
        }

    def check_store(self, url: str, source: str) -> None:
        """Check that the store has each label that stands, and no other."""
        _, standing = self.expected()
        store = LabelStore(url)
        found = store.recent(len(self.items))
        assert {label.prediction: label.actual for label in found} == {
            name_of(number): actual for number, actual in standing.items()
        }
        assert {label.source for label in found} == {source}
        store.close()


class Service:
    """A service in a process of its own, which can be killed.

    Args:
        kind: What it does: see ``_service.py``.
        options: Of ``FeedbackOptions``, as JSON has them, and what the kind needs.
    """

    def __init__(self, kind: str, **options) -> None:
        environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.labels._service", kind, json.dumps(options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ,
        )  # fmt: skip
        self.ready = self.read()

    def read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def ask(self, **what):
        """Return the answer to a question; None where the process has ended."""
        with contextlib.suppress(BrokenPipeError, ValueError):
            self.process.stdin.write(json.dumps(what) + "\n")
            self.process.stdin.flush()
            return self.read()
        return None

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)
        self._close()

    def stop(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=30)
        self._close()

    def _close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def done_of(url: str, source: str) -> int:
    """Return how many rows of a source are worked off, partitions together."""
    store = LabelStore(url)
    try:
        parts = store.positions.summaries()
        return sum(one.done for name, one in parts.items() if name.partition(":")[0] == source)
    finally:
        store.close()


def wait_for(question, timeout_s: float = WAIT_S):
    """Ask until the answer is true.

    Raises:
        AssertionError: It never was.
    """
    deadline = time.monotonic() + timeout_s
    while not (answer := question()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
    return answer


def follow_and_kill(campaign: Campaign, url: str, source: str, options: dict) -> dict:
    """Let a service follow a source, kill it twice on the way; return the last one's report."""
    LabelStore(url).close()
    total = len(campaign.items)
    for least in (total // 8, total // 2):
        service = Service("follow", store=url, **options)
        wait_for(lambda least=least: done_of(url, source) >= least)
        service.kill()
    with Service("follow", store=url, **options) as service:
        wait_for(lambda: done_of(url, source) >= total)
        return wait_for(lambda: _settled(service, len(campaign.predicted)))


def _settled(service: Service, labelled: int):
    report = service.ask(report=True)
    assert report is not None
    return report if report["labelled"] >= labelled else None


def check_followed(campaign: Campaign, url: str, source: str, report: dict) -> None:
    """Check quality, the store, and that each row is counted as what it was."""
    kinds, _ = campaign.expected()
    for metric, value in campaign.quality().items():
        assert abs(report["quality"][metric] - value) <= 1e-12, metric
    campaign.check_store(url, source)
    store = LabelStore(url)
    parts = [one for name, one in store.positions.summaries().items() if name.partition(":")[0] == source]  # fmt: skip
    counted = Counter()
    refused = Counter()
    for one in parts:
        counted.update(accepted=one.accepted, duplicate=one.duplicates, conflict=one.conflicts)
        refused.update(one.refused)
    assert counted + Counter(refused=refused.total() if hasattr(refused, "total") else sum(refused.values())) == kinds  # fmt: skip
    assert refused == {"signature": kinds["refused"]}
    store.close()
