"""Deltas, where the SDK makes the state of a stream anew with each collection (from 1.45.2 on).

With an older SDK the same is done to it here.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics._internal import _view_instrument_match
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader

from otelml import _fast_paths
from otelml._metrics import BoundStream

DELTA = AggregationTemporality.DELTA
ATTRIBUTES = {"a": "one"}
Match = _view_instrument_match._ViewInstrumentMatch


@pytest.fixture(autouse=True)
def renewing(monkeypatch):
    """An SDK whose collections leave nothing behind."""
    before, consumes = Match.__init__, Match.consume_measurement

    def init(self, *args, **kwargs):
        before(self, *args, **kwargs)
        if not hasattr(self, "_reset_on_collect"):
            self._lock = threading.RLock()

    def collect(self, temporality, start_ns):
        with self._lock:
            own, self._attributes_aggregation = self._attributes_aggregation, {}
            points = [aggregation.collect(temporality, start_ns) for aggregation in own.values()]
        return [point for point in points if point is not None] or None

    def consume(self, *args, **kwargs):
        with self._lock:
            consumes(self, *args, **kwargs)

    _fast_paths.reset()
    if "reset_on_collect" not in Match.__init__.__code__.co_varnames:
        monkeypatch.setattr(Match, "__init__", init)
        monkeypatch.setattr(Match, "collect", collect)
        monkeypatch.setattr(Match, "consume_measurement", consume)
        monkeypatch.setattr("otelml._metrics.bound.is_renewed", lambda _: True)
    yield
    assert not _fast_paths.all_off()


class Service:
    """A counter and a histogram, each bound, and what was collected of them."""

    def __init__(self):
        self.readers = [
            InMemoryMetricReader({Counter: DELTA, Histogram: DELTA}),
            InMemoryMetricReader({Counter: DELTA, Histogram: DELTA}),
        ]
        meter = MeterProvider(self.readers, shutdown_on_exit=False).get_meter("t")
        counter, histogram = meter.create_counter("c"), meter.create_histogram("h")
        self.counter = BoundStream(counter, counter.add, ATTRIBUTES)
        self.histogram = BoundStream(histogram, histogram.record, ATTRIBUTES)
        self.counted, self.rows, self.total = [0.0, 0.0], [0, 0], [0.0, 0.0]

    def collect(self, place):
        data = self.readers[place].get_metrics_data()
        if data is None:
            return
        for metric in data.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.data.data_points:
                if metric.name == "c":
                    self.counted[place] += point.value
                else:
                    self.rows[place] += point.count
                    self.total[place] += point.sum
                    assert sum(point.bucket_counts) == point.count


def test_nothing_is_lost_between_collections():
    """One reader is asked more often than the other."""
    service = Service()
    for number in range(1, 31):
        service.counter.write(1.0, number, None)
        service.histogram.write(2.0, number, None)
        service.histogram.write_all(np.full(500, 3.0), number, None)
        service.histogram.gathered = [(1.0, number, None)] * 40
        service.histogram.write_gathered()
        service.collect(0)
        if number % 7 == 0:
            service.collect(1)
    service.collect(1)
    assert service.counter.is_bound
    assert service.histogram.is_bound
    assert service.counted == [30, 30]
    assert service.rows == [30 * 541] * 2
    assert service.total == [30 * 1542.0] * 2


def test_nothing_is_lost_to_a_collection_at_the_same_time():
    """It may come between any two steps."""
    service, done = Service(), threading.Event()

    def collect(place):
        while not done.is_set():
            service.collect(place)

    threads = [threading.Thread(target=collect, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for number in range(400):
        service.counter.write(1.0, number, None)
        service.histogram.write_all(np.full(50, 3.0), number, None)
        service.histogram.write_run([1.0] * 20, [number] * 20, [None] * 20)
    done.set()
    for thread in threads:
        thread.join()
    for place in (0, 1):
        service.collect(place)
    assert service.counted == [400, 400]
    assert service.rows == [400 * 70] * 2
