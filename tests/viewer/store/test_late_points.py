"""Points that come after a newer one of their series, as from several workers or a retry."""

from __future__ import annotations

import random
import time

import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb

from otelml.viewer.decode import decode_metrics
from otelml.viewer.queries.metrics import query_metric
from otelml.viewer.store import Store

NS = 1_000_000_000
BASE = time.time_ns() // (600 * NS) * 600 * NS - 1200 * NS  # so that a bucket ends among the points
KINDS = ("gauge", "sum", "histogram", "exponential_histogram")


def request(kind, *numbers):
    """Points of one series of a gauge or of deltas, by their number: one each 7 seconds."""
    message = metrics_pb.ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    data = getattr(metric, kind)
    if kind != "gauge":
        data.aggregation_temporality = 1
    if kind == "sum":
        data.is_monotonic = True
    for number in numbers:
        point = data.data_points.add(
            start_time_unix_nano=BASE + (7 * number - 7) * NS,
            time_unix_nano=BASE + 7 * number * NS,
        )
        if kind in {"gauge", "sum"}:
            point.as_int = number % 11
            continue
        point.count, point.sum = 1 + number % 3, float(number)
        point.min, point.max = 1.0, 1.5
        if kind == "histogram":
            point.explicit_bounds[:] = [2.0]
            point.bucket_counts[:] = [point.count, 0]
        else:
            point.scale, point.positive.offset = 3, 1
            point.positive.bucket_counts[:] = [point.count]
    return message


@pytest.fixture
def stored(tmp_path):
    """What is stored of batches, by their points' numbers: a store of its own each time."""
    opened = []

    def run(kind, *batches, reopened_before=()):
        path = tmp_path / f"{len(opened)}.db"
        opened.append(Store(path))
        for position, batch in enumerate(batches):
            if position in reopened_before:
                opened[-1].close()
                opened.append(Store(path))
            opened[-1].submit(decode_metrics(request(kind, *batch))).result(10)
        store = opened[-1]
        answers = []
        with store.reader() as connection:
            for agg in ("last", "sum") if kind == "gauge" else ("sum",):
                for step in ("7", "60", "300", "600"):
                    asked = {"name": "m", "agg": agg, "from": str(BASE // 10**6), "step": step,
                             "to": str((BASE + 1200 * NS) // 10**6)}  # fmt: skip
                    (series,) = query_metric(connection, asked)["series"]
                    answers.append((agg, step, series["values"]))
            rows = connection.execute("SELECT * FROM points ORDER BY time_ns").fetchall()
            coarse = connection.execute("SELECT * FROM coarse ORDER BY bucket").fetchall()
        return store, answers, rows, coarse

    yield run
    for store in opened:
        store.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reopened", [(), (3,)])
def test_order_does_not_matter(stored, kind, reopened):
    """Points of ten minutes in batches that overlap, the store opened anew among them."""
    numbers = list(range(120))
    in_order, expected, rows, coarse = stored(kind, numbers)
    random.Random(5).shuffle(numbers)
    batches = [numbers[start::6] for start in range(6)]
    store, answers, found, summed = stored(kind, *batches, reopened_before=reopened)
    assert store.totals["points"] == in_order.totals["points"] == 120
    assert answers == expected
    assert [row[1:] for row in found] == [row[1:] for row in rows]
    assert [row[2:7] for row in summed] == [row[2:7] for row in coarse]
    assert not store.reasons


@pytest.mark.parametrize("kind", KINDS)
def test_a_late_batch_sent_twice_counts_once(stored, kind):
    """Its sender saw no answer."""
    _, expected, rows, _ = stored(kind, [1, 2, 3, 4])
    store, answers, found, _ = stored(kind, [3, 4], [1, 2], [1, 2])
    assert (answers, found) == (expected, rows)
    assert store.totals["points"] == 4
    assert not store.reasons
