"""A steady load of OTLP, cheap enough to leave the cores to what is measured.

Each request is serialised once; what must differ from one to the next, ids, times and values, is
written into its bytes.
"""

from __future__ import annotations

import http.client
import struct
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME

from otelml import semconv

SERVICE = "load"
SPANS_A_TRACE = 5
_ROUNDS_A_SECOND = 10
# Each series is written again only after this, as an exporter would.
_SERIES_EVERY_ROUNDS = 15
_RETRIED = {429, 502, 503, 504}
_NS = 1_000_000_000
_STAGES = ("POST /predict", "predict loan", "feature_extraction", "inference", "post_processing")
_BODY = "loan approved: confidence 0.87 after 11 features, one of them missing and filled in"

Bytes = NDArray[np.uint8]


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


class _Slots:
    """Places of equal width in a serialised message, all written at once.

    Args:
        message: The message, serialised.
        marks: What stands at each place; each occurs exactly once.
    """

    def __init__(self, message: bytes, marks: list[bytes]) -> None:
        starts: list[int] = []
        at = 0
        for mark in marks:
            at = message.index(mark, at)
            starts.append(at)
            at += len(mark)
        self._at = np.array(starts)[:, None] + np.arange(len(marks[0]))

    def write(self, buffer: Bytes, values: Bytes) -> None:
        """Write ``values``, one row a place."""
        buffer[self._at] = values


def _times(count: int, now_ns: int) -> Bytes:
    """Return ``count`` little-endian nanoseconds, a microsecond apart, ending now."""
    values = now_ns - np.arange(count, dtype=np.int64)[::-1] * 1000
    return values.astype("<u8").view(np.uint8).reshape(count, 8)


def _mark(kind: int, number: int) -> bytes:
    return struct.pack("<II", 0xF0F0F0F0 + kind, number)


class Spans:
    """Requests of whole traces: a server span, a prediction, three stages."""

    path = "/v1/traces"

    def __init__(self, items: int) -> None:
        self.items = items - items % SPANS_A_TRACE
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        resource.resource.attributes.append(_text(SERVICE_NAME, SERVICE))
        scope = resource.scope_spans.add()
        for number in range(self.items):
            kind = number % SPANS_A_TRACE
            first = number - kind
            span = scope.spans.add(
                trace_id=_mark(0, number) * 2,
                span_id=_mark(1, number),
                parent_span_id=_mark(2, number),
                name=_STAGES[kind],
                kind=2 if kind == 0 else 1,
                start_time_unix_nano=struct.unpack("<Q", _mark(3, number))[0],
                end_time_unix_nano=struct.unpack("<Q", _mark(4, number))[0],
            )
            span.attributes.extend(
                [
                    _text(semconv.ML_MODEL_NAME, "loan"),
                    _text(semconv.ML_MODEL_VERSION, "1.4.0"),
                    _text(semconv.ML_STAGE_NAME, _STAGES[kind]),
                    _text("http.route", "/predict"),
                    KeyValue(key="row", value=AnyValue(int_value=first)),
                ]
            )
        message = request.SerializeToString()
        numbers = range(self.items)
        self._trace = _Slots(message, [_mark(0, n) * 2 for n in numbers])
        self._ids = [_Slots(message, [_mark(kind, n) for n in numbers]) for kind in (1, 2)]
        self._times = [_Slots(message, [_mark(kind, n) for n in numbers]) for kind in (3, 4)]
        self._buffer = np.frombuffer(bytearray(message), np.uint8)
        self._random = np.random.default_rng()
        # Some traces, to look for afterwards.
        self.samples: list[str] = []

    def request(self) -> bytes:
        """Return the next request."""
        traces = self.items // SPANS_A_TRACE
        trace_ids = self._random.integers(0, 256, (traces, 16), np.uint8)
        span_ids = self._random.integers(0, 256, (self.items, 8), np.uint8)
        parents = np.repeat(span_ids[::SPANS_A_TRACE], SPANS_A_TRACE, axis=0)
        self._trace.write(self._buffer, np.repeat(trace_ids, SPANS_A_TRACE, axis=0))
        self._ids[0].write(self._buffer, span_ids)
        self._ids[1].write(self._buffer, parents)
        now_ns = time.time_ns()
        self._times[0].write(self._buffer, _times(self.items, now_ns - 5_000_000))
        self._times[1].write(self._buffer, _times(self.items, now_ns))
        self.samples.append(trace_ids[0].tobytes().hex())
        return self._buffer.tobytes()


class Points:
    """Requests of counters, every series written again after 1.5 seconds."""

    path = "/v1/metrics"

    def __init__(self, items: int) -> None:
        self.items = items
        self._messages = [self._message(part) for part in range(_SERIES_EVERY_ROUNDS)]
        self._round = 0

    def _message(self, part: int) -> tuple[Bytes, _Slots, _Slots]:
        request = ExportMetricsServiceRequest()
        resource = request.resource_metrics.add()
        resource.resource.attributes.append(_text(SERVICE_NAME, SERVICE))
        resource.resource.attributes.append(_text(SERVICE_INSTANCE_ID, f"load-{part}"))
        metric = resource.scope_metrics.add().metrics.add(name="load.items", unit="{item}")
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = (
            AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        )
        for number in range(self.items):
            metric.sum.data_points.add(
                start_time_unix_nano=time.time_ns(),
                time_unix_nano=struct.unpack("<Q", _mark(0, number))[0],
                as_int=struct.unpack("<q", _mark(1, number))[0],
                attributes=[
                    _text(semconv.ML_MODEL_NAME, f"model-{number % 10}"),
                    _text("series", str(number)),
                ],
            )
        message = request.SerializeToString()
        numbers = range(self.items)
        return (
            np.frombuffer(bytearray(message), np.uint8),
            _Slots(message, [_mark(0, n) for n in numbers]),
            _Slots(message, [_mark(1, n) for n in numbers]),
        )

    def request(self) -> bytes:
        """Return the next request."""
        buffer, times, values = self._messages[self._round % _SERIES_EVERY_ROUNDS]
        self._round += 1
        times.write(buffer, _times(self.items, time.time_ns()))
        row = np.frombuffer(struct.pack("<q", self._round), np.uint8)
        values.write(buffer, np.broadcast_to(row, (self.items, 8)))
        return buffer.tobytes()


class Logs:
    """Requests of log lines, each with ids and a few attributes."""

    path = "/v1/logs"

    def __init__(self, items: int) -> None:
        self.items = items
        request = ExportLogsServiceRequest()
        resource = request.resource_logs.add()
        resource.resource.attributes.append(_text(SERVICE_NAME, SERVICE))
        scope = resource.scope_logs.add()
        for number in range(items):
            scope.log_records.add(
                time_unix_nano=struct.unpack("<Q", _mark(0, number))[0],
                severity_number=9,
                severity_text="INFO",
                body=AnyValue(string_value=_BODY),
                trace_id=_mark(1, number) * 2,
                span_id=_mark(2, number),
                attributes=[
                    _text("code.function.name", "decide"),
                    KeyValue(key="row", value=AnyValue(int_value=number)),
                ],
            )
        message = request.SerializeToString()
        numbers = range(items)
        self._slots = [
            _Slots(message, [_mark(kind, n) * (2 if kind == 1 else 1) for n in numbers])
            for kind in range(3)
        ]
        self._buffer = np.frombuffer(bytearray(message), np.uint8)
        self._random = np.random.default_rng()

    def request(self) -> bytes:
        """Return the next request."""
        times, traces, spans = self._slots
        times.write(self._buffer, _times(self.items, time.time_ns()))
        traces.write(self._buffer, self._random.integers(0, 256, (self.items, 16), np.uint8))
        spans.write(self._buffer, self._random.integers(0, 256, (self.items, 8), np.uint8))
        return self._buffer.tobytes()


@dataclass
class Sent:
    """What became of one signal's items.

    Args:
        items: Acknowledged.
        retries: Requests that were refused for the moment and sent again.
        refused: Items given up.
        answers: Other statuses seen, with their number.
        seconds: From the first request to the last answer.
    """

    items: int = 0
    retries: int = 0
    refused: int = 0
    answers: dict[int, int] = field(default_factory=dict[int, int])
    seconds: float = 0.0


def _post(connection: http.client.HTTPConnection, path: str, body: bytes) -> int:
    connection.request("POST", path, body, {"Content-Type": "application/x-protobuf"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _send(source: Spans | Points | Logs, url: str, rounds: int, sent: Sent) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    started = time.monotonic()
    for number in range(rounds):
        time.sleep(max(0.0, started + number / _ROUNDS_A_SECOND - time.monotonic()))
        body = source.request()
        status = _post(connection, source.path, body)
        for _ in range(100):
            if status not in _RETRIED:
                break
            sent.retries += 1
            time.sleep(0.1)
            status = _post(connection, source.path, body)
        if status == http.client.OK:
            sent.items += source.items
        else:
            sent.refused += source.items
            sent.answers[status] = sent.answers.get(status, 0) + 1
    sent.seconds = time.monotonic() - started
    connection.close()


def run(url: str, rate: int, seconds: float) -> tuple[dict[str, Sent], list[str]]:
    """Send a third each of spans, points and logs; return what was taken, and some trace ids.

    Args:
        url: Of an OTLP/HTTP receiver.
        rate: Items a second, all signals together.
        seconds: How long; longer where the receiver is slower than the rate.
    """
    items = round(rate / 3 / _ROUNDS_A_SECOND)
    spans = Spans(items + -items % SPANS_A_TRACE)
    sources = {"spans": spans, "points": Points(items), "logs": Logs(items)}
    sent = {name: Sent() for name in sources}
    rounds = round(seconds * _ROUNDS_A_SECOND)
    threads = [
        threading.Thread(target=_send, args=(source, url, rounds, sent[name]))
        for name, source in sources.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent, spans.samples
