"""Testing what a service emits: everything in memory, with ids and a clock that repeat.

The pytest plugin is registered by installation; a test asks for the fixture by name::

    def test_prediction_is_traced(capture_telemetry):
        client.post("/predict", json=row)
        capture_telemetry.assert_prediction(model="loan", stages=["inference"])
        assert capture_telemetry.metric("ml.predictions").sum() == 1
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

from otelml import instrumentors, semconv
from otelml._prediction import current_runtime, install_runtime
from otelml._privacy import clean_span, current_policy, install_policy
from otelml._providers import update_resource
from otelml._startup import Adopted, in_place_of_service, service_config
from otelml._startup.pipeline import Pipeline
from otelml.config import Config
from otelml.reference import Reference

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

    from otelml._startup import Telemetry

__all__ = ["CapturedTelemetry", "MetricPoints", "SequentialIds", "capture", "capture_telemetry"]

_TIMEOUT_S = 10.0
_TOLERANCE = 0.01


def _check(holds: bool, message: str) -> None:
    """Raise, as assert does, also under ``python -O``."""
    if not holds:
        raise AssertionError(message)


class SequentialIds(IdGenerator):
    """Ids that count up from 1: the same in every run."""

    def __init__(self) -> None:
        # No lock: a signal handler that makes a span may come between any two steps.
        self._traces, self._spans = count(1), count(1)

    def generate_trace_id(self) -> int:
        """Return the next trace id."""
        return next(self._traces)

    def generate_span_id(self) -> int:
        """Return the next span id."""
        return next(self._spans)


@dataclass(frozen=True)
class MetricPoints:
    """The data points of one metric.

    Args:
        name: The metric.
        points: Data points of the SDK.
        collected: Exemplars of every collection so far; the SDK hands each out once.
        unit: Its UCUM unit.
    """

    name: str
    points: tuple[Any, ...]
    collected: tuple[tuple[Any, Any], ...] = ()
    unit: str = ""

    def where(self, **attributes: Any) -> MetricPoints:
        """Return the points with these attributes; write ``__`` for a dot in a name."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        kept = tuple(
            p for p in self.points if all(p.attributes.get(k) == v for k, v in wanted.items())
        )
        return MetricPoints(self.name, kept, self.collected, self.unit)

    def sum(self) -> float:
        """Return the sum of all values; of a histogram, of what was recorded."""
        return float(sum(p.value if hasattr(p, "value") else p.sum for p in self.points))

    def count(self) -> int:
        """Return the measurements of a histogram."""
        return int(sum(p.count for p in self.points))

    def exemplars(self) -> list[Any]:
        """Return the exemplars of these points, since the capture began."""
        mine = [p.attributes for p in self.points]
        return [exemplar for attributes, exemplar in self.collected if attributes in mine]


class CapturedTelemetry:
    """What was emitted since the capture began.

    Args:
        pipeline: The pipeline that is captured.
        spans: Where spans go.
        reader: Where measurements go.
        logs: Where log records go.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        spans: InMemorySpanExporter,
        reader: InMemoryMetricReader,
        logs: InMemoryLogRecordExporter,
    ) -> None:
        self._pipeline = pipeline
        self._spans = spans
        self._reader = reader
        self._logs = logs
        self._exemplars: dict[str, list[tuple[Any, Any]]] = {}

    def flush(self) -> None:
        """Wait until everything that ended has arrived.

        Raises:
            AssertionError: It has not within ten seconds.
        """
        if not self._pipeline.flush(time.monotonic() + _TIMEOUT_S):
            raise AssertionError("telemetry did not arrive within ten seconds")

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """Return the spans that ended, or those called ``name``, in the order they ended."""
        self.flush()
        ended = list(self._spans.get_finished_spans())
        return ended if name is None else [span for span in ended if span.name == name]

    def predictions(self, model: str | None = None) -> list[ReadableSpan]:
        """Return the spans of predictions, or those of one model."""
        prefix = semconv.SPAN_PREDICT.partition("{")[0]
        return [
            span
            for span in self.spans()
            if span.name.startswith(prefix)
            and model in (None, (span.attributes or {}).get(semconv.ML_MODEL_NAME))
        ]

    def children(self, span: ReadableSpan) -> list[ReadableSpan]:
        """Return the spans directly below ``span``, by their start."""
        context = span.get_span_context()
        own = context.span_id if context is not None else 0
        below = [s for s in self.spans() if s.parent is not None and s.parent.span_id == own]
        return sorted(below, key=lambda s: s.start_time or 0)

    def logs(self, event: str | None = None) -> list[Any]:
        """Return the log records, or those of one event."""
        self.flush()
        records = [data.log_record for data in self._logs.get_finished_logs()]
        return records if event is None else [r for r in records if r.event_name == event]

    def metric(self, name: str) -> MetricPoints:
        """Return the data points of a metric as of now; none where nothing was recorded."""
        self.flush()
        data = self._reader.get_metrics_data()
        found = [
            (metric, point)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ]
        for metric, point in found:
            kept = self._exemplars.setdefault(metric.name, [])
            kept += ((point.attributes, e) for e in getattr(point, "exemplars", None) or ())
        points = tuple(point for metric, point in found if metric.name == name)
        unit = next((metric.unit or "" for metric, _ in found if metric.name == name), "")
        return MetricPoints(name, points, tuple(self._exemplars.get(name, ())), unit)

    def assert_prediction(
        self,
        model: str | None = None,
        *,
        stages: Sequence[str] | None = None,
        label: str | None = None,
        error: str | None = None,
        count: int = 1,
    ) -> ReadableSpan:
        """Check that a prediction was made, and return the last such span.

        Args:
            model: Its model.
            stages: The names of its stages, in order.
            label: Its label.
            error: Its ``error.type``.
            count: How many there must be.

        Raises:
            AssertionError: There is another number of them, or they look otherwise.
        """
        found = self.predictions(model)
        names = [span.name for span in self.spans()]
        _check(len(found) == count, f"{len(found)} predictions of {model}; spans: {names}")
        last = found[-1]
        attributes = last.attributes or {}
        if stages is not None:
            below = [
                c for c in self.children(last) if semconv.ML_STAGE_NAME in (c.attributes or {})
            ]
            got = [span.name for span in below]
            _check(got == list(stages), f"stages are {got}, not {list(stages)}")
        if label is not None:
            got_label = attributes.get(semconv.ML_PREDICTION_LABEL)
            _check(got_label == label, f"label is {got_label!r}, not {label!r}")
        got_error = attributes.get(semconv.ERROR_TYPE)
        _check(got_error == error, f"error.type is {got_error!r}, not {error!r}")
        return last

    def assert_stages_fill(self, prediction: ReadableSpan, tolerance: float = _TOLERANCE) -> None:
        """Check that the stages of a prediction add up to it.

        Args:
            prediction: The span of the prediction.
            tolerance: The share of the prediction that may be missing.

        Raises:
            AssertionError: They do not.
        """
        stages = self.children(prediction)
        total = (prediction.end_time or 0) - (prediction.start_time or 0)
        covered = sum((s.end_time or 0) - (s.start_time or 0) for s in stages)
        fits = abs(total - covered) <= tolerance * total
        _check(fits, f"stages take {covered} ns of {total} ns")

    def clear(self) -> None:
        """Forget spans and log records; metrics are cumulative and stay."""
        self.flush()
        self._spans.clear()
        self._logs.clear()


class _Spans(InMemorySpanExporter):
    """Keeps spans as they would leave."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep spans."""
        policy = current_policy()
        return super().export([clean_span(span, policy) for span in spans])


class _Providers:
    """Providers that keep everything in memory."""

    def __init__(self, config: Config) -> None:
        self.resource = _resource(config)
        self.span_exporter = _Spans()
        self.reader = InMemoryMetricReader()
        self.log_exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.tracer_provider = TracerProvider(
            id_generator=SequentialIds(), resource=self.resource, shutdown_on_exit=False
        )
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.span_exporter))
        self.meter_provider = MeterProvider(
            [self.reader], resource=self.resource, shutdown_on_exit=False
        )
        self.logger_provider = LoggerProvider(resource=self.resource, shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self.log_exporter))

    def rename(self, config: Config) -> None:
        """Be the resource of other options."""
        self.resource = _resource(config)
        for provider in (self.tracer_provider, self.meter_provider, self.logger_provider):
            update_resource(provider, self.resource)

    def observe(self, meter: Meter, dropped: Any = None) -> None:
        """Export nothing of its own."""


def _resource(config: Config) -> Resource:
    named = {
        semconv.SERVICE_NAME: config.service_name or "test",
        "service.version": config.service_version,
        "deployment.environment.name": config.environment,
    }
    own = {key: value for key, value in named.items() if value is not None}
    return Resource({**own, **dict(config.resource_attributes)})


@contextmanager
def capture(
    config: Config | None = None, app: Any = None, reference: Reference | None = None
) -> Generator[CapturedTelemetry]:
    """Capture all telemetry of the block in memory, with every instrumentor in place.

    The options are those of the service's own ``otelml.init()``, before the block or in it, with
    a log event for each prediction where it has any. What runs is set aside, and comes back.

    Args:
        config: Other options than those.
        app: A web application to instrument by name.
        reference: The model's reference, as for ``init``.
    """
    options = config or _as_tested(service_config() or Config())
    before, policy = current_runtime(), current_policy()
    providers: Any = _Providers(options)
    pipeline = Pipeline(options, providers, reference)
    instrumented: dict[str, Any] = {}

    def adopt(own: Config, target: Any, given: Reference | None) -> Telemetry:
        chosen = config or _as_tested(own)
        providers.rename(chosen)
        pipeline.renew(chosen, providers, reference or given)
        quiet = replace(chosen, system=False)
        instrumentors.instrument_anew(instrumented, quiet, providers, target, keep=True)
        return Adopted(own, pipeline)

    with in_place_of_service(adopt):
        pipeline.start()
        instrumented.update(
            instrumentors.instrument(replace(options, system=False), providers, app)
        )
        try:
            yield CapturedTelemetry(
                pipeline, providers.span_exporter, providers.reader, providers.log_exporter
            )
        finally:
            instrumentors.uninstrument(instrumented)
            pipeline.stop(time.monotonic() + _TIMEOUT_S)
            providers.meter_provider.shutdown()
            install_runtime(before)
            install_policy(policy)


def _as_tested(config: Config) -> Config:
    """Return a service's options, without chance, and without what it writes to stdout."""
    ratio = 1.0 if config.logs.sample_ratio else 0.0
    return replace(config, logs=replace(config.logs, json=False, sample_ratio=ratio), system=False)


@pytest.fixture(name="capture_telemetry")
def capture_telemetry() -> Iterator[CapturedTelemetry]:
    """Capture all telemetry of a test; see :class:`CapturedTelemetry`."""
    with capture() as captured:
        yield captured
