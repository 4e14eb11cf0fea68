"""Drift of a fleet: what the rules record is what the plain functions say of all rows together."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request

import numpy as np
import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from scipy.stats import chi2

from engines.stack import Stack
from grafana.generate.drift_rules import STATISTICS, Fleet
from otelml import semconv
from otelml.drift.chi_squared import chi_squared_of
from otelml.drift.js import js_of
from otelml.drift.kl import kl_of
from otelml.drift.pairs import Histograms
from otelml.drift.psi import psi_of
from tests.acceptance.conftest import free_ports

pytestmark = pytest.mark.stack

REPLICAS = 3
WAIT_S = 90.0
PLAIN = {"psi": psi_of, "kl": kl_of, "js": js_of, "chi_squared": chi_squared_of}
RNG = np.random.default_rng(0)
# By feature: rows of the reference by bin, and rows of each replica by bin.
REFERENCES = {
    "same": [1000.0] * 10,
    "moved": [1000.0] * 10,
    "empty now": [600.0, 300.0, 100.0, 0.0],
    "never seen": [5000.0, 5000.0, 0.0],
    "one bin": [2000.0],
    "too few": [500.0, 500.0],
}
COUNTS = {
    "same": RNG.multinomial(4000, [0.1] * 10, size=REPLICAS),
    "moved": RNG.multinomial(700, np.linspace(0.05, 0.15, 10) / 1.0, size=REPLICAS),
    "empty now": RNG.multinomial(400, [0.7, 0.3, 0.0, 0.0], size=REPLICAS),
    "never seen": RNG.multinomial(300, [0.4, 0.4, 0.2], size=REPLICAS),
    "one bin": np.array([[100], [200], [300]]),
    "too few": np.array([[5, 5], [6, 4], [7, 3]]),
}
MISSING = 5_000


def pooled(name):
    """All rows together, as an array of one feature."""
    now = COUNTS[name].sum(axis=0).astype(float)
    return Histograms(np.array([REFERENCES[name]]), now[None, :])


def observed(replica, of):
    """The observations of a replica: ``of`` gives the bins of a feature."""

    def callback(_options):
        for feature in REFERENCES:
            for place, value in of(replica, feature).items():
                labels = {semconv.ML_FEATURE_NAME: feature, **MODEL}
                if place is not None:
                    labels[semconv.ML_FEATURE_BIN] = place
                yield Observation(value, labels)

    return callback


MODEL = {semconv.ML_MODEL_NAME: "loan", semconv.ML_MODEL_VERSION: "1"}


def values(replica, feature):
    bins = {f"bin {i}": int(n) for i, n in enumerate(COUNTS[feature][replica])}
    return bins | {semconv.BIN_MISSING: MISSING}


def shares(_replica, feature):
    rows = REFERENCES[feature]
    return {f"bin {i}": n / sum(rows) for i, n in enumerate(rows)}


def rows(_replica, feature):
    return {None: sum(REFERENCES[feature])}


def replica(number, endpoint):
    """A process that has counted its rows."""
    exporter = OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics")
    provider = MeterProvider(
        [PeriodicExportingMetricReader(exporter, export_interval_millis=1000)],
        Resource({"service.name": "loan-api", "service.instance.id": str(number)}),
    )
    meter = provider.get_meter("test")
    for metric, of in (
        (semconv.ML_FEATURE_VALUES, values),
        (semconv.ML_FEATURE_REFERENCE_RATIO, shares),
        (semconv.ML_FEATURE_REFERENCE_VALUES, rows),
    ):
        counter = metric.kind is semconv.Kind.OBSERVABLE_COUNTER
        create = meter.create_observable_counter if counter else meter.create_observable_gauge
        create(metric.name, [observed(number, of)], metric.unit)
    return provider


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Asks a Prometheus that three replicas report to; each feature's value, or None."""
    folder = tmp_path_factory.mktemp("drift")
    with Stack(folder, free_ports(35000), engines=("collector", "prometheus")) as stack:
        providers = [replica(number, stack.url("collector")) for number in range(REPLICAS)]

        def question(query):
            parameters = urllib.parse.urlencode({"query": query})
            url = f"{stack.url('prometheus')}/api/v1/query?{parameters}"
            with urllib.request.urlopen(url, timeout=10) as got:
                result = json.load(got)["data"]["result"]
            return {each["metric"]["ml_feature_name"]: float(each["value"][1]) for each in result}

        deadline = time.monotonic() + WAIT_S
        whole = {name: float(COUNTS[name].sum()) for name in COUNTS}
        last = Fleet("total").p_value
        while time.monotonic() < deadline and (
            question(Fleet("total").rows) != whole or len(question(last)) < len(COUNTS) - 2
        ):
            time.sleep(0.5)
        yield question
        for provider in providers:
            provider.shutdown()


CHECKED = [name for name in REFERENCES if name != "too few"]


def test_missing_values_are_no_rows(ask):
    assert ask(Fleet("total").rows) == {name: float(COUNTS[name].sum()) for name in COUNTS}


@pytest.mark.parametrize("name", STATISTICS)
def test_recorded_is_pooled(ask, name):
    """Since the counters' start nothing is extrapolated, so the rule is exact."""
    recorded = ask(Fleet("total").statistic(name))
    expected = {feature: PLAIN[name](pooled(feature)).values[0] for feature in CHECKED}
    assert recorded == pytest.approx(expected, abs=1e-6)
    assert recorded["moved"] > recorded["same"]


def test_the_p_value_is_never_too_small(ask):
    """It bounds the exact tail from above, and not by much where it matters."""
    bounds = ask(Fleet("total").p_value)
    assert bounds.pop("one bin") == 1
    assert set(bounds) == set(CHECKED) - {"one bin"}
    for feature in bounds:
        pair = pooled(feature)
        exact = chi2.sf(chi_squared_of(pair).values[0], pair.dof[0])
        assert bounds[feature] >= exact
        if exact > 1e-30:
            assert bounds[feature] <= max(1.0, exact**0.9 * 10)
    assert bounds["same"] > 1e-3
    assert bounds["moved"] < 1e-12


def test_too_few_rows_have_no_verdict(ask):
    assert "too few" not in ask(Fleet("total").statistic("psi"))
    assert set(ask(f"count by (ml_feature_name) ({Fleet('total').reference})")) == set(REFERENCES)
