"""Raw OTLP requests, over HTTP and gRPC, over TLS or not, with a token or not."""

from __future__ import annotations

import http.client
import secrets
import ssl
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

PROTOBUF = "application/x-protobuf"
_METHODS = {
    signal: f"/opentelemetry.proto.collector.{package}.v1.{service}Service/Export"
    for signal, package, service in (
        ("traces", "trace", "Trace"),
        ("metrics", "metrics", "Metrics"),
        ("logs", "logs", "Logs"),
    )
}


def text(key: str, value: str) -> KeyValue:
    """Return an attribute."""
    return KeyValue(key=key, value=AnyValue(string_value=value))


@dataclass
class Items:
    """A span, a point and a log line that belong together, under a name nobody else has."""

    service: str = field(default_factory=lambda: f"security-{secrets.token_hex(4)}")
    trace: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def requests(self) -> dict[str, bytes]:
        """Return the three requests."""
        now = time.time_ns()
        traces, metrics, logs = (
            ExportTraceServiceRequest(),
            ExportMetricsServiceRequest(),
            ExportLogsServiceRequest(),
        )
        for resource in (
            traces.resource_spans.add().resource,
            metrics.resource_metrics.add().resource,
            logs.resource_logs.add().resource,
        ):
            resource.attributes.append(text("service.name", self.service))
        traces.resource_spans[0].scope_spans.add().spans.add(
            trace_id=self.trace,
            span_id=b"12345678",
            name="security",
            start_time_unix_nano=now,
            end_time_unix_nano=now + 1000,
        )
        metric = metrics.resource_metrics[0].scope_metrics.add().metrics.add(name="security.item")
        metric.gauge.data_points.add(time_unix_nano=now, as_int=1)
        record = (
            logs.resource_logs[0]
            .scope_logs.add()
            .log_records.add(time_unix_nano=now, trace_id=self.trace, span_id=b"12345678")
        )
        record.body.string_value = "security"
        return {
            signal: message.SerializeToString()
            for signal, message in (("traces", traces), ("metrics", metrics), ("logs", logs))
        }


@dataclass
class Sender:
    """Sends to one Collector.

    Args:
        http: Address of OTLP over HTTP; its scheme says whether TLS is spoken.
        grpc: Host and port of OTLP over gRPC.
        authority: The certificate of whom to trust; None speaks no TLS to gRPC either.
        token: What to show, if anything.
        client: Files of a certificate and its key to show, if any.
    """

    http: str
    grpc: str
    authority: Path | None = None
    token: str | None = None
    client: tuple[Path, Path] | None = None

    def post(self, signal: str, body: bytes, **headers: str) -> int:
        """POST a body; return the status, raise what the connection raises."""
        connection = self.connection()
        try:
            sent = {"Content-Type": PROTOBUF, **headers}
            if self.token is not None:
                sent["Authorization"] = f"Bearer {self.token}"
            connection.request("POST", f"/v1/{signal}", body, sent)
            with connection.getresponse() as response:
                response.read()
                return response.status
        finally:
            connection.close()

    def attempt(self, signal: str, body: bytes, **headers: str) -> int | None:
        """POST a body; return the status, None if the connection is refused or cut."""
        try:
            return self.post(signal, body, **headers)
        except (OSError, http.client.HTTPException):
            return None

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection, not yet opened."""
        address = urlsplit(self.http)
        if address.scheme == "http":
            return http.client.HTTPConnection(address.netloc, timeout=30)
        context = ssl.create_default_context(cafile=self.authority)
        if self.client:
            context.load_cert_chain(*self.client)
        return http.client.HTTPSConnection(address.netloc, timeout=30, context=context)

    def channel(self) -> grpc.Channel:
        """Return a channel of its own."""
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_retries", 0),
            ("grpc.max_send_message_length", -1),
        ]
        if self.authority is None:
            return grpc.insecure_channel(self.grpc, options)
        certificate, key = [path.read_bytes() for path in self.client or ()] or (None, None)
        credentials = grpc.ssl_channel_credentials(
            self.authority.read_bytes(), private_key=key, certificate_chain=certificate
        )
        return grpc.secure_channel(self.grpc, credentials, options)

    def call(
        self, signal: str, body: bytes, compression: grpc.Compression | None = None
    ) -> grpc.StatusCode:
        """Call with a message; return the status."""
        with self.channel() as channel:
            return self.call_on(channel, signal, body, compression)

    def call_on(
        self,
        channel: grpc.Channel,
        signal: str,
        body: bytes,
        compression: grpc.Compression | None = None,
    ) -> grpc.StatusCode:
        """Call with a message on a channel; return the status."""
        metadata = [("authorization", f"Bearer {self.token}")] if self.token is not None else []
        method = channel.unary_unary(_METHODS[signal])
        try:
            method(body, timeout=30, metadata=metadata, compression=compression)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def send(self, items: Items, protocol: str) -> list[int | grpc.StatusCode]:
        """Send all three over ``http`` or ``grpc``; return the answers."""
        one = self.post if protocol == "http" else self.call
        return [one(signal, body) for signal, body in items.requests().items()]


def _unknown_field(size: int) -> bytes:
    """Return the beginning of a message of one field of that size, which receivers pass over."""
    head = bytearray([15 << 3 | 2])
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*head, size])


def oversized(size: int) -> bytes:
    """Return a message that only its size speaks against."""
    return _unknown_field(size) + bytes(size)


def zstd_bomb(size: int) -> bytes:
    """Return what becomes an oversized message: a zstd frame of 4 bytes for each 128 KiB of it."""
    block = 128 * 1024
    count = size // block
    head = _unknown_field(count * block)
    # A window of 8 MiB; a block of plain bytes, then blocks of one byte repeated, the last marked.
    frame = bytearray(b"\x28\xb5\x2f\xfd\x00\x68")
    frame += struct.pack("<I", len(head) << 3)[:3] + head
    for number in range(count):
        header = (block << 3) | (1 << 1) | (number == count - 1)
        frame += struct.pack("<I", header)[:3] + b"\x00"
    return bytes(frame)
