"""The tables of the store, and the steps from older ones to these."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelml.viewer.records import (
    Origin,
    SpanRow,
    attributes,
    failed,
    peer_of,
    times_of,
    title_of,
)
from otelml.viewer.store.histograms import latency_bucket
from otelml.viewer.store.many_rows import ManyRows
from otelml.viewer.store.operations import Operations

_ROWS_A_STEP = 2000
# About a second's work.
_MANY_SPANS = 50_000
_logger = logging.getLogger("otelml.viewer")
_SPAN_ID_BYTES = 8
_NO_SPAN = bytes(_SPAN_ID_BYTES)

SERIES = """
CREATE TABLE series(
  id INTEGER PRIMARY KEY, metric INTEGER, resource INTEGER, scope INTEGER, attributes BLOB,
  last_ns INTEGER, UNIQUE(metric, resource, scope, attributes));
"""
# What a search asks for stands before the span itself; `spans_time` answers most of it alone.
SPANS = """
CREATE TABLE spans(
  trace INTEGER, span_id BLOB, parent BLOB, operation INTEGER, start_ns INTEGER,
  duration_ns INTEGER, error INTEGER, resource INTEGER, scope INTEGER, raw BLOB,
  PRIMARY KEY(trace, span_id));
CREATE INDEX spans_time ON spans(start_ns, operation, duration_ns, error, trace);
CREATE TABLE operations(
  id INTEGER PRIMARY KEY, service TEXT, name TEXT, kind INTEGER, entry INTEGER, peer TEXT,
  other INTEGER, UNIQUE(service, name, kind, entry, peer, other));
CREATE TABLE red(
  resolution INTEGER, bucket INTEGER, operation INTEGER, latency INTEGER, count INTEGER,
  errors INTEGER, PRIMARY KEY(resolution, bucket, operation, latency)) WITHOUT ROWID;
"""
OTHERS = """
CREATE TABLE resources(
  id INTEGER PRIMARY KEY, key BLOB UNIQUE, raw BLOB, service TEXT, instance TEXT);
CREATE TABLE scopes(id INTEGER PRIMARY KEY, key BLOB UNIQUE, raw BLOB);

CREATE TABLE traces(
  id INTEGER PRIMARY KEY, trace_id BLOB UNIQUE, start_ns INTEGER, end_ns INTEGER,
  duration_ns INTEGER, has_root INTEGER, name TEXT, service TEXT, services TEXT, models TEXT,
  versions TEXT, stages TEXT, labels TEXT, confidence REAL, spans INTEGER, errors INTEGER,
  title TEXT);
CREATE INDEX traces_start ON traces(start_ns);
CREATE TABLE links(trace INTEGER, span_id BLOB, to_trace BLOB, to_span BLOB);
CREATE INDEX links_to ON links(to_trace);
CREATE INDEX links_from ON links(trace);

CREATE TABLE models(
  id INTEGER PRIMARY KEY, name TEXT, version TEXT, variant TEXT, framework TEXT,
  first_ns INTEGER, last_ns INTEGER, services TEXT, UNIQUE(name, version, variant));
CREATE TABLE predictions(
  id INTEGER PRIMARY KEY, model INTEGER, start_ns INTEGER, duration_ns INTEGER, label TEXT,
  value TEXT, confidence REAL, rows INTEGER, error INTEGER, error_type TEXT, token TEXT,
  trace INTEGER, span_id BLOB);
CREATE INDEX predictions_model ON predictions(model, start_ns);
CREATE INDEX predictions_trace ON predictions(trace);
CREATE TABLE feedback(
  trace_id BLOB, span_id BLOB, actual TEXT, predicted TEXT, outcome TEXT, time_ns INTEGER,
  PRIMARY KEY(trace_id, span_id)) WITHOUT ROWID;
CREATE TABLE rollups(
  model INTEGER, resolution INTEGER, bucket INTEGER, stage TEXT, count INTEGER, errors INTEGER,
  rows INTEGER, inferred INTEGER, latency BLOB, confidence BLOB, labels TEXT, max_ns INTEGER,
  max_start_ns INTEGER, max_trace BLOB, max_span BLOB, max_error INTEGER,
  PRIMARY KEY(resolution, model, stage, bucket)) WITHOUT ROWID;

CREATE TABLE metrics(
  id INTEGER PRIMARY KEY, name TEXT, unit TEXT, kind TEXT, description TEXT, delta INTEGER,
  last_ns INTEGER, UNIQUE(name, unit, kind));
CREATE TABLE layouts(id INTEGER PRIMARY KEY, bounds BLOB UNIQUE);
CREATE TABLE points(
  series INTEGER, time_ns INTEGER, start_ns INTEGER, value REAL, count INTEGER,
  d_value REAL, d_count INTEGER, layout INTEGER, buckets BLOB, d_buckets BLOB,
  PRIMARY KEY(series, time_ns)) WITHOUT ROWID;
CREATE TABLE coarse(
  series INTEGER, bucket INTEGER, d_value REAL, d_count INTEGER, total REAL, points INTEGER,
  last REAL, layout INTEGER, buckets BLOB, PRIMARY KEY(series, bucket)) WITHOUT ROWID;
CREATE TABLE exemplars(
  series INTEGER, time_ns INTEGER, value REAL, trace_id BLOB, span_id BLOB,
  PRIMARY KEY(series, time_ns, span_id)) WITHOUT ROWID;

CREATE TABLE logs(
  id INTEGER PRIMARY KEY, time_ns INTEGER, severity INTEGER, level INTEGER, service TEXT,
  logger TEXT, trace_id BLOB, span_id BLOB, resource INTEGER, scope INTEGER, search TEXT,
  raw BLOB);
CREATE INDEX logs_time ON logs(time_ns);
CREATE INDEX logs_trace ON logs(trace_id) WHERE trace_id IS NOT NULL;
CREATE TABLE log_counts(
  bucket INTEGER, service TEXT, level INTEGER, count INTEGER,
  PRIMARY KEY(bucket, service, level)) WITHOUT ROWID;
CREATE TABLE totals(name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
"""
# Beside the points; older versions of the viewer need not know it.
DETAILS = """
CREATE TABLE IF NOT EXISTS details(
  series INTEGER, time_ns INTEGER, least REAL, largest REAL, quantiles TEXT,
  PRIMARY KEY(series, time_ns)) WITHOUT ROWID;
"""
TABLES = OTHERS + SERIES + SPANS
_TO_2 = (
    "BEGIN IMMEDIATE; ALTER TABLE series RENAME TO old_series;"  # noqa: S608 - constants
    + SERIES
    + "INSERT INTO series SELECT id, metric, resource, 0, attributes, last_ns FROM old_series;"
    + "DROP TABLE old_series; PRAGMA user_version=2; COMMIT;"
)
_OLD_SPANS = (
    "SELECT trace, span_id, resource, scope, old_spans.raw, resources.service, traces.start_ns"
    " FROM old_spans JOIN traces ON traces.id=trace JOIN resources ON resources.id=resource"
    " ORDER BY old_spans.rowid"
)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring an older database to this schema, each step in one transaction.

    Args:
        connection: The writer's connection, outside a transaction.
        version: The schema it has.
    """
    if version < 2:  # noqa: PLR2004 - a schema's number
        connection.executescript(_TO_2)
    if version < 3:  # noqa: PLR2004 - a schema's number
        connection.execute("BEGIN IMMEDIATE")
        try:
            _to_3(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _to_3(connection: sqlite3.Connection) -> None:
    """Take out of each span what is searched by, and sum up each operation."""
    connection.execute("ALTER TABLE traces ADD COLUMN title TEXT")
    connection.execute("ALTER TABLE spans RENAME TO old_spans")
    for statement in SPANS.split(";"):
        connection.execute(statement)
    (count,) = connection.execute("SELECT count(*) FROM old_spans").fetchone()
    if count > _MANY_SPANS:
        _logger.warning("bringing %s spans to this version's schema; this happens once", count)
    operations = Operations(connection)
    spans = ManyRows(INTO_SPANS, SPAN_COLUMNS)
    old = connection.execute(_OLD_SPANS)
    while rows := old.fetchmany(_ROWS_A_STEP):
        spans.insert(connection, _columns(rows, operations))
        connection.executemany("UPDATE traces SET title=? WHERE id=?", list(_titles(rows)))
        operations.flush()
    connection.execute("DROP TABLE old_spans")
    connection.execute("PRAGMA user_version=3")


INTO_SPANS = (
    "INSERT INTO spans(trace, span_id, parent, operation, start_ns, duration_ns, error, resource,"
    " scope, raw)"
)
SPAN_COLUMNS = 10


def _columns(rows: list[Any], operations: Operations) -> Iterator[tuple[Any, ...]]:
    for trace, span_id, resource, scope, raw, service, began_ns in rows:
        span = Span.FromString(raw)
        start_ns, duration_ns, timed = times_of(span, began_ns)
        parent = span.parent_span_id
        row = SpanRow(
            span.trace_id,
            span_id,
            parent if len(parent) == _SPAN_ID_BYTES and parent != _NO_SPAN else None,
            span.name,
            span.kind,
            start_ns,
            duration_ns,
            failed(span),
            raw,
            Origin(b"", service, "", b"", ""),
            timed=timed,
            peer=peer_of(span),
            latency=latency_bucket(duration_ns),
        )
        yield (
            trace, span_id, row.parent_id, operations.add(row), start_ns, duration_ns,
            int(row.error), resource, scope, raw,
        )  # fmt: skip


def _titles(rows: list[Any]) -> Iterator[tuple[str, int]]:
    for trace, *_, raw, _, _ in rows:
        span = Span.FromString(raw)
        if not span.parent_span_id:
            title = title_of(span.name, attributes(span.attributes))
            if title != span.name:
                yield title, trace
