"""Measurements that wait for the end of a run of predictions give what each by itself gives."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.trace import TracerProvider

from otelml import semconv
from otelml._metrics import Instruments, create_meter
from otelml.config import MetricOptions

KEYS = [(("ml.model.name", "loan"),), (("ml.model.name", "churn"),)]
SECOND_NS = 1_000_000_000
amounts = st.floats(0, 20) | st.sampled_from([0.0005, 0.001, 10.0, math.nan, math.inf])
runs = st.lists(st.lists(st.tuples(amounts, st.integers(0, 1), st.booleans())), max_size=4)


class Service:
    """Instruments of a meter provider of their own."""

    def __init__(self, *views):
        self.reader = InMemoryMetricReader()
        provider = MeterProvider([self.reader], views=views, shutdown_on_exit=False)
        self.instruments = Instruments(create_meter(provider), MetricOptions())

    def points(self):
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
        found = {}
        for metric in metrics:
            for point in metric.data.data_points:
                name = metric.name, tuple(point.attributes.items())
                found[name] = point
        return found


def spans():
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    while True:
        yield tracer.start_span("predict")


def feed(one, other, given_runs):
    """Record runs at once in one service, and one by one in the other; the same spans."""
    ids, now = spans(), 5 * SECOND_NS
    for run in given_runs:
        for amount, model, traced in run:
            span = next(ids) if traced else None
            now += 30_000_000
            one.instruments.duration.gather(amount, KEYS[model], now, span)
            other.instruments.duration.write(amount, KEYS[model], now, span)
        one.instruments.write_gathered()


def told(point):
    exemplars = sorted((e.value, e.span_id) for e in point.exemplars)
    return point.count, list(point.bucket_counts), point.min, point.max, repr(exemplars)


@settings(max_examples=50)
@given(runs)
def test_runs_give_what_each_measurement_gives(given_runs):
    """Counts, bounds, sums and exemplars are the same, NaN and infinities too."""
    one, other = Service(), Service()
    feed(one, other, given_runs)
    if not any(given_runs):
        return
    ours, theirs = one.points(), other.points()
    assert {k: told(p) for k, p in ours.items()} == {k: told(p) for k, p in theirs.items()}
    for name, point in ours.items():
        assert point.sum == pytest.approx(theirs[name].sum, rel=1e-12, nan_ok=True)


def test_other_aggregations_have_each_measurement():
    """An exponential histogram, whose parts are not ours to add to, has all of them."""
    view = View(
        instrument_name=semconv.ML_PREDICTION_DURATION.name,
        aggregation=ExponentialBucketHistogramAggregation(),
    )
    one = Service(view)
    feed(one, Service(), [[(0.1 * n, 0, True) for n in range(1, 40)]])
    (point,) = one.points().values()
    assert (point.count, point.min) == (39, 0.1)
    assert point.sum == pytest.approx(sum(0.1 * n for n in range(1, 40)))


def test_what_a_child_forgets_is_not_recorded():
    """After a fork the parent records what was gathered before."""
    service = Service()
    service.instruments.rows.gather(1, KEYS[0], SECOND_NS, None)
    service.instruments.forget_gathered()
    service.instruments.rows.gather(2, KEYS[0], SECOND_NS, None)
    service.instruments.write_gathered()
    (point,) = service.points().values()
    assert (point.count, point.sum) == (1, 2)
