"""The OTLP/gRPC receiver."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any, NoReturn

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from otelml.exceptions import PortInUseError
from otelml.viewer.decode import TooMuchError
from otelml.viewer.receive.grpc_token import AskForToken
from otelml.viewer.receive.limits import BUSY, TOO_LARGE, UNREADABLE, BusyError, Work
from otelml.viewer.receive.signals import (
    COMMIT_WAIT_S,
    RETRY_AFTER_S,
    SIGNALS,
    Signal,
)
from otelml.viewer.records import Batch
from otelml.viewer.store import Store, StoreUnavailableError

_SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}
_WORKERS = 8
# gRPC holds a message before anyone is asked; the Collector takes 4 MiB.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_MAX_CALLS = 64
# A call whose message never comes holds a thread as long as its connection lasts.
_CONNECTION_AGE_MS, _CONNECTION_GRACE_MS = 120_000, 40_000


def create_grpc_server(
    store: Store,
    host: str,
    port: int,
    option: str,
    work: Work | None = None,
    token: str = "",
) -> tuple[grpc.Server, int]:
    """Return a bound server and its port; it serves once started.

    Args:
        store: Where data goes.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        option: Whose name a message about the port has.
        work: What is under way in all receivers.
        token: What a sender must show; empty where none is asked for.

    Raises:
        PortInUseError: The port is taken.
    """
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(_WORKERS, "otelml-viewer-grpc"),
        interceptors=[AskForToken(token)] if token else None,
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_connection_age_ms", _CONNECTION_AGE_MS),
            ("grpc.max_connection_age_grace_ms", _CONNECTION_GRACE_MS),
            ("grpc.max_concurrent_streams", _MAX_CALLS),
        ],
        maximum_concurrent_rpcs=_MAX_CALLS,
    )
    for name, signal in SIGNALS.items():
        # Bytes in: a message that cannot be decoded is then ours to answer.
        handler = grpc.unary_unary_rpc_method_handler(
            _method(signal, store, work or Work()),
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


def _method(
    signal: Signal, store: Store, work: Work
) -> Callable[[bytes, grpc.ServicerContext], Any]:
    def read(body: bytes) -> Batch:
        work.take(len(body))
        try:
            with work.decoding():
                return signal.read(body)
        finally:
            work.give(len(body))

    def export(body: bytes, context: grpc.ServicerContext) -> Any:
        try:
            batch = read(body)
        except BusyError as error:
            store.refuse(BUSY)
            _abort_for_retry(context, str(error))
        except TooMuchError as error:
            store.refuse(TOO_LARGE)
            # Without the time to come back: a sender drops what will never be taken.
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except (DecodeError, ValueError) as error:
            store.refuse(UNREADABLE)
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"cannot be decoded: {error}")
        try:
            store.submit(batch).result(COMMIT_WAIT_S)
        except (StoreUnavailableError, concurrent.futures.TimeoutError) as error:
            _abort_for_retry(context, str(error) or "the store is too slow")
        return signal.answer(batch)

    return export


def _abort_for_retry(context: grpc.ServicerContext, message: str) -> NoReturn:
    """Refuse for now; senders only retry RESOURCE_EXHAUSTED when told how long to wait."""
    status = Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message=message)
    status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S)))
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
