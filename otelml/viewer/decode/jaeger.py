"""Jaeger's JSON, as its page and its API give it, to OTLP.

Kinds, states, scopes and links are where Jaeger's own translation to and from OTLP puts them:
tags such as ``span.kind`` and ``otel.status_code``, and references.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from otelml.semconv import SERVICE_NAME

_NS_PER_US = 1000
_TRACE_HEX, _SPAN_HEX = 32, 16
_KIND, _ERROR, _CODE, _MESSAGE = "span.kind", "error", "otel.status_code", "otel.status_description"
_STATE, _EVENT = "w3c.tracestate", "event"
_SCOPE = {"otel.scope.name": "name", "otel.scope.version": "version",
          "otel.library.name": "name", "otel.library.version": "version"}  # fmt: skip
_KINDS = {
    "internal": Span.SPAN_KIND_INTERNAL,
    "server": Span.SPAN_KIND_SERVER,
    "client": Span.SPAN_KIND_CLIENT,
    "producer": Span.SPAN_KIND_PRODUCER,
    "consumer": Span.SPAN_KIND_CONSUMER,
}
_CODES = {"OK": Status.STATUS_CODE_OK, "ERROR": Status.STATUS_CODE_ERROR}
_BAD = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def is_jaeger(document: Any) -> bool:
    """Tell whether a JSON document holds traces as Jaeger writes them."""
    return any(True for _ in _traces(document))


def parse_jaeger(document: Any) -> tuple[ExportTraceServiceRequest, int]:
    """Return a document's traces as an export request, and how many spans could not be read."""
    request = ExportTraceServiceRequest()
    bad = 0
    for trace in _traces(document):
        groups: dict[tuple[str, str, str], ScopeSpans] = {}
        processes = trace.get("processes") or {}
        for each in trace["spans"]:
            try:
                _add(request, groups, processes, each)
            except _BAD:  # noqa: PERF203 - a bad span costs itself
                bad += 1
    return request, bad


def _traces(document: Any) -> Iterable[Mapping[str, Any]]:
    """Yield the traces of an answer of the API, of a list, or the one that the document is."""
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        document = document["data"]
    for each in document if isinstance(document, list) else [document]:
        if isinstance(each, dict) and "traceID" in each and isinstance(each.get("spans"), list):
            yield each


def _add(
    request: ExportTraceServiceRequest,
    groups: dict[tuple[str, str, str], ScopeSpans],
    processes: Mapping[str, Any],
    each: Mapping[str, Any],
) -> None:
    scope: dict[str, str] = {}
    span = _span(each, scope)
    name = str(each.get("processID", ""))
    key = (name, scope.get("name", ""), scope.get("version", ""))
    if key not in groups:
        process = each.get("process") or processes.get(name) or {}
        resource = request.resource_spans.add()
        resource.resource.attributes.extend(_pairs(process.get("tags") or ()))
        service = process.get("serviceName")
        if service:
            resource.resource.attributes.append(
                KeyValue(key=SERVICE_NAME, value=AnyValue(string_value=str(service)))
            )
        groups[key] = resource.scope_spans.add()
        groups[key].scope.name, groups[key].scope.version = key[1:]
    groups[key].spans.append(span)


def _span(each: Mapping[str, Any], scope: dict[str, str]) -> Span:
    start_ns = int(each["startTime"]) * _NS_PER_US
    span = Span(
        trace_id=_id(each["traceID"], _TRACE_HEX),
        span_id=_id(each["spanID"], _SPAN_HEX),
        name=str(each.get("operationName", "")),
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + int(each.get("duration", 0)) * _NS_PER_US,
    )
    _read_tags(span, each.get("tags") or (), scope)
    _refer(span, each)
    for log in each.get("logs") or ():
        event = span.events.add(time_unix_nano=int(log["timestamp"]) * _NS_PER_US)
        for pair in _pairs(log.get("fields") or ()):
            if pair.key == _EVENT and not event.name:
                event.name = pair.value.string_value
            else:
                event.attributes.append(pair)
    return span


def _read_tags(span: Span, tags: Iterable[Mapping[str, Any]], scope: dict[str, str]) -> None:
    """Put tags where OTLP has a field for them; the others are attributes."""
    for pair in _pairs(tags):
        text = pair.value.string_value
        if pair.key == _KIND and text in _KINDS:
            span.kind = _KINDS[text]
        elif pair.key == _CODE and text in _CODES:
            span.status.code = _CODES[text]
        elif pair.key == _MESSAGE:
            span.status.message = text
        elif pair.key == _STATE:
            span.trace_state = text
        elif pair.key in _SCOPE:
            scope[_SCOPE[pair.key]] = text
        elif pair.key == _ERROR and pair.value.WhichOneof("value") == "bool_value":
            if pair.value.bool_value and not span.status.code:
                span.status.code = Status.STATUS_CODE_ERROR
        else:
            span.attributes.append(pair)


def _refer(span: Span, each: Mapping[str, Any]) -> None:
    """Make the first reference within the trace the parent, a child's before a follower's."""
    found = [
        (str(ref.get("refType")), _id(ref["traceID"], _TRACE_HEX), _id(ref["spanID"], _SPAN_HEX))
        for ref in each.get("references") or ()
    ]
    if each.get("parentSpanID"):
        found.insert(0, ("CHILD_OF", span.trace_id, _id(each["parentSpanID"], _SPAN_HEX)))
    parents = [ref for ref in found if ref[0] == "CHILD_OF" and ref[1] == span.trace_id]
    parent = parents[0] if parents else None
    if parent is not None:
        span.parent_span_id = parent[2]
    for ref in found:
        if parent is None or ref[1:] != parent[1:]:
            span.links.add(trace_id=ref[1], span_id=ref[2])


def _pairs(tags: Iterable[Mapping[str, Any]]) -> Iterable[KeyValue]:
    for tag in tags:
        yield KeyValue(key=str(tag["key"]), value=_value(tag.get("type"), tag.get("value")))


def _value(kind: Any, value: Any) -> AnyValue:
    """Return a tag's value in the type that it names; by its own where it names none."""
    kind = str(kind or "").lower()
    if kind == "binary":
        return AnyValue(bytes_value=base64.b64decode(str(value), validate=True))
    if kind == "bool" or (not kind and isinstance(value, bool)):
        return AnyValue(bool_value=value if isinstance(value, bool) else str(value) == "true")
    if kind == "int64" or (not kind and isinstance(value, int)):
        return AnyValue(int_value=int(value))
    if kind == "float64" or (not kind and isinstance(value, float)):
        return AnyValue(double_value=float(value))
    return AnyValue(string_value="" if value is None else str(value))


def _id(raw: Any, size: int) -> bytes:
    """Return an id; leading zeros may be missing."""
    try:
        found = binascii.unhexlify(str(raw).rjust(size, "0"))
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    if len(found) != size // 2:
        raise ValueError("an id is too long")
    return found
