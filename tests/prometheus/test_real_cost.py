"""What two processes of a service cost, through the real Collector into the real rules."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections import Counter

import pytest

from engines.stack import Stack
from otelml import semconv
from tests._processes import start
from tests.acceptance.conftest import free_ports

pytestmark = pytest.mark.stack

RATE = 1800.0  # an hour: half a dollar a second
PROCESSES = 2
WAIT_S = 120.0
# Several times an export, so that what is lost at both ends of a window weighs little.
ENOUGH_S = 12.0
SERVICE = """
import sys, time
import otelml

otelml.init("priced", instrument="none", system=False, logs=False, traces=False)
while True:
    for model, seconds in (("light", 0.01), ("heavy", 0.05)):
        with otelml.prediction(model, version="1", features={"a": 1.0}):
            time.sleep(seconds)
"""


class Prometheus:
    """Questions to it."""

    def __init__(self, base):
        self._base = base

    def ask(self, query, **when):
        parameters = urllib.parse.urlencode({"query": query, **when})
        with urllib.request.urlopen(f"{self._base}/api/v1/query?{parameters}", timeout=10) as got:
            return json.load(got)["data"]["result"]

    def by_model(self, query, **when):
        return {
            each["metric"]["ml_model_name"]: float(each["value"][1])
            for each in self.ask(query, **when)
        }

    def grown(self, series, at):
        """By how much a counter grew up to then, by model, and over how many seconds at least."""
        growth, spans = Counter(), []
        for each in self.ask(f"{series}[10m]", time=at):
            (first_s, first), *_, (last_s, last) = each["values"]
            growth[each["metric"].get("ml_model_name", "")] += float(last) - float(first)
            spans.append(last_s - first_s)
        return growth, min(spans, default=0.0)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """A Prometheus that two processes at that rate report to."""
    folder = tmp_path_factory.mktemp("cost")
    with Stack(folder, free_ports(33000), engines=("collector", "prometheus")) as stack:
        processes = [
            start(
                SERVICE,
                OTEL_EXPORTER_OTLP_ENDPOINT=stack.url("collector"),
                OTEL_METRIC_EXPORT_INTERVAL="1000",
                OTELML_COST_HOURLY_RATE=str(RATE),
            )
            for _ in range(PROCESSES)
        ]
        try:
            yield Prometheus(stack.url("prometheus"))
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.communicate(timeout=30)


def wait_for(question):
    deadline = time.monotonic() + WAIT_S
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert answer
    return answer


def test_processes_add_up(prometheus):
    """Each process spends its rate, from the first sample on."""
    series = f'ml_cost_total{{ml_cost_source="{semconv.COST_HOURLY_RATE}"}}[10m]'

    def spent():
        """The samples of each process, once there are enough."""
        found = [each["values"] for each in prometheus.ask(series)]
        enough = [each for each in found if each[-1][0] - each[0][0] > ENOUGH_S]
        return enough if len(enough) == PROCESSES else None

    for (first_s, first), *_, (last_s, last) in wait_for(spent):
        hours = (last_s - first_s) / 3600
        assert (float(last) - float(first)) / hours == pytest.approx(RATE, rel=0.05)


def test_price_of_a_thousand(prometheus):
    """The recorded price is what the time of a model cost, for each of its predictions."""

    def recorded():
        """When the prices were recorded from enough samples, else 0."""
        seen = prometheus.ask("timestamp(model:ml_cost_per_1000_predictions:ratio_rate1h)")
        at = min((float(each["value"][1]) for each in seen), default=0.0)
        rows, span_s = prometheus.grown("ml_predictions_total", at) if at else ({}, 0.0)
        return at if set(rows) == {"light", "heavy"} and span_s > ENOUGH_S else 0.0

    at = wait_for(recorded)
    prices = prometheus.by_model("model:ml_cost_per_1000_predictions:ratio_rate1h", time=at)
    single = prometheus.by_model("model:ml_cost_per_prediction:ratio_rate1h", time=at)
    rows, _ = prometheus.grown("ml_predictions_total", at)
    took, _ = prometheus.grown("ml_prediction_duration_seconds_sum", at)
    cost, _ = prometheus.grown("ml_cost_total", at)
    assert prices == pytest.approx(
        {
            model: 1000 * cost[""] * took[model] / took.total() / rows[model]
            for model in ("light", "heavy")
        },
        rel=0.15,
    )
    assert prices == pytest.approx({model: 1000 * price for model, price in single.items()})
    assert prices["heavy"] > 2 * prices["light"]


def test_the_budget_is_watched(prometheus):
    """Such prices are above the budget, which an alert is about to say of both models."""
    alert = 'ALERTS{alertname="PredictionCostHigh", alertstate="pending"}'
    wait_for(lambda: set(prometheus.by_model(alert)) == {"light", "heavy"})
