"""What both receivers share: the three signals, and the limits of a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb

from otelml.viewer.decode import decode_logs, decode_metrics, decode_traces
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
    ) -> None:
        self.request, self.response, self.decode, self.rejected = (
            request, response, decode, rejected,
        )  # fmt: skip

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
    ),
    "metrics": Signal(
        metrics_pb.ExportMetricsServiceRequest,
        metrics_pb.ExportMetricsServiceResponse,
        decode_metrics,
        "rejected_data_points",
    ),
    "logs": Signal(
        logs_pb.ExportLogsServiceRequest,
        logs_pb.ExportLogsServiceResponse,
        decode_logs,
        "rejected_log_records",
    ),
}
