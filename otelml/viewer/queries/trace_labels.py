"""The labels that came back for the predictions of one trace."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelml import semconv
from otelml.viewer.queries.labelled import label_of
from otelml.viewer.queries.window import NS_PER_MS, NotFoundError, hex_id
from otelml.viewer.records import attributes

_MOST = 100
_MOST_PREDICTIONS = 1000


def get_trace_labels(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/traces/{trace_id}/labels."""
    raw_id = hex_id(params["trace_id"], "the trace id", 16)
    row = connection.execute("SELECT id FROM traces WHERE trace_id=?", (raw_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"trace {params['trace_id']} is not stored")
    predictions = connection.execute(
        "SELECT predictions.span_id, actual, predicted, label, value, outcome, time_ns"
        " FROM predictions LEFT JOIN feedback ON feedback.trace_id=?"
        " AND feedback.span_id=predictions.span_id"
        " WHERE predictions.trace=? AND error=0 ORDER BY start_ns LIMIT ?",
        (raw_id, row[0], _MOST_PREDICTIONS),
    ).fetchall()
    told = _told(connection, raw_id)
    return {
        "predictions": [
            {"span_id": each[0].hex(), **label_of(each[1:]), "told": told.get(each[0], [])}
            for each in predictions
        ]
    }


def _told(connection: sqlite3.Connection, trace_id: bytes) -> dict[bytes, list[dict[str, Any]]]:
    """Return who said what of each prediction, the newest first: a later label may correct one."""
    rows = connection.execute(
        "SELECT to_span, raw, traces.trace_id FROM links"
        " JOIN spans ON spans.trace=links.trace AND spans.span_id=links.span_id"
        " JOIN traces ON traces.id=links.trace WHERE to_trace=? LIMIT ?",
        (trace_id, _MOST),
    )
    found: dict[bytes, list[dict[str, Any]]] = {}
    for to_span, raw, from_trace in rows:
        span = Span.FromString(raw)
        said = attributes(span.attributes)
        if semconv.ML_LABEL_ACTUAL not in said:
            continue
        delay = said.get(semconv.ML_FEEDBACK_DELAY_ATTRIBUTE)
        found.setdefault(to_span, []).append(
            {
                "actual": str(said[semconv.ML_LABEL_ACTUAL]),
                "source": said.get(semconv.ML_FEEDBACK_SOURCE),
                "reviewer": said.get(semconv.ML_FEEDBACK_REVIEWER),
                "outcome": said.get(semconv.ML_FEEDBACK_OUTCOME),
                "delay": delay * 1000 if isinstance(delay, (int, float)) else None,
                "time": span.start_time_unix_nano / NS_PER_MS,
                "trace_id": from_trace.hex(),
                "span_id": span.span_id.hex(),
            }
        )
    for each in found.values():
        each.sort(key=lambda one: -one["time"])
    return found
