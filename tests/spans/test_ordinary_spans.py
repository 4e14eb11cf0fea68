"""Where spans cannot be deferred, ordinary ones are made."""

from __future__ import annotations

import time
from types import SimpleNamespace

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otelml
from otelml._prediction.runtime import current_runtime
from otelml._startup.pipeline import Pipeline
from otelml.config import Config, LogOptions


def plain():
    with otelml.prediction("loan", version="3", variant="canary", features={"a": 1}) as p:
        with p.stage("feature_extraction"):
            pass
        with p.stage("inference"):
            pass
        p.set_result(label="approved", confidence=0.75)


class Watching(SpanProcessor):
    """A processor that wants to see spans start."""

    def __init__(self):
        self.started = []

    def on_start(self, span, parent_context=None):
        self.started.append(span.name)
        span.set_attribute("seen", "yes")


def test_processor_with_on_start_gets_ordinary_spans():
    """A processor that listens to starts sees them, also when it was added later."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    providers = SimpleNamespace(
        resource=Resource({}),
        tracer_provider=provider,
        meter_provider=MeterProvider(),
        observe=lambda *_: None,
    )
    pipeline = Pipeline(Config(logs=LogOptions(enabled=False)), providers)
    pipeline.start()
    plain()
    watching = Watching()
    provider.add_span_processor(watching)
    plain()
    pipeline.stop(time.monotonic() + 5)
    assert watching.started == ["predict loan", "feature_extraction", "inference"]
    seen = [span.attributes.get("seen") for span in exporter.get_finished_spans()]
    assert seen.count("yes") == 3


def test_foreign_provider_gets_ordinary_spans():
    """A provider that is not the SDK's is used through the API alone."""

    class Foreign(trace.NoOpTracerProvider):
        def get_tracer(self, *args, **kwargs):
            return inner.get_tracer(*args, **kwargs)

    exporter = InMemorySpanExporter()
    inner = TracerProvider(shutdown_on_exit=False)
    inner.add_span_processor(SimpleSpanProcessor(exporter))
    providers = SimpleNamespace(
        resource=Resource({}),
        tracer_provider=Foreign(),
        meter_provider=MeterProvider(),
        observe=lambda *_: None,
    )
    pipeline = Pipeline(Config(logs=LogOptions(enabled=False)), providers)
    pipeline.start()
    plain()
    pipeline.stop(time.monotonic() + 5)
    names = [span.name for span in exporter.get_finished_spans()]
    assert names == ["feature_extraction", "inference", "predict loan"]


def test_nothing_is_recorded_without_init():
    """Without init the same code runs and records nothing."""
    assert current_runtime() is None
    plain()
    with otelml.prediction("x") as p:
        assert p.id == ""
