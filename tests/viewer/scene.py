"""Four services that call each other, a database and a queue: what an SRE is asked about.

A gateway calls loan-api, which asks feature-store for features (which asks PostgreSQL) and sends a
message that audit takes. From ``slower_ns`` on the look-up in feature-store takes four times as
long; some requests fail with a deadlock.
"""

from __future__ import annotations

import argparse
import random
import time
import urllib.request

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

NS, MS = 1_000_000_000, 1_000_000
SERVER, CLIENT, PRODUCER, CONSUMER = (
    Span.SPAN_KIND_SERVER,
    Span.SPAN_KIND_CLIENT,
    Span.SPAN_KIND_PRODUCER,
    Span.SPAN_KIND_CONSUMER,
)
SPANS_A_TRACE = 8
SERVICES = ("gateway", "loan-api", "feature-store", "audit")
DEADLOCK = "deadlock detected"


def pair(key, value):
    """Return one attribute."""
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


class Scene:
    """Makes requests; the same for the same seed.

    Args:
        slower_ns: When the look-up gets slower; None for never.
        seed: Of the random numbers.
        deadlocks: Every how many-th request fails.
    """

    def __init__(self, slower_ns=None, seed=7, deadlocks=200):
        self.random = random.Random(seed)
        self.slower_ns, self.deadlocks = slower_ns, deadlocks
        self.count = 0
        self.failed = []

    def request(self, start_ns, end_ns, traces):
        """Return ``traces`` traces spread over a time range, as one export request."""
        request = ExportTraceServiceRequest()
        scopes = {}
        for name in SERVICES:
            group = request.resource_spans.add()
            group.resource.attributes.extend(
                [pair("service.name", name), pair("k8s.pod.name", f"{name}-7d9f")]
            )
            scopes[name] = group.scope_spans.add()
            scopes[name].scope.name = "scene"
        for index in range(traces):
            self._trace(scopes, start_ns + (end_ns - start_ns) * index // traces)
        return request

    def _trace(self, scopes, at_ns):
        draw = self.random
        self.count += 1
        trace_id = draw.randbytes(16)
        bad = self.count % self.deadlocks == 0
        slow = 4 if self.slower_ns is not None and at_ns >= self.slower_ns else 1
        lookup = int(draw.lognormvariate(1.6, 0.3) * slow * MS)
        query = lookup * 7 // 10
        status = Status(code=2, message="rolled back") if bad else None

        def span(service, name, kind, offset, duration, parent=b"", **more):
            made = scopes[service].spans.add(
                trace_id=trace_id,
                span_id=draw.randbytes(8),
                parent_span_id=parent,
                name=name,
                kind=kind,
                start_time_unix_nano=at_ns + offset,
                end_time_unix_nano=at_ns + offset + duration,
                attributes=[pair(key, value) for key, value in more.items()],
            )
            if bad and name != "send decisions":
                made.status.CopyFrom(status)
            return made

        http = {"http.request.method": "POST", "http.route": "/loans"}
        code = 500 if bad else 200
        whole = lookup + 9 * MS
        edge = span("gateway", "POST /loans", SERVER, 0, whole + 3 * MS,
                    **http, **{"http.response.status_code": code, "user.id": self.count % 997})  # fmt: skip
        call = span("gateway", "POST", CLIENT, MS, whole + MS, edge.span_id,
                    **http, **{"server.address": "loan-api"})  # fmt: skip
        api = span("loan-api", "POST /loans", SERVER, 2 * MS, whole, call.span_id, **http)
        ask = span("loan-api", "GET", CLIENT, 3 * MS, lookup + 2 * MS, api.span_id,
                   **{"http.request.method": "GET", "server.address": "feature-store"})  # fmt: skip
        find = span("feature-store", "GET /features/{id}", SERVER, 4 * MS, lookup, ask.span_id,
                    **{"http.request.method": "GET", "http.route": "/features/{id}"})  # fmt: skip
        row = span("feature-store", "SELECT features", CLIENT, 4 * MS + MS // 2, query, find.span_id,
                   **{"db.system.name": "postgresql", "db.operation.name": "SELECT",
                      "db.collection.name": "features"})  # fmt: skip
        if bad:
            event = row.events.add(name="exception", time_unix_nano=row.end_time_unix_nano)
            event.attributes.extend(
                [
                    pair("exception.type", "psycopg.errors.DeadlockDetected"),
                    pair("exception.message", f"{DEADLOCK}: process {self.count} waits"),
                ]
            )
            self.failed.append(trace_id.hex())
        sent = span("loan-api", "send decisions", PRODUCER, lookup + 6 * MS, MS, api.span_id,
                    **{"messaging.destination.name": "decisions"})  # fmt: skip
        took = scopes["audit"].spans.add(
            trace_id=draw.randbytes(16),
            span_id=draw.randbytes(8),
            name="process decisions",
            kind=CONSUMER,
            start_time_unix_nano=at_ns + whole + 5 * MS,
            end_time_unix_nano=at_ns + whole + 7 * MS,
        )
        took.links.add(trace_id=trace_id, span_id=sent.span_id)


def main():
    """Send the scene to a viewer, or to any OTLP receiver."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--http", default="http://127.0.0.1:4318")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--traces", type=int, default=3000)
    options = parser.parse_args()
    end = time.time_ns()
    start = end - int(options.minutes * 60 * NS)
    scene = Scene(slower_ns=start + (end - start) * 2 // 3)
    parts = max(1, options.traces // 50)
    for index in range(parts):
        step = (end - start) // parts
        body = scene.request(start + index * step, start + (index + 1) * step, 50)
        request = urllib.request.Request(
            f"{options.http}/v1/traces",
            body.SerializeToString(),
            {"Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            response.read()


if __name__ == "__main__":
    main()
