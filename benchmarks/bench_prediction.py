"""Cost of a prediction: our request thread and total CPU against hand-written OpenTelemetry."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

import otelml
from benchmarks.handwritten import ROW, HandWritten
from benchmarks.harness import Figure, compare
from otelml._prediction.runtime import install_runtime
from otelml._startup.pipeline import Pipeline
from otelml.config import Config, LogOptions, TraceOptions
from otelml.instrumentors.logging.json_lines import JsonLineFormatter

PER_RUN = 1000
RESOURCE = Resource({"service.name": "loan-api"})


class Collect(SpanProcessor):
    """Keeps ended spans until they are encoded, as a batch processor does."""

    def __init__(self, encode: Callable[[Sequence[ReadableSpan]], bytes]) -> None:
        self.spans: list[ReadableSpan] = []
        self.bytes = 0
        self._encode = encode

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span."""
        self.spans.append(span)

    def encode(self) -> None:
        """Encode what was kept, in batches of 512, the default."""
        spans, self.spans = self.spans, []
        for at in range(0, len(spans), 512):
            self.bytes += len(self._encode(spans[at : at + 512]))


def _encode_sdk(spans: Sequence[ReadableSpan]) -> bytes:
    return bytes(encode_spans(spans).SerializePartialToString())


class Ours:
    """A service instrumented by otelml, its worker driven by hand so that it can be timed.

    Args:
        sampler: The sampler.
        features: Features of each prediction.
    """

    def __init__(self, sampler: Sampler = ALWAYS_ON, features: Any = None) -> None:
        from otelml._providers.encode import encode_spans_fast

        self.collect = Collect(encode_spans_fast)
        tracer_provider = TracerProvider(sampler, RESOURCE, shutdown_on_exit=False)
        tracer_provider.add_span_processor(self.collect)
        self.reader = InMemoryMetricReader()
        self.tracer_provider = tracer_provider
        self.meter_provider = MeterProvider([self.reader], RESOURCE, shutdown_on_exit=False)
        self.features = ROW if features is None else features
        config = Config(
            logs=LogOptions(sample_ratio=1.0, otlp=False),
            traces=TraceOptions(queue_size=1_000_000),
        )
        self.handler = logging.StreamHandler(io.StringIO())
        self.handler.setFormatter(JsonLineFormatter("loan-api"))
        self.pipeline = Pipeline(config, self)
        install_runtime(self.pipeline.runtime)  # and no worker thread: drain() does its part

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


def _logfire() -> Callable[[], None]:
    import logfire
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Count(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            del spans
            return SpanExportResult.SUCCESS

    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    local = logfire.configure(
        local=True,
        send_to_logfire=False,
        console=False,
        additional_span_processors=[BatchSpanProcessor(Count())],
        metrics=False,
    )

    def run() -> None:
        for _ in range(PER_RUN):
            with local.span("predict", model="loan", version="3"):
                with local.span("feature_extraction"):
                    pass
                with local.span("inference"):
                    pass
                with local.span("post_processing"):
                    pass

    return run


def figures(*, quick: bool) -> list[Figure]:
    """Return the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    runs = 3 if quick else 9
    ours, theirs = Ours(), Theirs()

    def between() -> None:
        ours.drain()
        theirs.collect.encode()

    found = [
        compare(
            "prediction_request_thread",
            ours.run,
            theirs.run,
            target=0.08,
            runs=runs,
            per_run=PER_RUN,
            between=between,
        ),
        compare(
            "prediction_total_cpu",
            ours.run_all,
            theirs.run_all,
            target=0.25,
            runs=runs,
            per_run=PER_RUN,
            clock=time.process_time,
        ),
        compare(
            "prediction_vs_logfire",
            ours.run,
            _logfire(),
            target=0.08,
            runs=runs,
            per_run=PER_RUN,
            between=between,
        ),
    ]
    ours.pipeline.stop(time.monotonic() + 5)
    batch = batch_rows(quick=quick)
    return [*found, _unsampled(runs), *_growth(runs), *([batch] if batch else [])]


def _switching(one: Ours, other: Ours) -> tuple[Callable[[], None], Callable[[], None]]:
    def of(side: Ours) -> Callable[[], None]:
        def run() -> None:
            install_runtime(side.pipeline.runtime)
            side.run()

        return run

    return of(one), of(other)


def _unsampled(runs: int) -> Figure:
    off, on = Ours(ALWAYS_OFF), Ours(ALWAYS_ON)
    ours, theirs = _switching(off, on)

    def between() -> None:
        off.drain()
        on.drain()

    return compare(
        "unsampled", ours, theirs, target=0.6, runs=runs, per_run=PER_RUN, between=between
    )


def _growth(runs: int) -> list[Figure]:
    found: list[Figure] = []
    small = Ours()
    for count in (10, 100, 1000):
        large = Ours(features={f"f{i}": float(i) for i in range(count)})
        ours, theirs = _switching(large, small)

        def between(one: Ours = large) -> None:
            one.drain()
            small.drain()

        found.append(
            compare(
                f"features_{count}",
                ours,
                theirs,
                target=1.0 + count / 100,
                runs=runs,
                per_run=PER_RUN,
                between=between,
                note=f"request thread with {count} features ÷ 11; the row itself is copied",
            )
        )
    return [*found, *_models(runs), _uptime(runs)]


def _models(runs: int) -> list[Figure]:
    found: list[Figure] = []
    service = Ours()

    def predictions_of(count: int) -> Callable[[], None]:
        names = [f"model-{i}" for i in range(count)]

        def run() -> None:
            for i in range(PER_RUN):
                with otelml.prediction(names[i % count], version="3", features=ROW) as p:
                    p.set_result(label="approved", confidence=0.9)
            service.drain()

        return run

    for count in (10, 100):
        found.append(  # noqa: PERF401 - a figure is no list element to compute
            compare(
                f"models_{count}",
                predictions_of(count),
                predictions_of(1),
                target=1.3,
                runs=runs,
                per_run=PER_RUN,
                clock=time.process_time,
                note=f"total CPU a prediction, {count} models ÷ 1",
            )
        )
    return found


def _uptime(runs: int) -> Figure:
    old, new = Ours(), Ours()
    ours, theirs = _switching(old, new)
    ours()
    for _ in range(10):
        old.run()
        old.drain()

    def between() -> None:
        old.drain()
        new.drain()

    return compare(
        "uptime",
        ours,
        theirs,
        target=1.15,
        runs=runs,
        per_run=PER_RUN,
        between=between,
        note="request thread after 11,000 predictions ÷ a fresh one",
    )


def batch_rows(*, quick: bool) -> Figure | None:
    """Return the cost of recording a batch of 10,000 rows, against whylogs where it installs."""
    try:
        import pandas as pd
        import whylogs
    except ImportError:
        return None
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(10_000, 30))
    frame = pd.DataFrame(matrix, columns=[f"f{i}" for i in range(30)])
    labels = np.array(["a", "b"])[(matrix[:, 0] > 0).astype(int)]
    confidences = rng.uniform(size=10_000)
    service = Ours()

    def ours() -> None:
        with otelml.prediction("loan", version="3", features=frame) as p:
            p.set_result(label=labels, confidence=confidences)
        service.drain()

    return compare(
        "batch_rows",
        ours,
        lambda: whylogs.log(frame),
        target=0.02,
        runs=3 if quick else 7,
        clock=time.process_time,
    )
