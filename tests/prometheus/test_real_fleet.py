"""Three replicas beside a real Prometheus: the rules pool them, and a restart raises no alarm."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from engines.stack import Stack
from grafana.generate.drift_rules import STATISTICS, Fleet
from otelml import semconv
from otelml.drift import compare
from otelml.reference import Reference, read_column
from tests.acceptance.conftest import free_ports
from tests.prometheus._fleet import Asked, Replica, decided, quick_rules, table, until

pytestmark = pytest.mark.stack

REPLICAS = 3
ROUNDS = 60
PAUSE_S = 0.1
# Series of a process that is gone are there for as long; five minutes by default.
LOOKBACK_S = 10
SHIFT = -1.5
# Their bins come from the first rows of each process, so that no other has them.
OWN = {semconv.FEATURE_MULTIVARIATE, semconv.FEATURE_CONFIDENCE}


@dataclass
class Seen:
    """What was sent up to some time, and what the rules said then.

    Args:
        sent: Rows of all processes, by column.
        live: Of those that had not ended.
        recorded: By window and what is recorded, then by feature.
        alerts: Name, state and feature of what was pending or firing until then.
    """

    sent: dict[str, list]
    live: dict[str, list]
    recorded: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    alerts: set[tuple[str, str, str]] = field(default_factory=set)


def together(replicas):
    """Rows of some replicas."""
    names = replicas[0].answered
    return {name: [row for one in replicas for row in one.answered[name]] for name in names}


def usable(columns):
    return {name: read_column(values).usable for name, values in columns.items()}


class Run:
    """The fleet, and what is sent to it."""

    def __init__(self, folder, stack, reference):
        self._folder, self._endpoint = folder, stack.url("collector")
        self._rng = np.random.default_rng(7)
        self._reference = reference
        self.asked = Asked(stack)
        self.gone: list[Replica] = []
        self.live: list[Replica] = []

    def start(self, count):
        """Start replicas, and go on sending to the others until the bins of the new are there."""
        known = self.asked.instances()
        new = [Replica(self._folder, self._endpoint) for _ in range(count)]
        others, self.live = self.live, [*self.live, *new]
        for one in new:
            one.wait()

        def there():
            self.send(1, others)
            return len(self.asked.instances() - known) == count

        until(there, "bins of the new replicas")

    def send(self, rounds, replicas, shift=0.0):
        for _ in range(rounds):
            for one in replicas:
                one.send(self._rng, shift)
            time.sleep(PAUSE_S)

    def kill_one(self):
        """End the first replica once all that it answered is counted, and not a moment later."""
        self._settle(together(self.live))
        gone = self.live.pop(0)
        gone.kill()
        self.gone.append(gone)

    def _settle(self, columns):
        expected = usable(columns)

        def whole():
            found = self.asked.by_feature(Fleet("total").rows)
            return {name: found.get(name) for name in expected} == expected

        until(whole, f"counts of {expected}")

    def look(self):
        """Wait until every row is counted and no row of who is gone; return what is recorded."""
        seen = Seen(together([*self.gone, *self.live]), together(self.live))
        self._settle(seen.live)

        def near():
            found = self.asked.by_feature(Fleet("1h").rows)
            return near_to(found, usable(seen.sent))

        until(near, "counts over an hour, within 1 %")
        time.sleep(2)  # rules are evaluated each second, those of one group in turn
        for window in ("total", "1h", "1d"):
            fleet = Fleet(window)
            names = {name: fleet.statistic(name) for name in STATISTICS} | {"rows": fleet.rows}
            seen.recorded[window] = {
                name: self.asked.by_feature(record) for name, record in names.items()
            }
        seen.alerts = self.asked.alerts()
        return seen

    def end(self):
        for one in self.live:
            one.kill()


def near_to(found, expected):
    return all(found.get(name) == pytest.approx(n, rel=0.01) for name, n in expected.items())


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """That of rows like those that are sent, and its file."""
    folder = tmp_path_factory.mktemp("fleet")
    rows = table(np.random.default_rng(1), 20_000)
    made = Reference.from_data(rows, categorical=["region"], predictions=decided(rows))
    made.save(folder / "reference.json")
    return made, folder


@pytest.fixture(scope="module")
def run(reference):
    """What was seen: before a restart, after it, and after a change."""
    made, folder = reference
    flags = {"prometheus": [f"--query.lookback-delta={LOOKBACK_S}s"]}
    ports = free_ports(37000)
    with Stack(folder / "stack", ports, engines=("collector", "prometheus"), flags=flags) as stack:
        quick_rules(stack)
        fleet = Run(folder, stack, made)
        try:
            fleet.start(REPLICAS)
            fleet.send(ROUNDS, fleet.live)
            seen = {"before": fleet.look()}
            fleet.kill_one()
            fleet.start(1)
            fleet.send(ROUNDS, fleet.live)
            seen["restarted"] = fleet.look()
            fleet.send(ROUNDS, fleet.live, SHIFT)
            seen["changed"] = fleet.look()
        finally:
            fleet.end()
    return seen


def pooled(reference, columns):
    """Statistics of all rows together by name, then by feature: those of plain functions."""
    features = {**reference.features, semconv.FEATURE_PREDICTION: reference.predictions}
    found = compare(replace(reference, features=features), columns).features
    return {
        name: {feature: one.statistics[name].value for feature, one in found.items()}
        for name in STATISTICS
    }


def own_left_out(found):
    return {name: value for name, value in found.items() if name not in OWN}


@pytest.mark.parametrize("phase", ["before", "restarted", "changed"])
@pytest.mark.parametrize("name", STATISTICS)
def test_since_the_start_it_is_the_pooled_statistic(run, reference, phase, name):
    """Of every process that has not ended."""
    seen = run[phase]
    recorded = own_left_out(seen.recorded["total"][name])
    assert recorded == pytest.approx(pooled(reference[0], seen.live)[name], abs=1e-6)


@pytest.mark.parametrize("window", ["1h", "1d"])
@pytest.mark.parametrize("phase", ["before", "restarted", "changed"])
@pytest.mark.parametrize("name", STATISTICS)
def test_over_a_window_it_is_so_within_a_hundredth(run, reference, phase, name, window):
    """Of every process, of those that have ended too."""
    seen = run[phase]
    recorded = own_left_out(seen.recorded[window][name])
    # increase() weighs replicas by factors of its own, which near no drift is most of a statistic:
    # chi-squared is 9 by chance alone.
    least = 0.5 if name == "chi_squared" else 2e-4
    expected = pooled(reference[0], seen.sent)[name]
    assert recorded == pytest.approx(expected, rel=0.01, abs=least)


def test_a_restart_raises_no_alarm(run):
    """None is pending or firing, though the new process has bins of its own by then."""
    seen = run["restarted"]
    assert seen.alerts == set()
    for window in ("total", "1h", "1d"):
        recorded = seen.recorded[window]["psi"]
        assert recorded.keys() >= OWN
        assert max(recorded.values()) < 0.1


def test_a_change_raises_each_alarm(run):
    """So the silence before means something; columns that did not change have none."""
    alerts = run["changed"].alerts
    assert alerts >= {
        ("DriftDetected", "firing", ""),
        ("CriticalFeatureDrifted", "firing", "income"),
        ("PredictionRateChanged", "firing", semconv.FEATURE_PREDICTION),
        ("FleetDrift", "pending", "income"),
        ("FleetDrift", "pending", semconv.FEATURE_PREDICTION),
    }
    changed = {"", "income", semconv.FEATURE_PREDICTION, *OWN}
    assert {feature for _, _, feature in alerts} <= changed
