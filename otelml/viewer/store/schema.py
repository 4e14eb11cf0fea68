"""The SQLite schema, and how a database is opened."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path

from otelml.exceptions import ConfigurationError
from otelml.viewer.store.file import APPLICATION_ID, BESIDE, SCHEMA, refuse_foreign

_PAGE_BYTES = 8192
# Pages that may wait to be folded in: as many as that, or this part of the bound.
_WAL_PAGES, _LEAST_WAL_PAGES, _WAL_SHARE = 4000, 64, 16
_logger = logging.getLogger("otelml.viewer")

_SERIES = """
CREATE TABLE series(
  id INTEGER PRIMARY KEY, metric INTEGER, resource INTEGER, scope INTEGER, attributes BLOB,
  last_ns INTEGER, UNIQUE(metric, resource, scope, attributes));
"""
_TABLES = """
CREATE TABLE resources(
  id INTEGER PRIMARY KEY, key BLOB UNIQUE, raw BLOB, service TEXT, instance TEXT);
CREATE TABLE scopes(id INTEGER PRIMARY KEY, key BLOB UNIQUE, raw BLOB);

CREATE TABLE traces(
  id INTEGER PRIMARY KEY, trace_id BLOB UNIQUE, start_ns INTEGER, end_ns INTEGER,
  duration_ns INTEGER, has_root INTEGER, name TEXT, service TEXT, services TEXT, models TEXT,
  versions TEXT, stages TEXT, labels TEXT, confidence REAL, spans INTEGER, errors INTEGER);
CREATE INDEX traces_start ON traces(start_ns);
CREATE TABLE spans(
  trace INTEGER, span_id BLOB, resource INTEGER, scope INTEGER, raw BLOB,
  PRIMARY KEY(trace, span_id));
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


_TO_2 = (
    "BEGIN IMMEDIATE; ALTER TABLE series RENAME TO old_series;"  # noqa: S608 - constants
    + _SERIES
    + "INSERT INTO series SELECT id, metric, resource, 0, attributes, last_ns FROM old_series;"
    + "DROP TABLE old_series; PRAGMA user_version=2; COMMIT;"
)


def open_writer(path: Path, *, durable: bool = True, size_bytes: int = 0) -> sqlite3.Connection:
    """Open the database for writing; create it where there is none.

    A damaged database of the viewer is moved aside and a new one begun; a file that is not the
    viewer's is never touched.

    Args:
        path: The file.
        durable: Whether it should survive a power cut.
        size_bytes: How large it may grow; what is not yet folded in stays a small part of that.

    Raises:
        ConfigurationError: The file is something else, newer, in use or cannot be written.
    """
    refuse_foreign(path)
    try:
        return _open(path, durable, size_bytes)
    except sqlite3.OperationalError as error:
        raise ConfigurationError(f"--db {path}: cannot be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
        path.rename(aside)
        for suffix in BESIDE:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        _logger.warning("%s is damaged (%s): kept as %s, starting anew", path, error, aside)
        return _open(path, durable, size_bytes)


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the database for queries only; the connection may move between threads."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False, timeout=5
    )
    connection.execute("PRAGMA query_only=1")
    connection.execute("PRAGMA cache_size=-65536")
    connection.execute("PRAGMA mmap_size=1073741824")
    return connection


def _open(path: Path, durable: bool, size_bytes: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
    pages = min(_WAL_PAGES, max(_LEAST_WAL_PAGES, size_bytes // _WAL_SHARE // _PAGE_BYTES))
    try:
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            # Before there is a WAL, so that the file says whose it is from its first commit on.
            connection.executescript(
                f"BEGIN IMMEDIATE;{_TABLES}{_SERIES}PRAGMA application_id={APPLICATION_ID};"
                f"PRAGMA user_version={SCHEMA};COMMIT;"
            )
        connection.execute("PRAGMA journal_mode=WAL")
        # A temporary database need not survive a power cut.
        connection.execute(f"PRAGMA synchronous={'NORMAL' if durable else 'OFF'}")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute(f"PRAGMA wal_autocheckpoint={pages}")
        connection.execute(f"PRAGMA journal_size_limit={pages * _PAGE_BYTES}")
        connection.execute("PRAGMA temp_store=MEMORY")
        if version:
            _check(connection)
            _migrate(connection, version)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    row = connection.execute("PRAGMA quick_check(1)").fetchone()
    if row != ("ok",):
        raise sqlite3.DatabaseError(str(row[0] if row else "no answer"))


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring an older database to this schema."""
    if version < SCHEMA:
        connection.executescript(_TO_2)
