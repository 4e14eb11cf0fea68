"""The SQLite schema; a database file is opened safely, and by one viewer at a time."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path

from otelml.exceptions import ConfigurationError

APPLICATION_ID = 0x6F746D6C
SCHEMA = 1
_HEADER = b"SQLite format 3\x00"
_logger = logging.getLogger("otelml.viewer")

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
CREATE TABLE series(
  id INTEGER PRIMARY KEY, metric INTEGER, resource INTEGER, attributes BLOB, last_ns INTEGER,
  UNIQUE(metric, resource, attributes));
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


def open_writer(path: Path, *, durable: bool = True) -> sqlite3.Connection:
    """Open the database for writing; create it where there is none.

    A damaged database of the viewer is moved aside and a new one begun; a file that is not the
    viewer's is never touched.

    Raises:
        ConfigurationError: The file is something else, newer, in use or cannot be written.
    """
    _refuse_foreign(path)
    try:
        return _open(path, durable=durable)
    except sqlite3.OperationalError as error:
        raise ConfigurationError(f"--db {path}: cannot be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        _logger.warning("%s is damaged (%s): kept as %s, starting anew", path, error, aside)
        return _open(path, durable=durable)


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the database for queries only; the connection may move between threads."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False, timeout=5
    )
    connection.execute("PRAGMA query_only=1")
    connection.execute("PRAGMA cache_size=-65536")
    connection.execute("PRAGMA mmap_size=1073741824")
    return connection


def lock(path: Path) -> sqlite3.Connection:
    """Hold an exclusive lock beside the database, which ends with the process on every system."""
    beside = path.with_name(path.name + "-lock")
    try:
        # Telemetry is its owner's; what sqlite lays beside a database has the database's mode.
        for file in (path, beside):
            file.touch(0o600)
        connection = sqlite3.connect(
            beside, isolation_level=None, check_same_thread=False, timeout=0
        )
        connection.execute("BEGIN EXCLUSIVE")
    except (sqlite3.OperationalError, OSError) as error:
        reason = "another viewer uses it" if "locked" in str(error) else str(error)
        raise ConfigurationError(f"--db {path}: {reason}") from error
    return connection


def database_bytes(path: Path) -> int:
    """Return how large a database is on disk, with what it has not yet folded in."""
    return _size(path) + _size(path.with_name(path.name + "-wal"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _refuse_foreign(path: Path) -> None:
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise ConfigurationError(f"--db {path}: there is no folder {path.parent}") from None
        return
    except OSError as error:
        raise ConfigurationError(f"--db {path}: cannot be read: {error.strerror}") from error
    if not header:
        return
    # SQLite's own header: the application id is at byte 68, the user version at byte 60.
    application = int.from_bytes(header[68:72], "big")
    if not header.startswith(_HEADER) or application != APPLICATION_ID:
        raise ConfigurationError(f"--db {path}: not a database of otelml's viewer; left as it is")
    version = int.from_bytes(header[60:64], "big")
    if version > SCHEMA:
        raise ConfigurationError(
            f"--db {path}: written by a newer otelml (schema {version}, this one knows {SCHEMA})"
        )


def _open(path: Path, *, durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
    try:
        connection.execute("PRAGMA page_size=8192")
        connection.execute("PRAGMA journal_mode=WAL")
        # A temporary database need not survive a power cut.
        connection.execute(f"PRAGMA synchronous={'NORMAL' if durable else 'OFF'}")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        connection.execute("PRAGMA temp_store=MEMORY")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE;{_TABLES}PRAGMA application_id={APPLICATION_ID};"
                f"PRAGMA user_version={SCHEMA};COMMIT;"
            )
        else:
            _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    row = connection.execute("PRAGMA quick_check(1)").fetchone()
    if row != ("ok",):
        raise sqlite3.DatabaseError(str(row[0] if row else "no answer"))
