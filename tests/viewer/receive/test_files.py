"""What is downloaded comes in again as it was; files of others come in, or say why not."""

from __future__ import annotations

import gzip
import json
import math
import time

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from otelml.exceptions import ConfigurationError
from otelml.viewer.decode import decode_traces
from otelml.viewer.queries import download_trace, get_trace
from otelml.viewer.receive import load
from otelml.viewer.store import Store

NS = 1_000_000_000
TRACE, ROOT, CHILD = b"\xab" * 16, b"\x01" * 8, b"\x02" * 8
VALUES = {
    "text": AnyValue(string_value="ünïcode \x00 \u2028 end"),
    "empty": AnyValue(string_value=""),
    "looks.like.a.number": AnyValue(string_value="1"),
    "true": AnyValue(bool_value=True),
    "false": AnyValue(bool_value=False),
    "zero": AnyValue(int_value=0),
    "beyond.2.53": AnyValue(int_value=2**53 + 1),
    "largest": AnyValue(int_value=2**63 - 1),
    "least": AnyValue(int_value=-(2**63)),
    "double": AnyValue(double_value=0.1),
    "whole.double": AnyValue(double_value=3.0),
    "tiny": AnyValue(double_value=5e-324),
    "nan": AnyValue(double_value=math.nan),
    "infinity": AnyValue(double_value=math.inf),
    "minus.infinity": AnyValue(double_value=-math.inf),
    "bytes": AnyValue(bytes_value=b"\x00\xff\x10"),
    "nothing": AnyValue(),
    "array": AnyValue(
        array_value=ArrayValue(
            values=[AnyValue(int_value=2**60), AnyValue(double_value=math.inf), AnyValue()]
        )
    ),
    "kvlist": AnyValue(
        kvlist_value=KeyValueList(
            values=[
                KeyValue(key="traceId", value=AnyValue(string_value="not an id")),
                KeyValue(key="deep", value=AnyValue(bytes_value=b"\x01")),
            ]
        )
    ),
}
PAIRS = [KeyValue(key=key, value=value) for key, value in VALUES.items()]


@pytest.fixture
def open_store(tmp_path):
    opened = []

    def make(name="a", **options):
        opened.append(Store(tmp_path / f"{name}.db", **options))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def put(store, request):
    store.submit(decode_traces(request)).result(10)


def ask(store, query, *args):
    with store.reader() as connection:
        return query(connection, *args)


def stored(store):
    """Return every span as sent, with who sent it, in the order of ids."""
    return store._connection.execute(
        "SELECT span_id, spans.raw, resources.raw, scopes.raw FROM spans"
        " JOIN resources ON resources.id=resource JOIN scopes ON scopes.id=scope ORDER BY span_id"
    ).fetchall()


def whole():
    """Return a trace of two services with every kind of value everywhere."""
    now = time.time_ns() - 60 * NS
    request = ExportTraceServiceRequest()
    for number, (service, span_id) in enumerate((("a", ROOT), ("b", CHILD))):
        group = request.resource_spans.add()
        group.resource.attributes.append(
            KeyValue(key="service.name", value=AnyValue(string_value=service))
        )
        group.resource.attributes.extend(PAIRS)
        group.resource.dropped_attributes_count = 2
        scope = group.scope_spans.add()
        scope.scope.name, scope.scope.version = "lib", "1.2"
        scope.scope.attributes.extend(PAIRS)
        span = scope.spans.add(
            trace_id=TRACE, span_id=span_id, parent_span_id=ROOT if number else b"",
            name="work", kind=2 + number, trace_state="a=b", flags=257,
            start_time_unix_nano=now + number, end_time_unix_nano=now + 5 + number,
            attributes=PAIRS, dropped_attributes_count=1, dropped_events_count=3,
        )  # fmt: skip
        span.status.code, span.status.message = 2, "bad"
        span.events.add(name="event", time_unix_nano=now + 1, attributes=PAIRS)
        span.links.add(trace_id=b"\x07" * 16, span_id=b"\x08" * 8, attributes=PAIRS)
    return request


def test_a_downloaded_trace_is_the_same_when_it_is_opened(open_store, tmp_path):
    """Byte for byte: every attribute in its type, every field."""
    first, second = open_store("a"), open_store("b")
    put(first, whole())
    file = tmp_path / "trace.json"
    document = ask(first, download_trace, {"trace_id": TRACE.hex()})
    file.write_text(json.dumps(document, allow_nan=False))
    loaded = load(second, file)
    assert (loaded.spans, loaded.added["spans"], loaded.known, loaded.reasons) == (2, 2, 0, {})
    assert stored(second) == stored(first)
    assert document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] == TRACE.hex()
    again = load(second, file)
    assert (again.added["spans"], again.known) == (0, 2)
    assert "2 spans of them stored already" in str(again)


def test_what_is_left_out_on_the_page_is_in_the_download(open_store, monkeypatch):
    """The page shows the first spans of a large trace; the download is all of it."""
    store = open_store()
    now = time.time_ns()
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(1, 41):
        spans.add(trace_id=TRACE, span_id=number.to_bytes(8, "big"), start_time_unix_nano=now)
    put(store, request)
    monkeypatch.setattr("otelml.viewer.queries.trace.MAX_SPANS", 10)
    assert len(ask(store, get_trace, TRACE.hex())["spans"]) == 10
    found = ask(store, download_trace, {"trace_id": TRACE.hex()})
    assert len(found["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 40


def lines_of(scene, signals=True):
    """Return what the Collector's file exporter writes: a request a line."""
    now = time.time_ns()
    made = scene.Scene()
    requests = [made.request(now - (9 - i) * NS, now - (8 - i) * NS, 3) for i in range(3)]
    lines = []
    for request in requests:
        document = MessageToDict(request, use_integers_for_enums=True)
        for resource in document["resourceSpans"]:
            for span in resource["scopeSpans"][0]["spans"]:
                for part in (span, *span.get("links", ())):
                    for key in ("traceId", "spanId", "parentSpanId"):
                        if key in part:
                            part[key] = hex_of(part[key])
        lines.append(json.dumps(document))
    if signals:
        record = {"timeUnixNano": str(now), "body": {"stringValue": "hello"}}
        lines.append(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}))
        point = {"timeUnixNano": str(now), "asInt": "3"}
        metric = {"name": "m", "gauge": {"dataPoints": [point]}}
        lines.append(json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}))
    return lines


def hex_of(base64_text):
    import base64

    return base64.b64decode(base64_text).hex()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_lines_as_the_collector_writes_them(open_store, scene, tmp_path, pack):
    """All three signals; a line that was cut short costs itself and is counted."""
    lines = lines_of(scene)
    file = tmp_path / "export.jsonl"
    file.write_bytes(pack("\n".join([*lines, lines[0][:100]]).encode()))
    store = open_store()
    loaded = load(store, file)
    assert (loaded.spans, loaded.logs, loaded.points) == (3 * 3 * scene.SPANS_A_TRACE, 1, 1)
    assert dict(loaded.added) == {"spans": loaded.spans, "traces": 18, "logs": 1, "points": 1}
    assert loaded.reasons == {"malformed": 1}
    assert "line 6 is not JSON" in str(loaded)
    assert store.totals["spans"] == loaded.spans


def test_a_document_over_many_lines(open_store, scene, tmp_path):
    document = json.loads(lines_of(scene, signals=False)[0])
    file = tmp_path / "pretty.json"
    file.write_text("\ufeff" + json.dumps(document, indent=2))
    assert load(open_store(), file).added["spans"] == 3 * scene.SPANS_A_TRACE


def test_what_the_viewer_does_not_keep_is_counted_with_the_reason(open_store, tmp_path):
    request = whole()
    store = open_store(retention_s=1)
    first = open_store("b")
    put(first, request)
    file = tmp_path / "old.json"
    file.write_text(json.dumps(ask(first, download_trace, {"trace_id": TRACE.hex()})))
    loaded = load(store, file)
    assert loaded.reasons == {"expired": 2}
    assert loaded.added["spans"] == 0
    assert "2 left out (expired): older than the 1 s" in str(loaded)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (b"hello", "not JSON"),
        (b'{"traces": []}', "neither resourceSpans nor traceID"),
        (b"[1, 2]", "neither resourceSpans nor traceID"),
        (b"\xff\xfe\x00", "not text"),
        (b'{"a": 1}\n{"b": 2}\n', "neither resourceSpans nor traceID"),
        (b"\x1f\x8bnot gzip", "damaged"),
        (b"[" * 100_000, "nested"),
    ],
)
def test_another_file_says_what_is_wrong(open_store, tmp_path, content, why):
    file = tmp_path / "x.json"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=why):
        load(open_store(), file)


def test_a_missing_file_is_a_message(open_store, tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.json: cannot be read: No such file"):
        load(open_store(), tmp_path / "none.json")


JAEGER_SPAN = {
    "traceID": "abc",
    "spanID": "12",
    "operationName": "GET /",
    "references": [
        {"refType": "FOLLOWS_FROM", "traceID": "ff", "spanID": "9"},
        {"refType": "CHILD_OF", "traceID": "abc", "spanID": "11"},
    ],
    "startTime": 0,
    "duration": 1500,
    "tags": [
        {"key": "span.kind", "type": "string", "value": "client"},
        {"key": "otel.status_code", "type": "string", "value": "ERROR"},
        {"key": "otel.status_description", "type": "string", "value": "it broke"},
        {"key": "error", "type": "bool", "value": True},
        {"key": "otel.scope.name", "type": "string", "value": "lib"},
        {"key": "w3c.tracestate", "type": "string", "value": "a=b"},
        {"key": "n", "type": "int64", "value": 2**53 + 1},
        {"key": "s", "type": "int64", "value": "9223372036854775807"},
        {"key": "f", "type": "float64", "value": 3},
        {"key": "b", "type": "bool", "value": False},
        {"key": "raw", "type": "binary", "value": "AP8="},
        {"key": "text", "type": "string", "value": "1"},
    ],
    "logs": [
        {
            "timestamp": 0,
            "fields": [
                {"key": "event", "type": "string", "value": "exception"},
                {"key": "exception.message", "type": "string", "value": "no"},
            ],
        }
    ],
    "processID": "p1",
}


def jaeger(*spans):
    now = int(time.time() * 1e6) - 60_000_000
    for span in spans:
        span["startTime"] = now
        for log in span.get("logs", ()):
            log["timestamp"] = now + 1
    process = {"serviceName": "shop", "tags": [{"key": "pod", "type": "string", "value": "p-1"}]}
    trace = {"traceID": "abc", "spans": list(spans), "processes": {"p1": process}}
    return {"data": [trace], "total": 0, "errors": None}


@pytest.mark.parametrize("shape", ["answer", "list", "trace"])
def test_jaeger_s_json(open_store, tmp_path, shape):
    """Every field is where OTLP has it, every tag in its type."""
    document = jaeger(json.loads(json.dumps(JAEGER_SPAN)))
    document = {"answer": document, "list": document["data"], "trace": document["data"][0]}[shape]
    file = tmp_path / "jaeger.json"
    file.write_text(json.dumps(document))
    store = open_store()
    assert load(store, file).added["spans"] == 1
    trace_id = "abc".rjust(32, "0")
    group = ask(store, download_trace, {"trace_id": trace_id})["resourceSpans"][0]
    (span,) = group["scopeSpans"][0]["spans"]
    assert group["scopeSpans"][0]["scope"] == {"name": "lib"}
    assert {p["key"]: p["value"] for p in group["resource"]["attributes"]} == {
        "service.name": {"stringValue": "shop"},
        "pod": {"stringValue": "p-1"},
    }
    assert (span["spanId"], span["parentSpanId"]) == ("12".rjust(16, "0"), "11".rjust(16, "0"))
    assert (span["kind"], span["traceState"]) == (3, "a=b")
    assert span["status"] == {"code": 2, "message": "it broke"}
    assert [link["traceId"] for link in span["links"]] == ["ff".rjust(32, "0")]
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == 1_500_000
    assert {p["key"]: p["value"] for p in span["attributes"]} == {
        "n": {"intValue": str(2**53 + 1)},
        "s": {"intValue": str(2**63 - 1)},
        "f": {"doubleValue": 3.0},
        "b": {"boolValue": False},
        "raw": {"bytesValue": "AP8="},
        "text": {"stringValue": "1"},
    }
    (event,) = span["events"]
    assert event["name"] == "exception"
    assert event["attributes"] == [{"key": "exception.message", "value": {"stringValue": "no"}}]


def test_a_bad_span_of_jaeger_s_costs_itself(open_store, tmp_path):
    good = json.loads(json.dumps(JAEGER_SPAN))
    bad = [{**good, "spanID": "zz"}, {**good, "spanID": "13", "tags": [{"value": 1}]}, {}]
    document = jaeger(good)
    document["data"][0]["spans"] += bad
    file = tmp_path / "jaeger.json"
    file.write_text(json.dumps(document))
    loaded = load(open_store(), file)
    assert (loaded.added["spans"], loaded.reasons) == (1, {"malformed": 3})
