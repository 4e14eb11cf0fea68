"""The yardstick: what a careful engineer writes by hand today, with the OpenTelemetry SDK.

In the request thread: a ``predict`` span with three stage spans, one prediction counter,
duration, stage and confidence histograms, a gauge for each of eleven features, one JSON log line
with trace ids. Instruments are made once, attributes are shared, exporters are the caller's.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from opentelemetry import trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider
from pythonjsonlogger.json import JsonFormatter

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MODEL = {"ml.model.name": "loan", "ml.model.version": "3"}
STAGES = {
    stage: {**MODEL, "ml.stage.name": stage}
    for stage in ("feature_extraction", "inference", "post_processing")
}
FEATURES = [f"f{i}" for i in range(11)]
FEATURE_ATTRIBUTES = {name: {**MODEL, "ml.feature.name": name} for name in FEATURES}
ROW = {name: float(i) for i, name in enumerate(FEATURES)}


def _nothing() -> None:
    """Take no time."""


class HandWritten:
    """One instrumented service.

    Args:
        tracer_provider: Where spans go.
        meter_provider: Where measurements go.
    """

    def __init__(self, tracer_provider: TracerProvider, meter_provider: MeterProvider) -> None:
        self.tracer = tracer_provider.get_tracer("service")
        meter = meter_provider.get_meter("service")
        self.predictions = meter.create_counter("predictions")
        self.duration = meter.create_histogram(
            "duration", "s", explicit_bucket_boundaries_advisory=BUCKETS
        )
        self.stage_duration = meter.create_histogram(
            "stage.duration", "s", explicit_bucket_boundaries_advisory=BUCKETS
        )
        self.confidence = meter.create_histogram(
            "confidence", explicit_bucket_boundaries_advisory=[i / 20 for i in range(1, 20)]
        )
        self.feature = meter.create_gauge("feature")
        self.log = logging.getLogger("handwritten")
        self.log.setLevel(logging.INFO)
        self.log.propagate = False
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        self.log.addHandler(handler)
        self.stream = handler

    def predict(self, row: Mapping[str, float], work: Sequence[Callable[[], None]] = ()) -> None:
        """Handle one prediction.

        Args:
            row: Its features.
            work: What its three stages do; nothing by default.
        """
        todo = work or (_nothing,) * len(STAGES)
        started = time.perf_counter()
        with self.tracer.start_as_current_span("predict", attributes=MODEL) as span:
            for (stage, attributes), act in zip(STAGES.items(), todo, strict=True):
                begun = time.perf_counter()
                with self.tracer.start_as_current_span(stage, attributes=attributes):
                    act()
                self.stage_duration.record(time.perf_counter() - begun, attributes)
            span.set_attribute("ml.prediction.label", "approved")
            span.set_attribute("ml.prediction.confidence", 0.9)
            labelled = {**MODEL, "ml.prediction.label": "approved"}
            self.predictions.add(1, labelled)
            self.confidence.record(0.9, labelled)
            for name, value in row.items():
                self.feature.set(value, FEATURE_ATTRIBUTES[name])
            ids = span.get_span_context()
            self.log.info(
                "prediction",
                extra={
                    "trace_id": trace.format_trace_id(ids.trace_id),
                    "span_id": trace.format_span_id(ids.span_id),
                    "label": "approved",
                    "confidence": 0.9,
                },
            )
            self.duration.record(time.perf_counter() - started, MODEL)
