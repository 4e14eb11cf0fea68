"""Traces of several services, one of them with a clock of its own, as OTLP/HTTP JSON."""

from __future__ import annotations

import time
from typing import Any

from ui_seed import _nanos, attributes, post

CLIENT, SERVER = 3, 2
AHEAD_MS = 200.0
Row = tuple[str, str, str, float, float, int, dict[str, Any]]
FAST: tuple[Row, ...] = (
    ("root", "", "gateway POST /apply", 0, 130, SERVER, {"http.response.status_code": 200}),
    ("call", "root", "gateway features", 5, 60, CLIENT, {}),
    ("get", "call", "features get", 10 + AHEAD_MS, 50 + AHEAD_MS, SERVER, {"db.system": "redis"}),
    ("query", "get", "features query", 12 + AHEAD_MS, 40 + AHEAD_MS, CLIENT, {"db.keys": 20}),
    ("score", "root", "scorer predict", 62, 125, SERVER, {"ml.model.version": "3"}),
    ("stage", "score", "scorer inference", 65, 120, 1, {"ml.stage.name": "inference"}),
    ("audit", "root", "gateway audit", 63, 90, 1, {}),
)
SLOW: tuple[Row, ...] = (
    ("root", "", "gateway POST /apply", 0, 190, SERVER, {"http.response.status_code": 200}),
    ("call", "root", "gateway features", 5, 120, CLIENT, {}),
    ("get", "call", "features get", 10, 110, SERVER, {"db.system": "redis"}),
    *((f"q{n}", "get", "features query", 12 + 10 * n, 20 + 10 * n, CLIENT, {"db.keys": 5}) for n in range(8)),
    ("score", "root", "scorer predict", 122, 185, SERVER, {"ml.model.version": "2"}),
    ("stage", "score", "scorer inference", 125, 180, 1, {"ml.stage.name": "inference"}),
    ("cache", "score", "scorer warm cache", 123, 125, 1, {}),
)  # fmt: skip


def span_id(name: str) -> str:
    """The id of a span of the rows."""
    return name.encode().hex().ljust(16, "0")


def send_rows(endpoint: str, trace_id: str, rows: tuple[Row, ...], start_ms: float) -> None:
    """Send rows of (id, parent, "service name", from ms, to ms, kind, attributes)."""
    groups = []
    for own, parent, names, start, end, kind, pairs in rows:
        service, _, name = names.partition(" ")
        span = {
            "traceId": trace_id,
            "spanId": span_id(own),
            "parentSpanId": span_id(parent) if parent else "",
            "name": name,
            "kind": kind,
            "startTimeUnixNano": _nanos(start_ms + start),
            "endTimeUnixNano": _nanos(start_ms + end),
            "attributes": attributes(pairs),
        }
        resource = {"attributes": attributes({"service.name": service})}
        groups.append({"resource": resource, "scopeSpans": [{"spans": [span]}]})
    post(endpoint, "traces", {"resourceSpans": groups})


def send_calls(endpoint: str) -> tuple[str, str]:
    """Send a fast and a slow trace of the same operation; return their ids."""
    ids = ("a" * 32, "d" * 32)
    start_ms = time.time() * 1000 - 20_000
    send_rows(endpoint, ids[0], FAST, start_ms)
    send_rows(endpoint, ids[1], SLOW, start_ms + 5_000)
    return ids


def send_versions(endpoint: str, number: int = 60) -> None:
    """Send predictions of two versions: 3 is twice as slow as 2, and a fifth of them fail."""
    start_ms = time.time() * 1000 - 400_000
    spans = []
    for version, ms, failing in (("2", 10.0, 0), ("3", 20.0, 5)):
        for index in range(number):
            failed = bool(failing) and index % failing == 0
            pairs = {"ml.model.name": "loan", "ml.model.version": version}
            pairs |= {"error.type": "ValueError"} if failed else {"ml.prediction.label": "approved"}
            begin = start_ms + index * 2000
            trace_id = f"{int(version) * 1000 + index:032x}"
            spans.append(
                {
                    "traceId": trace_id,
                    "spanId": trace_id[16:],
                    "name": "predict loan",
                    "kind": SERVER,
                    "startTimeUnixNano": _nanos(begin),
                    "endTimeUnixNano": _nanos(begin + ms + index % 3),
                    "attributes": attributes(pairs),
                    "status": {"code": 2} if failed else {},
                }
            )
    resource = {"attributes": attributes({"service.name": "loan-api"})}
    post(
        endpoint,
        "traces",
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]},
    )
