"""Spans by a template are the spans that the SDK's encoder gives, and a few are had by it."""

from __future__ import annotations

import random
import time
from types import SimpleNamespace

import numpy as np
import pytest
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags, TraceState

import otelml
from otelml import _fast_paths
from otelml._providers.encode import EncodedSpans, encode_spans_fast
from otelml._spans import complete_spans, prediction_attributes
from otelml._startup.pipeline import Pipeline
from otelml.config import Config, FeedbackOptions, LogOptions, PrivacyOptions

PREDICTIONS = 10_000
MODELS = ["loan", "ü" * 40, "m" * 130]
STAGES = ["feature_extraction", "inference", "post_processing", "größe"]
LABELS = ["approved", "rejected", "ß", "", "l" * 70, 1, True, 2.0]


class Sink(SpanProcessor):
    """Takes spans both ways, and keeps what came."""

    takes_encoded = True

    def __init__(self):
        self.encoded, self.ended, self.like = [], [], None

    def put_encoded(self, spans, like):
        self.encoded += spans
        self.like = like

    def on_end(self, span):
        self.ended.append(span)


class Service:
    """A pipeline driven by hand, whose spans go to a sink."""

    def __init__(self, limits=None, processors=(), **config):
        self.sink = Sink()
        provider = TracerProvider(
            ParentBased(ALWAYS_ON), Resource({"service.name": "x"}, "https://schema"),
            shutdown_on_exit=False, span_limits=limits,
        )  # fmt: skip
        provider.add_span_processor(self.sink)
        for processor in processors:
            provider.add_span_processor(processor)
        self.provider = provider
        self.reader = InMemoryMetricReader()
        self.config = Config(logs=LogOptions(enabled=False), **config)
        self.pipeline = Pipeline(
            self.config,
            SimpleNamespace(
                tracer_provider=provider,
                meter_provider=MeterProvider([self.reader], shutdown_on_exit=False),
                resource=Resource({}),
                observe=lambda *_: None,
            ),
        )
        self.compared = 0
        self._install()

    def _install(self):
        from otelml._prediction import install_runtime

        install_runtime(self.pipeline.runtime)
        plans = self.pipeline.processor.plans
        emit = plans.emit

        def compared(record, results, id_text):
            taken = emit(record, results, id_text)
            if taken is None:
                return None
            encoded, self.sink.encoded, self.sink.ended = self.sink.encoded, [], []
            for span in [record.span, *(stage.span for stage in record.stages)]:
                span._handed_over = False
            complete_spans(record, prediction_attributes(record, results, id_text))
            ended, self.sink.ended = self.sink.ended, []
            request = ExportTraceServiceRequest.FromString(
                encode_spans_fast([EncodedSpans(encoded, self.sink.like)])
            )
            assert len(encoded) == len(ended)
            assert request == encode_spans(ended)
            self.compared += 1
            return taken

        plans.emit = compared

    def drain(self):
        self.pipeline.worker.flush(time.monotonic() + 60)

    def points(self):
        """Return what was measured: of times only how often, since they differ."""
        found = {}
        data = self.reader.get_metrics_data()
        metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
        for metric in metrics:
            for point in metric.data.data_points:
                told = getattr(point, "value", None)
                if told is None:
                    told = (point.count, tuple(point.bucket_counts), f"{point.sum:.9g}", point.max)
                    told = told[:1] if metric.name.endswith("duration") else told
                if not metric.name.startswith("otelml."):
                    found[metric.name, tuple(point.attributes.items())] = told
        return found

    @property
    def taken(self):
        """Return how many predictions took a template, each of which was the SDK's message."""
        taken = self.pipeline.processor.plans.taken
        assert self.compared == taken  # else an error of the comparison was kept away
        return taken


@pytest.fixture
def make():
    made = []

    def create(*args, **kwargs):
        service = Service(*args, **kwargs)
        made.append(service)
        return service

    yield create
    for service in made:
        service.pipeline.stop(time.monotonic() + 5)


def _parent(rng):
    kind = rng.choice(["none", "none", "none", "local", "remote", "state", "unsampled"])
    if kind == "none":
        return context_api.Context()
    state = TraceState([("vendor", "1")]) if kind == "state" else TraceState()
    ids = SpanContext(
        rng.getrandbits(128) | 1, rng.getrandbits(64) | 1, kind != "local",
        TraceFlags(0 if kind == "unsampled" else 1), state,
    )  # fmt: skip
    return trace.set_span_in_context(trace.NonRecordingSpan(ids), context_api.Context())


FEATURES = [
    None, {"a": 1.0, "b": 2}, {"a": 1}, (1.0, 2.0), [[1.0, 2.0], [3.0, 4.0]], np.ones((1, 3)), "text",
]  # fmt: skip


class World:
    """What a service of some hours is like: one model, few labels, few shapes."""

    def __init__(self, rng):
        self.model = rng.choice(MODELS)
        self.version, self.variant = rng.choice(["", "3"]), rng.choice([None, "canary"])
        self.features = rng.choice(FEATURES)
        self.labels = rng.sample(LABELS, 2)
        self.stages = [rng.choice(STAGES) for _ in range(rng.choice([0, 1, 3, 3]))]
        self.kind = rng.randrange(7)


def _result(rng, p, world):
    if world.kind == 0:
        return
    if world.kind == 1:
        p.set_result(value=rng.choice([1.5, rng.random(), float("nan"), 10**9, [1.0, 2.0]]))
    elif world.kind == 2:
        p.set_result(label=["a", rng.choice("ab")], confidence=[0.5, rng.random()])
    elif world.kind == 3:
        p.set_result(probabilities={"yes": 0.25, "no": 0.75})
    else:
        confidence = rng.choice([None, rng.random(), rng.random(), 1, 0.0, 5.0])
        p.set_result(label=rng.choice(world.labels), confidence=confidence)


def _meddle(rng):
    span = trace.get_current_span()
    kind = rng.randrange(100)
    if kind == 0:
        span.set_attribute("mine", rng.random())
    elif kind == 1:
        span.add_event("event")
    elif kind == 2:
        span.set_status(Status(StatusCode.OK))
    elif kind == 3:
        span.update_name("other")
    elif kind == 4:
        span.add_link(SpanContext(1, 1, is_remote=False))
    elif kind == 5:
        raise ValueError("as it may happen")


def predict(rng, world):
    token = context_api.attach(_parent(rng))
    try:
        with otelml.prediction(
            world.model, version=world.version, variant=world.variant, features=world.features
        ) as p:
            for stage in world.stages:
                with p.stage(stage):
                    _meddle(rng)
                    if rng.random() < 0.02:
                        with p.stage("inner"):
                            pass
            _meddle(rng)
            _result(rng, p, world)
            if rng.random() < 0.3:
                assert p.id is not None
    except ValueError:
        pass
    finally:
        context_api.detach(token)


def test_ten_thousand_predictions(make, record_property):
    """Whatever predictions hold, what a template gives parses to the SDK's own message."""
    service = make()
    rng = random.Random(14)
    for number in range(PREDICTIONS):
        if number % 250 == 0:
            world = World(rng)
        predict(rng, world)
        if number % 100 == 99:
            service.drain()
    assert service.compared == service.taken
    share = service.taken / PREDICTIONS
    record_property("share", share)
    # The generator meddles with every fifth; of plain predictions see the next test.
    assert 0.4 < share < 0.9


def plain(label="approved"):
    with otelml.prediction("loan", version="3", features={"a": 1}) as p:
        for stage in STAGES[:3]:
            with p.stage(stage):
                pass
        p.set_result(label=label, confidence=random.random())


def test_plain_predictions_take_the_template(make):
    """From the second prediction of a kind on, all do."""
    service = make()
    for _ in range(50):
        plain()
    service.drain()
    assert service.taken == 49


def test_labels_without_end_are_bounded(make, monkeypatch):
    """Plans do not pile up, and one that is used gives way to none that is not."""
    monkeypatch.setattr("otelml._worker.plans._MOST_PLANS", 5)
    service = make()
    for _ in range(2):
        for number in range(20):
            plain(f"label {number}")
        service.drain()
    plans = service.pipeline.processor.plans
    assert len(plans._plans) == 5
    assert service.taken >= 5


@pytest.mark.parametrize(
    "hindrance",
    [
        {"processors": [SpanProcessor()]},
        {"limits": SpanLimits(max_span_attribute_length=5)},
        {"limits": SpanLimits(max_span_attributes=3)},
        {"privacy": PrivacyOptions(redact=("ml.prediction.label",))},
    ],
    ids=["foreign processor", "length limit", "few attributes", "redacted"],
)
def test_the_usual_way_where_it_is_needed(make, hindrance):
    """Who needs spans as the SDK has them gets those."""
    service = make(**hindrance)
    for _ in range(3):
        plain()
    service.drain()
    assert service.taken == 0
    assert len(service.sink.ended) == 12


def test_a_processor_added_later_is_seen(make):
    """From then on spans are those of the SDK."""
    service = make()
    for _ in range(3):
        plain()
    service.drain()
    other = Sink()
    other.takes_encoded = False
    service.provider.add_span_processor(other)
    plain()
    service.drain()
    assert service.taken == 2
    assert len(other.ended) == len(service.sink.ended) == 4


def test_without_ids(make):
    """Predictions without an id have a template too."""
    service = make(feedback=FeedbackOptions(enabled=False))
    for _ in range(3):
        plain()
    service.drain()
    assert service.taken == 2


def test_turned_off(make, monkeypatch):
    """Where the self-check finds a difference, no template is used."""
    monkeypatch.setitem(_fast_paths._off, _fast_paths.TEMPLATES, "as a test")
    service = make()
    for _ in range(3):
        plain()
    service.drain()
    assert service.taken == 0


@pytest.mark.parametrize("seed", range(6))
def test_the_same_measurements(make, monkeypatch, seed):
    """Counts, sums and streams are those that predictions without a plan give."""
    found = []
    for off in (False, True):
        if off:
            monkeypatch.setitem(_fast_paths._off, _fast_paths.TEMPLATES, "as a test")
        service, rng = make(), random.Random(seed)
        for _ in range(4):
            world = World(rng)
            for _ in range(60):
                predict(rng, world)
            service.drain()
        assert bool(service.taken) is not off
        found.append(service.points())
    assert found[0] == found[1]
    assert found[0]
