"""A small OTLP/HTTP endpoint on loopback that counts what arrives and misbehaves when told to."""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

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
from typing_extensions import Self

_TYPES: dict[str, tuple[Any, Any, str]] = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse, "rejected_spans"),
    "/v1/metrics": (
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
        "rejected_data_points",
    ),
    "/v1/logs": (ExportLogsServiceRequest, ExportLogsServiceResponse, "rejected_log_records"),
}
_DECODE = {"gzip": gzip.decompress, "deflate": zlib.decompress}


class OtlpServer:
    """Takes spans, metrics and log records; ``with OtlpServer() as server``.

    Set ``mode`` to choose what the next requests meet: ``ok``, a status such as ``503`` or
    ``429``, ``hang`` (the request is read, the answer never comes), ``close`` (the connection is
    closed), ``slow`` (the answer takes ``delay_s``), ``html`` (a web page), ``partial``
    (``rejected`` items are refused). ``script`` holds modes for the next requests, one each,
    before ``mode`` applies again; ``paths`` limits all of that to some paths.

    Args:
        port: The port to listen on; 0 takes a free one.
    """

    def __init__(self, port: int = 0) -> None:
        self.mode: str | int = "ok"
        self.script: list[str | int] = []
        self.paths: set[str] = set(_TYPES)
        self.retry_after: str | None = None
        self.rejected = 0
        self.delay_s = 0.2
        self.spans: list[Any] = []
        self.metrics: list[Any] = []
        self.logs: list[Any] = []
        self.resources: list[dict[str, Any]] = []
        self.requests: list[tuple[float, str, str | int, dict[str, str]]] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="otlp-server", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop listening and let every hanging request go."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def span_names(self) -> list[str]:
        """The names of the spans so far, in the order in which they came."""
        return [span.name for span in self.spans]

    def points(self, metric: str) -> list[Any]:
        """The data points of one metric so far."""
        found: list[Any] = []
        for one in self.metrics:
            if one.name == metric:
                found.extend(getattr(one, one.WhichOneof("data")).data_points)
        return found

    def wait_for(self, what: str, count: int, timeout_s: float = 10.0) -> bool:
        """Wait until ``spans``, ``metrics``, ``logs`` or ``requests`` has ``count`` items."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if len(getattr(self, what)) >= count:
                return True
            time.sleep(0.01)
        return False

    def environment(self) -> dict[str, str]:
        """The variables by which a process exports here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url}

    def _mode(self, path: str) -> str | int:
        with self._lock:
            if path not in self.paths:
                return "ok"
            return self.script.pop(0) if self.script else self.mode

    def _take(self, path: str, body: bytes) -> None:
        message = _TYPES[path][0].FromString(body)
        with self._lock:
            for resource in message.ListFields()[0][1] if message.ListFields() else ():
                attributes = resource.resource.attributes
                self.resources.append({a.key: _value(a.value) for a in attributes})
                for field in ("scope_spans", "scope_metrics", "scope_logs"):
                    for scope in getattr(resource, field, ()):
                        self.spans.extend(getattr(scope, "spans", ()))
                        self.metrics.extend(getattr(scope, "metrics", ()))
                        self.logs.extend(getattr(scope, "log_records", ()))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.path not in _TYPES:
                    self._answer(404, b"")
                    return
                mode = owner._mode(self.path)
                headers = {key.lower(): value for key, value in self.headers.items()}
                owner.requests.append((time.monotonic(), self.path, mode, headers))
                self._do(mode, body)

            def _do(self, mode: str | int, body: bytes) -> None:
                if mode == "hang":
                    owner._released.wait(60)
                    self.close_connection = True
                    return
                if mode == "close":
                    self.close_connection = True
                    return
                if mode == "html":
                    self._answer(200, b"<html></html>", "text/html")
                    return
                if isinstance(mode, int):
                    self._answer(mode, b"")
                    return
                if mode == "slow":
                    owner._released.wait(owner.delay_s)
                coding = self.headers.get("content-encoding", "")
                owner._take(self.path, _DECODE.get(coding, bytes)(body))
                response = _TYPES[self.path][1]()
                if mode == "partial":
                    setattr(response.partial_success, _TYPES[self.path][2], owner.rejected)
                    response.partial_success.error_message = "some were refused"
                self._answer(200, response.SerializeToString())

            def _answer(
                self, status: int, body: bytes, kind: str = "application/x-protobuf"
            ) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                if owner.retry_after is not None and status in {429, 503}:
                    self.send_header("retry-after", owner.retry_after)
                self.end_headers()
                self.wfile.write(body)

        return Handler


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")
