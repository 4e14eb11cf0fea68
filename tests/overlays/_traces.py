"""Traces whose spans travel in requests of their own, as from several services."""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from dataclasses import dataclass, field

SERVICE = "overlay-api"
_KINDS = {bool: "boolValue", float: "doubleValue", int: "intValue", str: "stringValue"}


def attributes(values: dict[str, object]) -> list[dict]:
    """Return attributes as OTLP in JSON has them."""
    return [{"key": key, "value": {_KINDS[type(value)]: value}} for key, value in values.items()]


@dataclass
class Trace:
    """A trace of a root and children.

    Args:
        children: How many.
        root: Fields of the root span that differ from a plain one.
        last: Attributes of the last span.
        errors: Whether every span has failed.
        id: Its trace id.
    """

    children: int = 2
    root: dict[str, object] = field(default_factory=dict)
    last: dict[str, object] = field(default_factory=dict)
    errors: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(16))

    def spans(self) -> list[dict]:
        """Return its spans, the root first."""
        now = time.time_ns()
        ids = [secrets.token_hex(8) for _ in range(self.children + 1)]
        spans = [
            {
                "traceId": self.id,
                "spanId": span_id,
                "parentSpanId": "" if span_id == ids[0] else ids[0],
                "name": "child" if number else "root",
                "kind": 1,
                "startTimeUnixNano": str(now - 5_000_000),
                "endTimeUnixNano": str(now),
                "status": {"code": 2 if self.errors else 1},
            }
            for number, span_id in enumerate(ids)
        ]
        spans[0] |= self.root
        spans[-1]["attributes"] = attributes(self.last)
        return spans


def post(url: str, signal: str, body: dict) -> None:
    """Send OTLP in JSON that must be taken whole."""
    request = urllib.request.Request(
        f"{url}/v1/{signal}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.load(response) == {"partialSuccess": {}}


def send_spans(url: str, spans: list[dict], service: str = SERVICE) -> None:
    """Send spans in one request."""
    resource = {"attributes": attributes({"service.name": service})}
    post(
        url, "traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    )


def send_apart(url: str, traces: list[Trace], service: str = SERVICE) -> int:
    """Send the first spans of all traces, then the second ones, and so on; return how many."""
    apart = [trace.spans() for trace in traces]
    for number in range(max(len(spans) for spans in apart)):
        send_spans(url, [spans[number] for spans in apart if number < len(spans)], service)
    return sum(len(spans) for spans in apart)
