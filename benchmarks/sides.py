"""The two sides of a prediction's cost: a service with otelml, and one instrumented by hand."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

import otelml
from benchmarks.handwritten import ROW, HandWritten
from otelml._prediction import install_runtime
from otelml._providers.encode import EncodedSpans, encode_spans_fast
from otelml._startup.pipeline import Pipeline
from otelml.config import Config, DriftOptions, LogOptions, TraceOptions
from otelml.instrumentors.logging.json_lines import JsonLineFormatter
from otelml.reference import Reference

PER_RUN = 1000
RESOURCE = Resource({"service.name": "loan-api"})


class Collect(SpanProcessor):
    """Keeps ended spans until they are encoded, as a batch processor does.

    Args:
        encode: Makes a payload of spans.
        takes_encoded: Whether spans may come encoded, as to our OTLP exporter.
    """

    def __init__(
        self, encode: Callable[[Sequence[Any]], bytes], *, takes_encoded: bool = False
    ) -> None:
        self.spans: list[ReadableSpan] = []
        self.encoded: list[bytes] = []
        self._like: Any = None
        self.bytes = 0
        self.takes_encoded = takes_encoded
        self._encode = encode

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span."""
        self.spans.append(span)

    def put_encoded(self, spans: Sequence[bytes], like: ReadableSpan) -> None:
        """Keep spans that are encoded."""
        self.encoded += spans
        self._like = like

    def encode(self) -> None:
        """Encode what was kept, in batches of 512, the default."""
        spans, self.spans = self.spans, []
        encoded, self.encoded = self.encoded, []
        for at in range(0, len(encoded), 512):
            payload = [EncodedSpans(encoded[at : at + 512], self._like)]
            self.bytes += len(self._encode(payload))
        for at in range(0, len(spans), 512):
            self.bytes += len(self._encode(spans[at : at + 512]))


def _encode_sdk(spans: Sequence[ReadableSpan]) -> bytes:
    return bytes(encode_spans(spans).SerializePartialToString())


class Ours:
    """A service instrumented by otelml, its worker driven by hand so that it can be timed.

    Args:
        sampler: The sampler.
        features: Features of each prediction.
        drift: Options of the drift monitor.
        reference: What it compares with; None: the first rows.
    """

    def __init__(
        self,
        sampler: Sampler = ALWAYS_ON,
        features: Any = None,
        drift: DriftOptions | None = None,
        reference: Reference | None = None,
    ) -> None:
        self.collect = Collect(encode_spans_fast, takes_encoded=True)
        tracer_provider = TracerProvider(sampler, RESOURCE, shutdown_on_exit=False)
        tracer_provider.add_span_processor(self.collect)
        self.reader = InMemoryMetricReader()
        self.resource = RESOURCE
        self.tracer_provider = tracer_provider
        self.meter_provider = MeterProvider([self.reader], RESOURCE, shutdown_on_exit=False)
        self.features = ROW if features is None else features
        config = Config(
            logs=LogOptions(sample_ratio=1.0, otlp=False),
            traces=TraceOptions(queue_size=1_000_000),
            drift=drift or DriftOptions(),
        )
        self.handler = logging.StreamHandler(io.StringIO())
        self.handler.setFormatter(JsonLineFormatter("loan-api"))
        self.pipeline = Pipeline(config, self, reference)
        self.activate()  # and start no worker thread: drain() does its part

    def observe(self, meter: Any, dropped: Any = None) -> None:
        """Export nothing of its own."""

    def predict(self) -> None:
        """Handle one prediction that takes no time itself."""
        with otelml.prediction("loan", version="3", features=self.features) as p:
            with p.stage("feature_extraction"):
                pass
            with p.stage("inference"):
                pass
            with p.stage("post_processing"):
                pass
            p.set_result(label="approved", confidence=0.9)

    def activate(self) -> None:
        """Become the side that takes this process's predictions, where there are several."""
        install_runtime(self.pipeline.runtime)

    def run(self) -> None:
        """Handle a run of predictions on the request thread."""
        predict = self.predict
        for _ in range(PER_RUN):
            predict()

    def drain(self) -> None:
        """Do the worker's part, then encode."""
        logger = logging.getLogger("otelml.prediction")
        logger.propagate, logger.handlers = False, [self.handler]
        logger.setLevel(logging.INFO)
        stream = self.handler.stream
        stream.seek(0)
        self.pipeline.worker.flush(time.monotonic() + 60)
        if self.pipeline.recorder.dropped:
            raise RuntimeError("predictions were dropped: the figure would be of less work")
        self.collect.encode()

    def run_all(self) -> None:
        """Handle a run of predictions up to encoded bytes."""
        self.run()
        self.drain()


class Theirs:
    """The yardstick, with the same bounds."""

    def __init__(self) -> None:
        self.collect = Collect(_encode_sdk)
        provider = TracerProvider(ALWAYS_ON, RESOURCE, shutdown_on_exit=False)
        provider.add_span_processor(self.collect)
        self.reader = InMemoryMetricReader()
        self.service = HandWritten(
            provider, MeterProvider([self.reader], RESOURCE, shutdown_on_exit=False)
        )

    def run(self) -> None:
        """Handle a run of predictions on the request thread."""
        predict = self.service.predict
        for _ in range(PER_RUN):
            predict(ROW)
        self.service.stream.stream.seek(0)

    def run_all(self) -> None:
        """Handle a run of predictions up to encoded bytes."""
        self.run()
        self.collect.encode()
