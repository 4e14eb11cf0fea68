"""What the monitor told: its events, and the trace of a check."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otelml import semconv
from otelml.viewer.queries.window import NS_PER_MS, NS_PER_S, Window
from otelml.viewer.records import attributes
from otelml.viewer.store import split

_KINDS = {
    semconv.EVENT_DRIFT_DETECTED: "detected",
    semconv.EVENT_DRIFT_CLEARED: "cleared",
    semconv.EVENT_DRIFT_SKEW: "skewed",
    semconv.EVENT_DRIFT_ACCEPTED: "accepted",
}
_COMMON = "ml.drift."
_MOST_READ = 1000
_LONGEST_CHECK_NS = 600 * NS_PER_S
_MOST_CHECKS = 20


def drift_events(
    connection: sqlite3.Connection,
    window: Window,
    name: str,
    version: str,
    limit: int,
    feature: str | None = None,
) -> tuple[list[dict[str, Any]], int]:
    """Return the newest events of a model, at most ``limit``, and how many more there are.

    An event names at most some of its features; one of more features is shown for each of them.
    """
    found = [
        event
        for event in events_of(connection, window, name, version)
        if feature is None or feature in event["features"] or event["features_left_out"]
    ]
    return found[:limit], max(0, len(found) - limit)


def events_of(
    connection: sqlite3.Connection, window: Window, name: str, version: str
) -> Iterator[dict[str, Any]]:
    """Yield a model's events, the newest first; of the newest records that speak of drift."""
    rows = connection.execute(
        "SELECT time_ns, trace_id, span_id, raw FROM logs WHERE time_ns>=? AND time_ns<?"
        " AND instr(search, ?) ORDER BY time_ns DESC, id DESC LIMIT ?",
        (window.from_ns, window.to_ns, _COMMON, _MOST_READ),
    )
    for time_ns, trace_id, span_id, raw in rows:
        record = LogRecord.FromString(raw)
        if record.event_name not in _KINDS:
            continue
        said = attributes(record.attributes)
        if said.get(semconv.ML_MODEL_NAME) != name:
            continue
        if str(said.get(semconv.ML_MODEL_VERSION) or "") != version:
            continue
        features = said.get(semconv.ML_DRIFT_FEATURES)
        body = record.body.string_value
        yield {
            "time": time_ns / NS_PER_MS,
            "event": record.event_name,
            "kind": _KINDS[record.event_name],
            "features": [str(each) for each in features] if isinstance(features, list) else [],
            "features_left_out": " more " in body,
            "evidence": _number(said.get(semconv.ML_DRIFT_EVIDENCE_ATTRIBUTE)),
            "severity": said.get(semconv.ML_DRIFT_SEVERITY_ATTRIBUTE),
            "rows": _number(said.get(semconv.ML_DRIFT_WINDOW_ROWS_ATTRIBUTE)),
            "by": said.get(semconv.ML_DRIFT_ACCEPTED_BY),
            "reason": said.get(semconv.ML_DRIFT_REASON),
            "message": body,
            "trace_id": None if trace_id is None else trace_id.hex(),
            "span_id": None if span_id is None else span_id.hex(),
        }


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def check_trace(
    connection: sqlite3.Connection, name: str, version: str, last_check_ms: float | None
) -> dict[str, Any] | None:
    """Return the trace of the last check, where it is stored."""
    if last_check_ms is None:
        return None
    end_ns = int(last_check_ms * NS_PER_MS)
    rows = connection.execute(
        "SELECT trace_id, start_ns, versions FROM traces"
        " WHERE name=? AND start_ns>? AND start_ns<=?"
        " ORDER BY start_ns DESC LIMIT ?",
        (
            semconv.SPAN_DRIFT_CHECK.format(model=name),
            end_ns - _LONGEST_CHECK_NS,
            end_ns + NS_PER_S,
            _MOST_CHECKS,
        ),
    )
    for trace_id, start_ns, versions in rows:
        if not version or version in split(versions) or not split(versions):
            return {"trace_id": trace_id.hex(), "time": start_ns / NS_PER_MS}
    return None
