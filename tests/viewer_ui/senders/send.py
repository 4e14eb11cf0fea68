"""Python senders: ``send.py sdk-http|sdk-grpc|logfire|openinference ADDRESS ROUNDS``.

Prints what the receiver has acknowledged.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter as CounterInstrument
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Status, StatusCode

KIND, ADDRESS, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
ACKNOWLEDGED: Counter[str] = Counter(spans=0, logs=0, exports=0)
GRPC = KIND == "sdk-grpc"
if GRPC:
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter


def exporter(made: type, path: str, name: str, **more: Any) -> Any:
    """An exporter that counts what was acknowledged."""

    class Counted(made):  # type: ignore[misc]
        def export(self, batch: Any, *args: Any, **kwargs: Any) -> Any:
            result = super().export(batch, *args, **kwargs)
            if result.name == "SUCCESS":
                ACKNOWLEDGED[name] += 1 if name == "exports" else len(batch)
            return result

    if GRPC:
        return Counted(endpoint=ADDRESS, insecure=True, **more)
    return Counted(endpoint=f"{ADDRESS}/v1/{path}", **more)


RESOURCE = Resource.create({"service.name": "sender"})


def spans_of_sdk() -> tuple[Any, Any]:
    """A tracer of the SDK, and what ends it."""
    provider: Any = TracerProvider(resource=RESOURCE)
    if KIND == "openinference":
        from openinference.instrumentation import TracerProvider as InferenceProvider

        provider = InferenceProvider(resource=RESOURCE)
    provider.add_span_processor(BatchSpanProcessor(exporter(OTLPSpanExporter, "traces", "spans")))
    return provider.get_tracer("sender-scope", "1.2.3"), provider.shutdown


def spans_of_logfire() -> tuple[Any, Any]:
    """Logfire's tracer, which also sends a span when one begins where it is told to."""
    import logfire

    made = exporter(OTLPSpanExporter, "traces", "spans")
    logfire.configure(
        send_to_logfire=False, service_name="sender", console=False, metrics=False,
        additional_span_processors=[BatchSpanProcessor(made)],
    )  # fmt: skip
    from opentelemetry import trace

    return trace.get_tracer("sender-scope", "1.2.3"), logfire.shutdown


def main() -> None:
    """Sends everything, and prints what was acknowledged."""
    tracer, end_spans = spans_of_logfire() if KIND == "logfire" else spans_of_sdk()
    reader = PeriodicExportingMetricReader(
        exporter(
            OTLPMetricExporter, "metrics", "exports",
            preferred_temporality={CounterInstrument: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA},
            preferred_aggregation={Histogram: ExponentialBucketHistogramAggregation()},
        ),
        export_interval_millis=3_600_000,
    )  # fmt: skip
    meters = MeterProvider([reader], resource=RESOURCE)
    meter = meters.get_meter("sender-scope", "1.2.3")
    counter = meter.create_counter("sender.jobs", unit="{job}")
    histogram = meter.create_histogram("sender.duration", unit="s")
    loggers = LoggerProvider(resource=RESOURCE)
    loggers.add_log_record_processor(
        BatchLogRecordProcessor(exporter(OTLPLogExporter, "logs", "logs"))
    )
    logger = loggers.get_logger("sender-scope", "1.2.3")
    for number in range(ROUNDS):
        values: dict[str, Any] = {"round": number, "text": "ünïcode 🔥", "list": ["a", "b"]}
        if KIND == "openinference":
            values |= {"openinference.span.kind": "LLM", "llm.model_name": "small"}
        with tracer.start_as_current_span("job", attributes=values) as root:
            for name in ("read", "write"):
                with tracer.start_as_current_span(name, links=[Link(root.get_span_context())]):
                    pass
            if number == 0:
                root.record_exception(ValueError("disk full"))
                root.set_status(Status(StatusCode.ERROR, "disk full"))
            logger.emit(body=f"round {number}", severity_text="INFO")
        counter.add(3, {"kind": "odd" if number % 2 else "even"})
        histogram.record((number + 1) / 10)
        if number % 5 == 4:
            meters.force_flush()
    end_spans()
    meters.shutdown()
    loggers.shutdown()
    print(json.dumps(ACKNOWLEDGED))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
