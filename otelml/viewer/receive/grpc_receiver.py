"""The OTLP/gRPC receiver."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from otelml.exceptions import PortInUseError
from otelml.viewer.receive.signals import (
    COMMIT_WAIT_S,
    MAX_BODY_BYTES,
    RETRY_AFTER_S,
    SIGNALS,
    Signal,
)
from otelml.viewer.store import Store, StoreUnavailableError

_SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}
_WORKERS = 8


def create_grpc_server(store: Store, host: str, port: int, option: str) -> tuple[grpc.Server, int]:
    """Return a bound server and its port; it serves once started.

    Raises:
        PortInUseError: The port is taken.
    """
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(_WORKERS, "otelml-viewer-grpc"),
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MAX_BODY_BYTES),
        ],
    )
    for name, signal in SIGNALS.items():
        # Bytes in: a message that cannot be decoded is then ours to answer.
        handler = grpc.unary_unary_rpc_method_handler(
            _method(signal, store),
            request_deserializer=None,
            response_serializer=signal.response.SerializeToString,
        )
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(_SERVICES[name], {"Export": handler})]
        )
    try:
        bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        raise PortInUseError(port, option) from error
    if not bound:
        raise PortInUseError(port, option)
    return server, bound


def _method(signal: Signal, store: Store) -> Callable[[bytes, grpc.ServicerContext], Any]:
    def export(body: bytes, context: grpc.ServicerContext) -> Any:
        try:
            batch = signal.decode(signal.request.FromString(body))
        except (DecodeError, ValueError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"cannot be decoded: {error}")
        try:
            store.submit(batch).result(COMMIT_WAIT_S)
        except (StoreUnavailableError, concurrent.futures.TimeoutError) as error:
            _abort_for_retry(context, str(error) or "the store is too slow")
        return signal.answer(batch)

    return export


def _abort_for_retry(context: grpc.ServicerContext, message: str) -> None:
    """Refuse for now; senders only retry RESOURCE_EXHAUSTED when told how long to wait."""
    status = Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message=message)
    status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S)))
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
