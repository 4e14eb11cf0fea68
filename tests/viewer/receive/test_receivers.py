"""The receivers answer as the OTLP specification says, for good and for bad requests."""

from __future__ import annotations

import gzip
import json
import time
import zlib

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from otelml.viewer.receive import http_receiver
from otelml.viewer.store import StoreUnavailableError

TRACE = "5b8efff798038103d269b633813fc60c"
SPAN = "eee19b7ec3c1b174"
JSON = "application/json"
NOW = time.time_ns()


def request(trace_id=TRACE, span_id=SPAN, name="GET /"):
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(
        trace_id=bytes.fromhex(trace_id), span_id=bytes.fromhex(span_id), name=name,
        start_time_unix_nano=NOW, end_time_unix_nano=NOW + 5_000_000,
    )  # fmt: skip
    return message


def document():
    return {
        "resourceSpans": [{
            "resource": {"attributes": [
                {"key": "service.name", "value": {"stringValue": "web"}}]},
            "scopeSpans": [{"spans": [{
                "traceId": TRACE.upper(), "spanId": SPAN, "name": "GET /", "kind": 2,
                "startTimeUnixNano": str(NOW), "endTimeUnixNano": str(NOW + 5_000_000),
                "attributes": [{"key": "n", "value": {"intValue": "9007199254740993"}},
                               {"key": "traceId", "value": {"stringValue": "not hex"}}],
                "status": {}, "someNewField": {"x": [1]},
            }]}],
        }],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        (None, bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda b: zlib.compress(b)[2:-4]),
    ],
)
def test_a_protobuf_request_is_stored_in_every_encoding(post, api, encoding, pack):
    """The answer is an empty response message, and the span can be read at once."""
    answer = post("/v1/traces", pack(request().SerializeToString()), encoding=encoding)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    assert [s["name"] for s in api(f"/api/traces/{TRACE}")["spans"]] == ["GET /"]


def test_otlp_json_has_hex_ids_and_string_integers(post, api):
    """Unknown fields are ignored and attribute values are left alone."""
    answer = post("/v1/traces", json.dumps(document()).encode(), JSON)
    assert (answer.status, json.loads(answer.body)) == (200, {})
    (span,) = api(f"/api/traces/{TRACE}")["spans"]
    assert (span["span_id"], span["kind"], span["service"]) == (SPAN, "server", "web")
    assert span["attributes"] == {"n": "9007199254740993", "traceId": "not hex"}


def test_a_grpc_request_is_stored(viewer, api):
    """Gzip included."""
    with grpc.insecure_channel(f"127.0.0.1:{viewer.ports.grpc}") as channel:
        answer = TraceServiceStub(channel).Export(request(), compression=grpc.Compression.Gzip)
    assert answer == ExportTraceServiceResponse()
    assert api("/api/status")["spans"] == 1


def test_a_malformed_grpc_request_is_an_invalid_argument(viewer):
    """It is answered, not dropped."""
    with grpc.insecure_channel(f"127.0.0.1:{viewer.ports.grpc}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            export(b"\xff\xff\xff")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("path", "body", "kind", "encoding", "method", "status"),
    [
        ("/v1/traces", b"\xff\xff", "application/x-protobuf", None, "POST", 400),
        ("/v1/traces", b"{", JSON, None, "POST", 400),
        ("/v1/traces", b"[]", JSON, None, "POST", 400),
        ("/v1/traces", b'{"resourceSpans":NaN}', JSON, None, "POST", 400),
        ("/v1/logs", b"[" * 200_000, JSON, None, "POST", 400),
        ("/v1/traces", b"not gzip", "application/x-protobuf", "gzip", "POST", 400),
        (
            "/v1/traces",
            gzip.compress(b"x" * 99, mtime=0)[:-9],
            "application/x-protobuf",
            "gzip",
            "POST",
            400,
        ),
        ("/v1/traces", b"", "text/plain", None, "POST", 415),
        ("/v1/traces", b"", "application/x-protobuf", "br", "POST", 415),
        ("/v1/nothing", b"", "application/x-protobuf", None, "POST", 404),
        ("/v1/traces", None, JSON, None, "GET", 405),
    ],
)
def test_a_bad_request_has_its_own_status(post, path, body, kind, encoding, method, status):
    """Each fault has the status that the specification names."""
    assert post(path, body, kind, encoding, method).status == status


def test_an_error_body_is_a_status_in_the_request_s_encoding(post):
    """Protobuf for protobuf, JSON for JSON."""
    status = Status.FromString(post("/v1/traces", b"\xff\xff").body)
    assert (status.code, status.message[:26]) == (3, "the body cannot be decoded")
    assert json.loads(post("/v1/traces", b"{", JSON).body)["code"] == 3


def test_a_body_beyond_the_limits_is_refused(post, monkeypatch):
    """Compressed and decompressed size count, each by its own limit."""
    monkeypatch.setattr(http_receiver, "MAX_BODY_BYTES", 2000)
    monkeypatch.setattr(http_receiver, "MAX_DECODED_BYTES", 5000)
    assert post("/v1/traces", b"\0" * 3000).status == 413
    assert (
        post("/v1/traces", gzip.compress(b"\0" * 1_000_000, mtime=0), encoding="gzip").status == 413
    )


def test_spans_with_bad_ids_are_a_partial_success(post, api):
    """The good ones are kept."""
    message = request()
    message.resource_spans[0].scope_spans[0].spans.add(trace_id=b"short", span_id=b"x", name="bad")
    answer = ExportTraceServiceResponse.FromString(
        post("/v1/traces", message.SerializeToString()).body
    )
    assert answer.partial_success.rejected_spans == 1
    assert answer.partial_success.error_message
    status = api("/api/status")
    assert (status["spans"], status["rejected"]) == (1, 1)


def test_a_failing_store_asks_the_sender_to_come_back(viewer, post, monkeypatch):
    """503 with Retry-After over HTTP, RESOURCE_EXHAUSTED with retry information over gRPC."""

    def refuse(_batch):
        raise StoreUnavailableError("disk full")

    monkeypatch.setattr(viewer._store, "submit", refuse)
    answer = post("/v1/traces", request().SerializeToString())
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert Status.FromString(answer.body).message == "disk full"
    with (
        grpc.insecure_channel(f"127.0.0.1:{viewer.ports.grpc}") as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        TraceServiceStub(channel).Export(request())
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" in dict(caught.value.trailing_metadata())
