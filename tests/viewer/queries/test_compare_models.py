"""Two versions of a model side by side, from spans whose numbers are known."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from otelml import semconv, semconv_quality
from otelml.viewer.decode import decode_metrics, decode_traces
from otelml.viewer.queries import NotFoundError, compare_models
from otelml.viewer.queries.differences import difference, quantile, share, z_of
from otelml.viewer.store import Store

MS = 1_000_000
T0 = time.time_ns() - 600_000 * MS
MODEL = "loan"


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "m.db")
    yield opened
    opened.close()


def predictions(store, version, number, *, ms, failed=0, approved=0.5, confidence=0.8, start=0):
    """Store predictions of one version; the first of them fail, a share is approved."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "s"
    spans = group.scope_spans.add().spans
    rng = random.Random(f"{version}{start}")
    for index in range(number):
        begin = T0 + (start + index) * MS * 100
        length = int(ms * rng.uniform(0.8, 1.2) * MS)
        trace_id, span_id = rng.randbytes(16), rng.randbytes(8)
        identity = {semconv.ML_MODEL_NAME: MODEL, semconv.ML_MODEL_VERSION: version}
        span = spans.add(trace_id=trace_id, span_id=span_id, name="predict loan",
                         start_time_unix_nano=begin, end_time_unix_nano=begin + length)  # fmt: skip
        stage = spans.add(trace_id=trace_id, span_id=rng.randbytes(8), parent_span_id=span_id,
                          name=semconv.STAGE_INFERENCE, start_time_unix_nano=begin,
                          end_time_unix_nano=begin + length // 2)  # fmt: skip
        for each in (span, stage):
            for key, value in identity.items():
                each.attributes.add(key=key).value.string_value = value
        stage.attributes.add(key=semconv.ML_STAGE_NAME).value.string_value = semconv.STAGE_INFERENCE
        if index < failed:
            span.status.code = Status.STATUS_CODE_ERROR
            span.attributes.add(key=semconv.ERROR_TYPE).value.string_value = "ValueError"
            continue
        label = "approved" if index < failed + approved * (number - failed) else "denied"
        span.attributes.add(key=semconv.ML_PREDICTION_LABEL).value.string_value = label
        pair = span.attributes.add(key=semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE)
        pair.value.double_value = min(1.0, confidence + rng.uniform(-0.05, 0.05))
    store.submit(decode_traces(request)).result(10)


def gauges(store, values):
    """Store (metric, version, attributes, value) as gauges."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.add(key="service.name").value.string_value = "s"
    scope = group.scope_metrics.add()
    for metric, version, pairs, value in values:
        data = scope.metrics.add(name=metric.name, unit=metric.unit).gauge.data_points.add(
            time_unix_nano=T0 + 60_000 * MS, as_double=value
        )
        identity = {semconv.ML_MODEL_NAME: MODEL, semconv.ML_MODEL_VERSION: version}
        for key, text in {**identity, **pairs}.items():
            data.attributes.add(key=key).value.string_value = text
    store.submit(decode_metrics(request)).result(10)


def compare(store, **params):
    with store.reader() as connection:
        return compare_models(connection, {"name": MODEL, "from": "0", **params})


def lines(found):
    return {(each["measure"], each["subject"]): each for each in found["measures"]}


def test_what_differs_is_told_from_what_is_chance(store):
    """Version 3 is slower and fails more; its labels are shared out as those of version 2."""
    predictions(store, "2", 400, ms=10, failed=4)
    predictions(store, "3", 400, ms=20, failed=60, start=1000)
    found = compare(store)
    assert (found["a"]["version"], found["b"]["version"]) == ("2", "3")
    by = lines(found)
    errors = by["errors", None]
    assert (errors["a"], errors["b"]) == (0.01, 0.15)
    assert errors["lower"] < 0.14 < errors["upper"]
    certain = {key for key, line in by.items() if line["certain"]}
    assert {("errors", None), ("error type", "ValueError"), ("p50", None), ("p95", None),
            ("stage p50", "inference")} <= certain  # fmt: skip
    assert ("label", "approved") not in certain
    assert by["p50", None]["difference"] == pytest.approx(10, rel=0.15)
    assert by["stage p50", "inference"]["difference"] == pytest.approx(5, rel=0.2)


def test_labels_confidence_and_time_of_each_side(store):
    """Shares of labels, the confidence histogram, and counts over time add up to what was sent."""
    predictions(store, "2", 200, ms=10, approved=0.9, confidence=0.9)
    predictions(store, "3", 300, ms=10, approved=0.5, confidence=0.6, start=1000)
    found = compare(store)
    by = lines(found)
    assert (by["label", "approved"]["a"], by["label", "approved"]["b"]) == (0.9, 0.5)
    assert by["label", "approved"]["certain"]
    assert by["confidence", None]["difference"] == pytest.approx(-0.3, abs=0.03)
    assert [sum(found["confidence"][side]) for side in ("a", "b")] == [200, 300]
    assert [sum(found["over_time"][side]["predictions"]) for side in ("a", "b")] == [200, 300]


def test_quality_and_drift_are_there_where_they_are_stored(store):
    """The reported quality with its interval, and the feature that drifts for one version only."""
    predictions(store, "2", 50, ms=10)
    predictions(store, "3", 50, ms=10, start=1000)
    kind = {semconv_quality.ML_QUALITY_METRIC: "f1"}
    feature = {semconv.ML_FEATURE_NAME: "income"}
    gauges(store, [
        (metric, version, kind, value + off)
        for version, value in (("2", 0.9), ("3", 0.6))
        for metric, off in ((semconv_quality.ML_QUALITY, 0), (semconv_quality.ML_QUALITY_LOWER, -0.02),
                            (semconv_quality.ML_QUALITY_UPPER, 0.02))
    ] + [
        line for version, flag in (("2", 0.0), ("3", 1.0))
        for line in ((semconv.ML_DRIFT_EVIDENCE, version, feature, 1 + 5 * flag),
                     (semconv.ML_DRIFT_EVIDENCE_THRESHOLD, version, {}, 4.0),
                     (semconv.ML_DRIFT_DETECTED, version, feature, flag))
    ])  # fmt: skip
    found = compare(store)
    quality = lines(found)["quality", "f1"]
    assert (quality["a"], quality["b"], quality["certain"]) == (0.9, 0.6, True)
    (income,) = found["drift"]["features"]
    assert (income["a"]["detected"], income["b"]["detected"]) == (False, True)
    assert (found["drift"]["a"]["drifted"], found["drift"]["b"]["drifted"]) == (0, 1)


def test_versions_are_chosen_or_the_last_two(store):
    """Numbers by their order, not that of their arrival; either can be named, in either order."""
    for number, version in enumerate(("10", "2", "1")):
        predictions(store, version, 5, ms=10, start=1000 * number)
    found = compare(store)
    assert [each["version"] for each in found["versions"]] == ["1", "2", "10"]
    assert (found["a"]["version"], found["b"]["version"]) == ("2", "10")
    found = compare(store, a="10", b="1")
    assert (found["a"]["version"], found["b"]["version"]) == ("10", "1")
    with pytest.raises(NotFoundError, match="no version '4'"):
        compare(store, a="4")


def test_versions_that_are_no_numbers_are_in_the_order_of_their_first_prediction(store):
    """Commits say nothing of which came first."""
    for number, version in enumerate(("f3a", "0b1", "c77")):
        predictions(store, version, 5, ms=10, start=1000 * number)
    assert [each["version"] for each in compare(store)["versions"]] == ["f3a", "0b1", "c77"]


def test_one_version_alone_has_nothing_to_be_compared_with(store):
    """That is an answer, and an unknown model is an error."""
    with pytest.raises(NotFoundError, match="no model"):
        compare(store)
    predictions(store, "1", 5, ms=10)
    found = compare(store)
    assert (found["a"], found["b"], len(found["versions"])) == (None, None, 1)


def test_the_interval_of_a_difference_of_shares_is_newcombes():
    """Newcombe 1998, method 10: 56 of 70 less 48 of 80 is 0.0524 to 0.3339."""
    line = difference("x", "ratio", [share(48, 80, 1.959964), share(56, 70, 1.959964)])
    assert line["lower"] == pytest.approx(0.0524, abs=5e-5)
    assert line["upper"] == pytest.approx(0.3339, abs=5e-5)


def test_intervals_hold_what_they_promise():
    """Of equal sides hardly any comparison is certain: 1 of 20 at most, of all lines together."""
    rng = np.random.default_rng(3)
    edges = np.linspace(0, 10, 201)
    wrong = 0
    for _ in range(300):
        z = z_of(2)
        counts = [np.histogram(rng.gamma(2, 1, 200), edges)[0] for _ in range(2)]
        parts = rng.binomial(200, 0.1, 2)
        found = [
            difference("p95", "ms", [quantile(edges, each, 0.95, z) for each in counts]),
            difference("errors", "ratio", [share(int(each), 200, z) for each in parts]),
        ]
        wrong += any(line["certain"] for line in found)
    assert wrong <= 300 * 0.05


def test_of_nothing_there_is_no_difference():
    """One side without the number has no difference; neither with it has no line."""
    assert difference("x", "ms", [None, None]) is None
    line = difference("x", "ms", [None, share(1, 2, 1.96)])
    assert (line["a"], line["b"], line["difference"], line["certain"]) == (None, 0.5, None, False)
