"""What both receivers share: the three signals, and the limits of a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb

from otelml.viewer.decode import (
    decode_logs,
    decode_metrics,
    decode_traces,
    salvage,
    salvage_json,
    tables,
    weigh,
    weigh_json,
)
from otelml.viewer.receive.limits import (
    FEW_BYTES,
    MAX_ITEMS,
    MAX_JSON_PARTS,
    MAX_PARTS,
    SMALL_BYTES,
)
from otelml.viewer.records import Batch

MAX_BODY_BYTES = 32 * 1024 * 1024
RETRY_AFTER_S = 2
COMMIT_WAIT_S = 30.0


class Signal:
    """One of the three signals: its messages and its decoder."""

    def __init__(
        self,
        request: type[Message],
        response: type[Message],
        decode: Callable[[Any], Batch],
        rejected: str,
        path: tuple[str, ...],
    ) -> None:
        self.request, self.response, self._decode, self.rejected = (
            request, response, decode, rejected,
        )  # fmt: skip
        self._path = path
        self._items, self._parts = tables(request.DESCRIPTOR, path)

    def read(self, raw: bytes, *, is_json: bool = False, parts: int = MAX_JSON_PARTS) -> Batch:
        """Return a body's rows; what is bad in it is left out and counted.

        Args:
            raw: The body.
            is_json: Whether it is JSON; protobuf otherwise.
            parts: How many objects, lists and values it may have as JSON.

        Raises:
            DecodeError: It is no protobuf.
            TooMuchError: It holds more than is taken at a time.
            ValueError: It is no OTLP/JSON.
        """
        bad = 0
        if is_json:
            weigh_json(raw, parts)
            message, bad = salvage_json(raw, self.request(), self._path, MAX_ITEMS)
        else:
            # Before anything is made of it: two bytes may stand for a record.
            if len(raw) > FEW_BYTES:
                weigh(raw, self._items, MAX_ITEMS)
            if len(raw) > SMALL_BYTES:
                weigh(raw, self._parts, MAX_PARTS)
            try:
                message = self.request.FromString(raw)
            except DecodeError:
                message, bad = salvage(raw, self.request, self._path)
        batch = self._decode(message)
        batch.reject("an item cannot be read, such as a string that is not UTF-8", count=bad)
        batch.key = hash(raw)
        return batch

    def answer(self, batch: Batch) -> Message:
        """Return the response message, with what was rejected."""
        response: Any = self.response()
        if batch.rejected:
            setattr(response.partial_success, self.rejected, batch.rejected)
            response.partial_success.error_message = batch.message
        return response  # type: ignore[no-any-return]  # generated classes have no common type


SIGNALS = {
    "traces": Signal(
        trace_pb.ExportTraceServiceRequest,
        trace_pb.ExportTraceServiceResponse,
        decode_traces,
        "rejected_spans",
        ("resource_spans", "scope_spans", "spans"),
    ),
    "metrics": Signal(
        metrics_pb.ExportMetricsServiceRequest,
        metrics_pb.ExportMetricsServiceResponse,
        decode_metrics,
        "rejected_data_points",
        ("resource_metrics", "scope_metrics", "metrics", "*", "data_points"),
    ),
    "logs": Signal(
        logs_pb.ExportLogsServiceRequest,
        logs_pb.ExportLogsServiceResponse,
        decode_logs,
        "rejected_log_records",
        ("resource_logs", "scope_logs", "log_records"),
    ),
}
