"""Requests that no honest sender makes: malformed, enormous, exploding."""

from __future__ import annotations

import gzip
import http.client
from collections import Counter
from contextlib import suppress
from urllib.parse import urlsplit

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.faults._arrived import Arrived, resident_mib
from tests.faults._sender import NO_ANSWER, SIGNALS, Sender
from tests.faults._table import Row, report

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PATHS = ("/v1/traces", "/v1/metrics", "/v1/logs")
METHODS = tuple(
    f"/opentelemetry.proto.collector.{kind}.v1.{kind.capitalize()}Service/Export"
    for kind in ("trace", "metrics", "logs")
)
_VALUES_OF_ARRAY, _ARRAY_OF_ANY, _BODY_OF_RECORD = 1, 5, 5
_RECORDS_OF_SCOPE, _SCOPES_OF_RESOURCE, _RESOURCES = 2, 2, 1
HUGE = 100 * 1024 * 1024
MEMORY_LIMIT_MIB = 512
PROTOBUF = {"Content-Type": "application/x-protobuf"}
MALFORMED = {
    "garbage": (PROTOBUF, b"\xff" * 1000),
    "cut short": (PROTOBUF, b"\x0a\xff\x01abc"),
    "not JSON": ({"Content-Type": "application/json"}, b'{"resourceSpans": ['),
    "JSON of another shape": (
        {"Content-Type": "application/json"},
        b'{"resourceSpans": 1, "resourceMetrics": 1, "resourceLogs": 1}',
    ),
    "another type": ({"Content-Type": "text/plain"}, b"hello"),
    "no gzip": (PROTOBUF | {"Content-Encoding": "gzip"}, b"hello"),
    "unknown encoding": (PROTOBUF | {"Content-Encoding": "br"}, b"hello"),
}


@pytest.fixture(scope="module")
def collector(site):
    """One Collector, which must outlive all of this."""
    with site.collector("hostile") as running:
        pid = running.process("collector").pid
        yield running
        assert running.alive("collector")
        assert running.process("collector").pid == pid


@pytest.fixture(autouse=True)
def unharmed(site, collector):
    """After each test the Collector lives within its memory, and takes and delivers items."""
    yield
    assert collector.healthy("collector")
    assert resident_mib(collector.process("collector").pid) < MEMORY_LIMIT_MIB
    sender = Sender(collector.url("collector"))
    arrived = Arrived(site.stores, sender)
    assert [sender.send(signal, 20) for signal in SIGNALS] == [200] * 3
    assert [arrived.settle(signal) for signal in SIGNALS] == [set()] * 3


def post(collector, path: str, headers: dict[str, str], body: bytes) -> int:
    """Return the status, which may come while the body is still being sent."""
    address = urlsplit(collector.url("collector")).netloc
    connection = http.client.HTTPConnection(address, timeout=60)
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", path, body, headers)
    try:
        with connection.getresponse() as response:
            return response.status
    except (OSError, http.client.HTTPException):
        return NO_ANSWER
    finally:
        connection.close()


def call(collector, method: str, body: bytes, compression=grpc.Compression.NoCompression) -> str:
    """Return the gRPC code."""
    address = urlsplit(collector.url("collector", "otlp_grpc")).netloc
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        try:
            channel.unary_unary(method)(body, timeout=60, compression=compression)
        except grpc.RpcError as error:
            return error.code().name
    return "OK"


def bomb() -> bytes:
    """Return a valid log request, 100 MiB of one letter."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = "x" * HUGE
    return request.SerializeToString()


def tell(collector, fault: str, answers: list) -> None:
    """Put the answers into the table."""
    memory_mib = resident_mib(collector.process("collector").pid)
    counts = ", ".join(f"{count} times {answer}" for answer, count in Counter(answers).items())
    note = f"{counts}; Collector at most {memory_mib} MiB; the next requests arrive"
    report(Row(fault, "requests", len(answers), 0, 0, 0, 0, 0, note))


def test_malformed_http(collector):
    """What is no OTLP is the sender's fault, in every signal."""
    answers = {
        name: [post(collector, path, *request) for path in PATHS]
        for name, request in MALFORMED.items()
    }
    tell(collector, "malformed, HTTP", [status for row in answers.values() for status in row])
    assert answers == {name: [400] * 3 for name in MALFORMED} | {"another type": [415] * 3}


def test_malformed_grpc(collector):
    """The same over gRPC, where the server calls a message that it cannot read internal."""
    answers = [call(collector, method, b"\xff" * 1000) for method in METHODS]
    tell(collector, "malformed, gRPC", answers)
    assert answers == ["INTERNAL"] * 3


def test_deeply_nested(collector):
    """A log whose body is lists within lists, 30,000 deep, is only a long one."""
    body = AnyValue(string_value="x").SerializeToString()
    heads, size = [], len(body)
    for _ in range(30_000):
        for field in (_VALUES_OF_ARRAY, _ARRAY_OF_ANY):
            heads.append(_head(field, size))
            size += len(heads[-1])
    body = b"".join(reversed(heads)) + body
    for field in (_BODY_OF_RECORD, _RECORDS_OF_SCOPE, _SCOPES_OF_RESOURCE, _RESOURCES):
        body = _head(field, len(body)) + body
    answer = post(collector, PATHS[2], PROTOBUF, body)
    tell(collector, f"30,000 nested lists, {len(body) // 1024} KiB", [answer])
    assert answer == 200


def _head(field: int, size: int) -> bytes:
    """Return what stands before a message of that size in a field."""
    length = b""
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([field << 3 | 2]) + length + bytes([size])


def test_huge_http(collector):
    """A body of 100 MiB is cut off, whatever it says."""
    body = bomb()
    answers = [post(collector, path, PROTOBUF, body) for path in PATHS]
    tell(collector, "100 MiB body, HTTP", answers)
    assert set(answers) <= {400, 413}


def test_huge_grpc(collector):
    """A message of 100 MiB is refused by its length."""
    answer = call(collector, METHODS[2], bomb())
    tell(collector, "100 MiB message, gRPC", [answer])
    assert answer == "RESOURCE_EXHAUSTED"


def test_gzip_bomb_http(collector):
    """A body that would unpack to 100 MiB is refused on the way."""
    packed = gzip.compress(bomb(), 9)
    answers = [
        post(collector, path, PROTOBUF | {"Content-Encoding": "gzip"}, packed) for path in PATHS
    ]
    tell(collector, f"gzip bomb of {len(packed) // 1024} KiB, HTTP", answers)
    assert set(answers) <= {400, 413}


def test_gzip_bomb_grpc(collector):
    """The same over gRPC."""
    answer = call(collector, METHODS[2], bomb(), grpc.Compression.Gzip)
    tell(collector, "gzip bomb, gRPC", [answer])
    assert answer == "RESOURCE_EXHAUSTED"
