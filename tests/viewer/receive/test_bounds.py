"""One request is bounded work: what it holds is known before anything is made of it."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import os
import socket
import stat
import time
import zlib
from pathlib import Path

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb

from otelml.exceptions import ConfigurationError
from otelml.viewer.decode import TooMuchError, weigh, weigh_json
from otelml.viewer.decode.weight import MAX_ITEM_PARTS
from otelml.viewer.receive import files, http_receiver, inflate, limits, load
from otelml.viewer.receive.signals import SIGNALS
from otelml.viewer.store import Store

_SPEC = importlib.util.spec_from_file_location(
    "otelml_viewer_hostile", Path(__file__).parent.parent / "hostile.py"
)
hostile = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(hostile)

PROTOBUF, JSON = "application/x-protobuf", "application/json"
ANSWERS = {
    "2,000,000 empty log records": (413, "too_large"),
    "2,000,000 histogram buckets": (413, "too_large"),
    "2,000,000 empty spans as JSON": (413, "too_large"),
    "1,000,000 empty gzip members": (400, "unreadable"),
    "4,000,000 resource blocks": (413, "too_large"),
    "one span of 4,000,000 attributes": (413, "too_large"),
    "the same as JSON": (400, "unreadable"),
    "10,000,000 open brackets": (413, "too_large"),
    "1,000,000 records, one of them bad": (413, "too_large"),
}


def _case(name):
    return next(case for case in hostile.CASES if case.name == name)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_small_request_that_holds_too_much_is_refused(post, api, name):
    """The Receiver page counts it by reason; what comes after it is taken."""
    case = _case(name)
    body = case.make()
    packed = gzip.compress(body, 1) if case.packed else body
    answer = post(case.path, packed, case.kind, "gzip")
    status, reason = ANSWERS[name]
    assert answer.status == status, answer.body
    assert api("/api/status")["requests"] == {reason: 1}
    good = hostile.items(1)
    assert post("/v1/logs", good).status == 200


def test_an_item_of_too_many_parts_costs_itself_alone(post, api):
    """A span beside it is kept; the reason is said and counted."""
    heavy = hostile.span(b"\x5a\x00" * (MAX_ITEM_PARTS + 1))
    message = trace_pb.ExportTraceServiceRequest.FromString(heavy)
    message.resource_spans[0].scope_spans[0].spans.add(
        trace_id=b"\x03" * 16, span_id=b"\x04" * 8, name="good",
        start_time_unix_nano=time.time_ns(),
    )  # fmt: skip
    answer = trace_pb.ExportTraceServiceResponse.FromString(
        post("/v1/traces", message.SerializeToString()).body
    )
    assert answer.partial_success.rejected_spans == 1
    assert "1 excessive" in answer.partial_success.error_message
    status = api("/api/status")
    assert (status["spans"], status["reasons"]) == (1, {"excessive": 1})


@pytest.mark.parametrize("kind", ["attributes", "buckets", "exponential", "log"])
def test_points_and_records_of_too_many_parts_are_left_out(post, kind):
    """Each in its signal's partial success."""
    many = MAX_ITEM_PARTS + 1
    if kind == "log":
        record = hostile.block(2, hostile.block(6, hostile.block(1, b"k" * 9)) * many)
        answer = logs_pb.ExportLogsServiceResponse.FromString(
            post("/v1/logs", hostile.block(1, hostile.block(2, record))).body
        )
        assert answer.partial_success.rejected_log_records == 1
        return
    message = metrics_pb.ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    if kind == "attributes":
        point = metric.gauge.data_points.add(as_int=1)
        for _ in range(many):
            point.attributes.add()
    elif kind == "buckets":
        metric.histogram.aggregation_temporality = 2
        metric.histogram.data_points.add(bucket_counts=[0] * many, explicit_bounds=range(many - 1))
    else:
        metric.exponential_histogram.aggregation_temporality = 2
        metric.exponential_histogram.data_points.add().positive.bucket_counts.extend([1] * many)
    answer = metrics_pb.ExportMetricsServiceResponse.FromString(
        post("/v1/metrics", message.SerializeToString()).body
    )
    assert answer.partial_success.rejected_data_points == 1


def test_too_much_by_grpc_is_resource_exhausted_without_a_time_to_come_back(viewer, api):
    """A sender that may come back would come for ever."""
    with grpc.insecure_channel(f"127.0.0.1:{viewer.ports.grpc}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            export(hostile.items(limits.MAX_ITEMS + 1), compression=grpc.Compression.Gzip)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(caught.value.trailing_metadata())
    assert api("/api/status")["requests"] == {"too_large": 1}


def test_bodies_under_way_share_one_bound(viewer, post, api, monkeypatch):
    """Beyond it a sender is told when to come back, over HTTP and gRPC."""
    body = hostile.items(1, hostile.block(2, hostile.block(12, b"n" * 4000)))
    monkeypatch.setattr(limits.Work, "__init__", lambda self: None)
    monkeypatch.setattr(limits.Work, "take", _busy)
    answer = post("/v1/logs", body)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
    assert Status.FromString(answer.body).code == 8
    with grpc.insecure_channel(f"127.0.0.1:{viewer.ports.grpc}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            export(body)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" in dict(caught.value.trailing_metadata())
    assert api("/api/status")["requests"] == {"busy": 2}


def _busy(_self, _size):
    raise limits.BusyError("too much")


def test_what_is_done_with_makes_room():
    """The bound is of what is under way, not of what was."""
    work = limits.Work(100)
    work.take(60)
    with pytest.raises(limits.BusyError):
        work.take(41)
    work.take(40)
    work.give(60)
    work.take(60)


def test_a_body_that_does_not_come_is_not_waited_for(viewer, api, monkeypatch):
    """408, and counted."""
    monkeypatch.setattr(http_receiver, "BODY_TIMEOUT_S", 0.2)
    with socket.create_connection(("127.0.0.1", viewer.ports.http), timeout=20) as slow:
        slow.sendall(
            b"POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
            b"Content-Type: application/x-protobuf\r\n\r\n\x0a"
        )
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
    assert api("/api/status")["requests"] == {"slow": 1}


def test_parts_are_counted_with_what_is_in_them():
    """As protobuf nests them; texts that look like messages are not."""
    request = trace_pb.ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    span = scope.spans.add(name="\x0a\x00" * 50)
    span.attributes.add(key="k").value.array_value.values.add().int_value = 1
    raw = request.SerializeToString()
    # resource, scope, span, name, attribute, key, value, list, item, number
    assert weigh(raw, SIGNALS["traces"]._parts, 100) == 10
    assert weigh(raw, SIGNALS["traces"]._items, 100) == 3
    with pytest.raises(TooMuchError):
        weigh(raw, SIGNALS["traces"]._parts, 9)


def test_deep_nesting_is_refused_before_it_is_read():
    """Whatever protobuf itself would make of it."""
    with pytest.raises(TooMuchError, match="nested"):
        weigh(hostile.span(hostile.nested(200)), SIGNALS["traces"]._parts, 10_000)


def test_signs_in_strings_are_no_parts_of_a_document():
    """A prompt may be made of them."""
    weigh_json(json.dumps({"a": '[{"b\\",' * 1000}).encode(), 10)
    with pytest.raises(TooMuchError):
        weigh_json(b"[" + b"{}," * 10, 10)


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
@pytest.mark.parametrize("parts", [1, 3])
def test_what_was_packed_comes_out_the_same(size, parts):
    """In one part or several, at once and as a file."""
    body = os.urandom(size // 2) + bytes(size - size // 2)
    packed = gzip.compress(body, 1) * parts
    assert inflate.inflate(packed, inflate.GZIP_BITS, size * parts) == body * parts
    whole = io.BufferedReader(inflate.Inflating(io.BytesIO(packed), size * parts)).read()
    assert whole == body * parts
    raw = zlib.compress(body)[2:-4]
    assert inflate.inflate(raw, -zlib.MAX_WBITS, size) == body


def test_damaged_and_endless_packings_are_refused():
    """Before more comes out than is taken."""
    packed = gzip.compress(b"x" * 100_000)
    with pytest.raises(inflate.TooLargeError):
        inflate.inflate(packed, inflate.GZIP_BITS, 99_999)
    for damaged in (packed[:-1], packed + b"x", b"x", gzip.compress(b"") * 1001):
        with pytest.raises(inflate.DamagedError):
            inflate.inflate(damaged, inflate.GZIP_BITS, 10**6)


@pytest.fixture
def store():
    opened = Store()
    yield opened
    opened.close()


def test_files_are_bounded_too(tmp_path, store, monkeypatch):
    """By parts, by bytes that come out, and by lines that hold nothing."""
    monkeypatch.setattr(files, "MAX_DOCUMENT_PARTS", 100)
    monkeypatch.setattr(files, "MAX_IDLE_LINES", 50)
    path = tmp_path / "f.json"
    path.write_text("[" + "{}," * 200 + "{}]")
    with pytest.raises(ConfigurationError, match="more than 100 parts"):
        load(store, path)
    path.write_bytes(gzip.compress(b'{"resourceSpans":[]}\n' + b"\n" * 100))
    with pytest.raises(ConfigurationError, match="50 lines in a row"):
        load(store, path)
    with pytest.raises(ConfigurationError, match="larger than 10 bytes"):
        files.load_from(store, path.open("rb"), "f", 10)


@pytest.mark.parametrize("what", ["pipe", "device", "folder", "link"])
def test_what_is_no_plain_file_is_not_opened(tmp_path, store, what):
    """As a file to open and as a database; nothing waits for it."""
    path = tmp_path / "f"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "link":
        (tmp_path / "real").write_text("{}")
        path.symlink_to(tmp_path / "real")
    else:
        path = Path("/dev/zero")
    message = "a link" if what == "link" else "a folder, a device or a pipe"
    with pytest.raises(ConfigurationError, match=f"--import {path}: {message}"):
        load(store, path)
    with pytest.raises(ConfigurationError, match=f"--db {path}: {message}"):
        Store(path)
    assert not (path.parent / f"{path.name}-lock").exists()


def test_files_of_an_older_viewer_become_private(tmp_path):
    """The database and all that lies beside it."""
    path = tmp_path / "t.db"
    Store(path).close()
    for file in (path, tmp_path / "t.db-wal", tmp_path / "t.db-lock"):
        file.touch()
        file.chmod(0o666)
    opened = Store(path)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    opened.close()
    assert set(modes) >= {"t.db", "t.db-wal", "t.db-shm", "t.db-lock"}
    assert set(modes.values()) == {0o600}


def test_a_link_beside_a_database_is_refused(tmp_path):
    """SQLite would write where it leads."""
    (tmp_path / "t.db-wal").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match=r"t\.db-wal beside it is a link"):
        Store(tmp_path / "t.db")
