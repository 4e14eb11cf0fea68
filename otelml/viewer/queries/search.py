"""One box that finds a trace, a prediction, a model, a feature, a metric or a service."""

from __future__ import annotations

import base64
import binascii
import sqlite3
from collections.abc import Mapping
from typing import Any

from otelml import semconv
from otelml.viewer.queries.points import find_series
from otelml.viewer.queries.traces import services
from otelml.viewer.queries.window import NS_PER_MS, NotFoundError

MAX_RESULTS = 20
_MIN_PREFIX = 6
_TRACE_HEX = 32
# A signed prediction id is base64url: after one or two bytes, by its version, comes the trace id.
_TRACE_AT = {1: 1, 2: 2, 4: 2}
_TRACE_BYTES = 16
_TOKEN_PREFIX_CHARS = 24
_TRACE = "SELECT trace_id, name, service, duration_ns, spans FROM traces"


def search_all(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/search."""
    query = params.get("q", "").strip()
    if not query:
        return {"results": []}
    found = _traces(connection, query.lower())
    found += _predictions(connection, query)
    found += _names(connection, query.casefold())
    return {"results": found[:MAX_RESULTS]}


def _result(kind: str, title: str, detail: str, **where: str | None) -> dict[str, Any]:
    empty = dict.fromkeys(("trace_id", "span_id", "model", "feature"))
    return {"kind": kind, "title": title, "detail": detail, **empty, **where}


def _traces(connection: sqlite3.Connection, prefix: str) -> list[dict[str, Any]]:
    if not _MIN_PREFIX <= len(prefix) <= _TRACE_HEX or set(prefix) - set("0123456789abcdef"):
        return []
    low = bytes.fromhex(prefix.ljust(_TRACE_HEX, "0"))
    high = bytes.fromhex(prefix.ljust(_TRACE_HEX, "f"))
    rows = connection.execute(f"{_TRACE} WHERE trace_id BETWEEN ? AND ? LIMIT 5", (low, high))
    return [_trace(row, "trace") for row in rows]


def _trace(row: tuple[Any, ...], kind: str, span_id: str | None = None) -> dict[str, Any]:
    spans = "1 span" if row[4] == 1 else f"{row[4]} spans"
    detail = f"{row[2]} · {row[3] / NS_PER_MS:.3g} ms · {spans}"
    return _result(kind, row[1], detail, trace_id=row[0].hex(), span_id=span_id)


def _predictions(connection: sqlite3.Connection, token: str) -> list[dict[str, Any]]:
    trace_id = trace_of_token(token) or _trace_with(connection, token)
    if trace_id is None:
        return []
    row = connection.execute(f"{_TRACE} WHERE trace_id=?", (trace_id,)).fetchone()
    if row is None:
        return []
    spans = connection.execute(
        "SELECT predictions.span_id, token FROM predictions JOIN traces ON traces.id=trace"
        " WHERE trace_id=? ORDER BY token=? DESC, predictions.start_ns",
        (trace_id, token),
    ).fetchall()
    exact = next((span_id for span_id, stored in spans if stored == token), None)
    chosen = exact or (spans[0][0] if spans else None)
    return [_trace(row, "prediction", None if chosen is None else chosen.hex())]


def _trace_with(connection: sqlite3.Connection, token: str) -> bytes | None:
    """Return the trace of a prediction whose id says nothing by itself."""
    if len(token) < _TOKEN_PREFIX_CHARS:
        return None
    row = connection.execute(
        "SELECT trace_id FROM predictions JOIN traces ON traces.id=trace"
        " WHERE substr(token, 1, 24)=? AND token=?",  # as the index has it
        (token[:_TOKEN_PREFIX_CHARS], token),
    ).fetchone()
    return None if row is None else bytes(row[0])


def trace_of_token(token: str) -> bytes | None:
    """Return the trace id inside a prediction id; None where there is none to be read."""
    head = token[:_TOKEN_PREFIX_CHARS]
    if len(head) < _TOKEN_PREFIX_CHARS or not token.isascii():
        return None
    try:
        raw = base64.b64decode(head, b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    at = _TRACE_AT.get(raw[0])
    return None if at is None else raw[at : at + _TRACE_BYTES]


def _names(connection: sqlite3.Connection, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for (name,) in connection.execute("SELECT DISTINCT name FROM models ORDER BY name"):
        if query in name.casefold():
            found.append(_result("model", name, "model", model=name))
    found += _features(connection, query)
    for (name,) in connection.execute("SELECT DISTINCT name FROM metrics ORDER BY name"):
        if query in name.casefold():
            found.append(_result("metric", name, "metric"))
    for name in services(connection):
        if query in name.casefold():
            found.append(_result("service", name, "service"))
    # What begins with the query comes before what only contains it.
    found.sort(key=lambda each: not each["title"].casefold().startswith(query))
    return found


def _features(connection: sqlite3.Connection, query: str) -> list[dict[str, Any]]:
    pairs: dict[tuple[str, str], None] = {}
    for metric in (semconv.ML_FEATURE_LAST, semconv.ML_FEATURE_MEAN):
        try:
            series = find_series(connection, metric.name)
        except NotFoundError:
            continue
        for each in series:
            feature = each.labels.get(semconv.ML_FEATURE_NAME, "")
            if query in feature.casefold() and feature:
                pairs[feature, each.labels.get(semconv.ML_MODEL_NAME, "")] = None
    return [
        _result("feature", feature, f"feature of {model}", feature=feature, model=model)
        for feature, model in pairs
    ]
