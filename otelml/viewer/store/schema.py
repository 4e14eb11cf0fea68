"""How a database is opened."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path
from typing import Final

from otelml.exceptions import ConfigurationError
from otelml.viewer.store.file import APPLICATION_ID, BESIDE, SCHEMA, make_private, refuse_foreign
from otelml.viewer.store.tables import DETAILS, TABLES, migrate

_PAGE_BYTES = 8192
# Pages that may wait to be folded in: as many as that, or this part of the bound.
_WAL_PAGES, _LEAST_WAL_PAGES, _WAL_SHARE = 4000, 64, 16
_logger = logging.getLogger("otelml.viewer")
# An encrypted prediction id is found by its first characters, which are random; all of it would
# make the index as large as the table.
_IDS: Final = "CREATE INDEX IF NOT EXISTS predictions_token ON predictions(substr(token, 1, 24))"


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
    make_private(path)
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
                f"BEGIN IMMEDIATE;{TABLES}PRAGMA application_id={APPLICATION_ID};"
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
            migrate(connection, version)
        connection.execute(DETAILS)
        connection.execute(_IDS)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    row = connection.execute("PRAGMA quick_check(1)").fetchone()
    if row != ("ok",):
        raise sqlite3.DatabaseError(str(row[0] if row else "no answer"))
