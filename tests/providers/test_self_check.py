"""An SDK whose insides are other than known loses nothing: everything goes through its API."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics._internal import _view_instrument_match, aggregation
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import Tracer

import otelml
from otelml import _fast_paths
from otelml._metrics import BoundStream
from otelml._providers import encode, self_check
from otelml._spans import DeferredSpan
from otelml.testing import capture

EVERY_METRIC = {
    "ml.prediction.duration",
    "ml.stage.duration",
    "ml.predictions",
    "ml.prediction.rows",
    "ml.prediction.confidence",
    "ml.model.info",
    "ml.feature.last",
    "ml.feature.min",
    "ml.feature.max",
    "ml.feature.mean",
}


@pytest.fixture(autouse=True)
def _all_on(monkeypatch):
    """Each test tries anew, and leaves every shortcut on."""
    for name in ("OTEL_SDK_DISABLED", "OTELML_ORDINARY_SPANS"):
        monkeypatch.delenv(name, raising=False)
    self_check._checked.value = False
    _fast_paths.reset()
    yield
    monkeypatch.undo()
    self_check._checked.value = False
    _fast_paths.reset()


def _no_streams(monkeypatch):
    """A consumer whose streams are not where they were."""
    monkeypatch.setattr(BoundStream, "_found", lambda *_: 1 / 0)


def _other_keys(monkeypatch):
    """A match that keeps its aggregations under keys of another form, as 1.45 does."""
    module = _view_instrument_match
    monkeypatch.setattr(module, "frozenset", lambda items: repr(sorted(items)), raising=False)
    hashed = getattr(module, "_hash_attributes", None)
    if hashed is not None:
        monkeypatch.setattr(module, "_hash_attributes", lambda attributes: repr(hashed(attributes)))


def _strict_measurement(monkeypatch):
    """An aggregation that takes the SDK's own measurements alone."""
    for cls in (aggregation._SumAggregation, aggregation._ExplicitBucketHistogramAggregation):
        usual = cls.aggregate

        def aggregate(self, measurement, *args, usual=usual):
            if not type(measurement).__module__.startswith("opentelemetry."):
                raise TypeError("not a measurement")
            usual(self, measurement, *args)

        monkeypatch.setattr(cls, "aggregate", aggregate)


def _no_tracer_parts(monkeypatch):
    """A tracer without the parts that a deferred span takes from it."""
    monkeypatch.setattr("otelml._spans.choice.DeferredSpans.__init__", lambda *_: 1 / 0)


def _other_wire_format(monkeypatch):
    """A span that our encoder writes otherwise than the SDK's."""
    monkeypatch.setattr(encode, "_FLAGS_LOCAL", encode._FLAGS_REMOTE)


def _other_histogram(monkeypatch):
    """A histogram whose counts are no list."""
    monkeypatch.setattr("otelml._metrics.bound._prepared", lambda *_: 1 / 0)


BROKEN = {
    _fast_paths.METRICS: [_no_streams, _strict_measurement],
    _fast_paths.SPANS: [_no_tracer_parts],
    _fast_paths.ENCODING: [_other_wire_format],
    _fast_paths.HISTOGRAMS: [_other_histogram],
}
_CASES = [(name, change) for name, changes in BROKEN.items() for change in changes]


def test_nothing_is_off_here():
    """With this SDK every shortcut gives what the API gives."""
    assert self_check.check_fast_paths() == {}


@pytest.mark.parametrize(("name", "change"), _CASES)
def test_a_shortcut_that_differs_is_off_and_said(name, change, monkeypatch, caplog):
    """The self-check names it, once, in the log and in what it returns."""
    change(monkeypatch)
    assert name in self_check.check_fast_paths()
    assert name in self_check.check_fast_paths()
    assert [r.message for r in caplog.records if f"otelml: {name} take" in r.message][1:] == []
    assert any(f"otelml: {name} take" in record.message for record in caplog.records)


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize(("name", "change"), [*_CASES, ("", _other_keys)])
def test_nothing_is_lost(name, change, checked, monkeypatch, internal, capture_telemetry):
    """Whether the self-check saw it or a measurement meets it first, all metrics are there."""
    change(monkeypatch)
    if checked:
        self_check.check_fast_paths()
    for _ in range(3):
        with otelml.prediction("loan", features=[[1.0]] * 40) as prediction:
            with prediction.stage("inference"):
                pass
            prediction.set_result(label=["yes"] * 40, confidence=[0.5] * 40)
    assert len(capture_telemetry.predictions()) == 3
    for metric in EVERY_METRIC:
        assert capture_telemetry.metric(metric).points, metric
    assert capture_telemetry.metric("ml.predictions").sum() == 120
    assert capture_telemetry.metric("ml.prediction.confidence").count() == 120
    assert capture_telemetry.metric("ml.prediction.duration").count() == 3


def test_other_keys_switch_nothing_off(monkeypatch):
    """A stream is found by its attributes, whatever its key looks like."""
    _other_keys(monkeypatch)
    assert self_check.check_fast_paths() == {}


def test_a_disabled_sdk_is_not_tried(monkeypatch):
    """With OTEL_SDK_DISABLED there is nothing to compare, and nothing is wrong."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert self_check.check_fast_paths() == {}


def test_init_tells_what_is_off(monkeypatch):
    """``status()`` names it, and the service goes on."""
    _other_wire_format(monkeypatch)
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    with otelml.init("loans", instrument="none", system=False) as telemetry:
        assert set(telemetry.status()["fast_paths_off"]) == {"encoding"}


@pytest.mark.parametrize("amounts", [[1.0] * 50, list(map(float, range(50)))])
def test_a_stream_that_is_never_found_is_still_written(amounts, monkeypatch):
    """Looking for it costs less and less, and each amount counts."""
    monkeypatch.setattr(BoundStream, "_found", lambda *_: None)
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("m")
    histogram = meter.create_histogram("h")
    stream = BoundStream(histogram, histogram.record, {"a": "b"})
    stream.write_all(np.array(amounts), 1, None)
    (point,) = (
        reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    )
    assert (point.count, point.sum, stream.is_bound) == (50, sum(amounts), False)


def test_the_deferred_way_needs_no_new_call(monkeypatch):
    """A tracer of an older SDK, which cannot be asked whether it is enabled."""
    monkeypatch.delattr(Tracer, "_is_enabled", raising=False)
    with capture(), otelml.prediction("loan"):
        assert type(trace.get_current_span()) is DeferredSpan


def test_templates_that_give_other_spans_are_off(monkeypatch):
    """Spans then go one by one, by the encoder that is right."""
    other = SimpleNamespace(fill=lambda _: [b"\x12\x02\x12\x00"])
    monkeypatch.setattr(self_check, "build_template", lambda *_: other)
    assert set(self_check.check_fast_paths()) == {"templates"}
