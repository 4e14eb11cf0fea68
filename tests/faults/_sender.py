"""A sender of OTLP whose every item has an id, and which knows which were acknowledged."""

from __future__ import annotations

import http.client
import itertools
import secrets
import threading
import time
from collections import Counter
from contextlib import contextmanager
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

SIGNALS = ("spans", "points", "logs")
METRIC = "fault.item"
NO_ANSWER = 0
_PATHS = {"spans": "/v1/traces", "points": "/v1/metrics", "logs": "/v1/logs"}
_REQUESTS = {
    "spans": ExportTraceServiceRequest,
    "points": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}
_ANSWERS = {
    "spans": ExportTraceServiceResponse,
    "points": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
_TIMEOUT_S = 30.0


def text(key: str, value: str) -> KeyValue:
    """Return an attribute."""
    return KeyValue(key=key, value=AnyValue(string_value=value))


class Sender:
    """Sends items of all signals, each with a number of its own, and keeps the books.

    Args:
        endpoint: Of the Collector, OTLP over HTTP.
        token: What to show it, where it asks for one.

    The number of an item is its span id, less one; the value and a label of its point; the end of
    its log line. The spans of one request are one trace.
    """

    def __init__(self, endpoint: str, token: str | None = None) -> None:
        self._headers = {"Content-Type": "application/x-protobuf"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self.prefix = secrets.token_bytes(8)
        self.service = f"fault-{self.prefix.hex()}"
        self.sent: dict[str, set[int]] = {signal: set() for signal in SIGNALS}
        self.acknowledged: dict[str, set[int]] = {signal: set() for signal in SIGNALS}
        self.statuses: dict[str, Counter[int]] = {signal: Counter() for signal in SIGNALS}
        self.traces: dict[bytes, range] = {}
        self._address = urlsplit(endpoint).netloc
        self._numbers = {signal: itertools.count() for signal in SIGNALS}
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def send(self, signal: str, count: int, *, ahead_s: float = 0.0, pad: int = 0) -> int:
        """Send a request of that many items; return its status, `NO_ANSWER` if there was none.

        Args:
            signal: One of `SIGNALS`.
            count: Items in it.
            ahead_s: How far in the future, or the past, their times are.
            pad: Bytes added to each span and log line.
        """
        return self.send_mixed(signal, [(count, ahead_s)], pad=pad)

    def send_mixed(self, signal: str, parts: list[tuple[int, float]], *, pad: int = 0) -> int:
        """Send one request of parts, each a count of items and how far ahead their times are."""
        numbers, body = self._build(signal, parts, pad)
        self.sent[signal].update(numbers)
        status, answer = self._post(signal, body)
        self.statuses[signal][status] += 1
        if status == http.client.OK:
            # The Collector always sets it, empty where all was taken.
            assert _ANSWERS[signal].FromString(answer).partial_success.ByteSize() == 0
            self.acknowledged[signal].update(numbers)
        return status

    def send_refused_log(self) -> int:
        """Send a log record with more attributes than Loki takes; return the status."""
        request = self._logs(None, range(1), time.time_ns(), "")
        record = request.resource_logs[0].scope_logs[0].log_records[0]
        record.attributes.extend(text(f"number {n}", "x") for n in range(300))
        return self._post("logs", request.SerializeToString())[0]

    @staticmethod
    def request_of(signal: str, body: bytes):
        """Return the request in a body."""
        return _REQUESTS[signal].FromString(body)

    def unacknowledged(self, signal: str) -> int:
        """Return how many items were sent and not acknowledged."""
        return len(self.sent[signal] - self.acknowledged[signal])

    def close(self) -> None:
        """Close its connections."""
        for connection in self._connections.values():
            connection.close()

    def _build(self, signal, parts, pad) -> tuple[list[int], bytes]:
        build = {"spans": self._spans, "points": self._points, "logs": self._logs}[signal]
        numbers: list[int] = []
        request = None
        for count, ahead_s in parts:
            part = list(itertools.islice(self._numbers[signal], count))
            at = time.time_ns() + int(ahead_s * 1e9)
            request = build(request, range(part[0], part[-1] + 1), at, "x" * pad)
            numbers += part
        return numbers, request.SerializeToString()

    def _post(self, signal: str, body: bytes) -> tuple[int, bytes]:
        connection = self._connections.setdefault(
            signal, http.client.HTTPConnection(self._address, timeout=_TIMEOUT_S)
        )
        try:
            connection.request("POST", _PATHS[signal], body, self._headers)
            with connection.getresponse() as response:
                return response.status, response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return NO_ANSWER, b""

    def _resource(self, resource) -> None:
        resource.attributes.append(text("service.name", self.service))
        resource.attributes.append(text("service.instance.id", "one"))

    def _spans(self, request, numbers: range, at: int, pad: str) -> ExportTraceServiceRequest:
        if request is None:
            request = ExportTraceServiceRequest()
            self._resource(request.resource_spans.add().resource)
            request.resource_spans[0].scope_spans.add()
        trace = self.prefix + numbers[0].to_bytes(8, "big")
        self.traces[trace] = numbers
        for number in numbers:
            span = (
                request.resource_spans[0]
                .scope_spans[0]
                .spans.add(
                    trace_id=trace,
                    span_id=(number + 1).to_bytes(8, "big"),
                    name="item",
                    kind=1,
                    start_time_unix_nano=at,
                    end_time_unix_nano=at + 1000,
                )
            )
            if pad:
                span.attributes.append(text("pad", pad))
        return request

    def _points(self, request, numbers: range, at: int, _: str) -> ExportMetricsServiceRequest:
        if request is None:
            request = ExportMetricsServiceRequest()
            self._resource(request.resource_metrics.add().resource)
            request.resource_metrics[0].scope_metrics.add().metrics.add(
                name=METRIC
            ).gauge.SetInParent()
        gauge = request.resource_metrics[0].scope_metrics[0].metrics[0].gauge
        for number in numbers:
            point = gauge.data_points.add(time_unix_nano=at, as_int=number)
            point.attributes.append(text("item", str(number)))
        return request

    def _logs(self, request, numbers: range, at: int, pad: str) -> ExportLogsServiceRequest:
        if request is None:
            request = ExportLogsServiceRequest()
            self._resource(request.resource_logs.add().resource)
            request.resource_logs[0].scope_logs.add()
        for offset, number in enumerate(numbers):
            record = (
                request.resource_logs[0]
                .scope_logs[0]
                .log_records.add(time_unix_nano=at + offset, observed_time_unix_nano=at + offset)
            )
            record.body.string_value = f"{pad} item {number}"
        return request


@contextmanager
def load(sender: Sender, *, items: int = 40, every_s: float = 0.2, signals=SIGNALS, pad: int = 0):
    """Send requests of every signal, steadily, each signal in a thread of its own, until the end."""
    end = threading.Event()

    def run(signal: str) -> None:
        due = time.monotonic()
        while not end.wait(max(0.0, due - time.monotonic())):
            sender.send(signal, items, pad=pad)
            due = max(due + every_s, time.monotonic() - 1.0)

    threads = [threading.Thread(target=run, args=(signal,)) for signal in signals]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join(_TIMEOUT_S * 2)
        assert not any(thread.is_alive() for thread in threads)
