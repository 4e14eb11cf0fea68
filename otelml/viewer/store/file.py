"""The database as a file: whose it is, who uses it, how large it is."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

from otelml.exceptions import ConfigurationError

APPLICATION_ID = 0x6F746D6C
SCHEMA = 3
BESIDE = ("-wal", "-shm", "-journal")
_HEADER = b"SQLite format 3\x00"
# What a database holds before its first checkpoint is this small; the rest is in its WAL.
_YOUNG_BYTES = 1024 * 1024


def resolved(path: Path) -> Path:
    """Return the one path of a database, whatever link leads to it.

    Raises:
        ConfigurationError: It has no folder, or the file has another name that is no link to it.
    """
    try:
        found = path.resolve()
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(f"--db {path}: {error}") from error
    if not found.parent.is_dir():
        raise ConfigurationError(f"--db {path}: there is no folder {found.parent}")
    if path.is_symlink():
        raise ConfigurationError(f"--db {path}: a link to {found}; name that file itself")
    if found.exists() and not found.is_file():
        raise ConfigurationError(f"--db {path}: a folder, a device or a pipe; name a file")
    for beside in ("-lock", *BESIDE):
        if found.with_name(found.name + beside).is_symlink():
            raise ConfigurationError(f"--db {path}: {found.name}{beside} beside it is a link")
    with contextlib.suppress(OSError):
        if found.is_file() and found.stat().st_nlink > 1:
            raise ConfigurationError(
                f"--db {path}: the file has a second name (a hard link); SQLite would lose data"
            )
    return found


def lock(path: Path) -> sqlite3.Connection:
    """Hold an exclusive lock beside the database, which ends with the process on every system.

    Raises:
        ConfigurationError: Another viewer holds it, or the folder cannot be written.
    """
    beside = path.with_name(path.name + "-lock")
    try:
        # Telemetry is its owner's; what sqlite lays beside a database has the database's mode.
        for file in (path, beside):
            file.touch(0o600)
        # An old one too, before SQLite lays its journal beside it; the database's turn comes when
        # it is known to be the viewer's.
        beside.chmod(0o600)
        connection = sqlite3.connect(
            beside, isolation_level=None, check_same_thread=False, timeout=0
        )
        connection.execute("BEGIN EXCLUSIVE")
    except (sqlite3.OperationalError, OSError) as error:
        reason = "another viewer uses it" if "locked" in str(error) else str(error)
        raise ConfigurationError(f"--db {path}: {reason}") from error
    return connection


def make_private(path: Path) -> None:
    """Let nobody but the owner read the database and what lies beside it, old files included.

    Raises:
        ConfigurationError: They belong to someone else.
    """
    for suffix in ("", "-lock", *BESIDE):
        file = path.with_name(path.name + suffix)
        try:
            file.chmod(0o600)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigurationError(
                f"--db {path}: {file.name} cannot be made private (mode 0600): {error.strerror}"
            ) from error


def wal_bytes(path: Path) -> int:
    """Return how large what is not yet folded into the database is."""
    return _size(path.with_name(path.name + "-wal"))


def database_bytes(path: Path) -> int:
    """Return how large a database is on disk, with what it has not yet folded in."""
    return _size(path) + wal_bytes(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def refuse_foreign(path: Path) -> None:
    """Refuse a file that is not the viewer's, or is a newer one's; it is not touched.

    Raises:
        ConfigurationError: It is.
    """
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigurationError(f"--db {path}: cannot be read: {error.strerror}") from error
    application, version = _identity(header)
    if application != APPLICATION_ID and _is_young(path):
        application, version = _ask(path)
    if not header and application is None:
        return
    if application != APPLICATION_ID:
        raise ConfigurationError(f"--db {path}: not a database of otelml's viewer; left as it is")
    if version > SCHEMA:
        raise ConfigurationError(
            f"--db {path}: written by a newer otelml (schema {version}, this one knows {SCHEMA})"
        )


def _identity(header: bytes) -> tuple[int | None, int]:
    """Return the application id and schema that SQLite keeps at bytes 68 and 60."""
    if not header.startswith(_HEADER):
        return None, 0
    return int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big")


def _is_young(path: Path) -> bool:
    """Tell whether the first pages may still be beside the file, as after a kill."""
    beside = any(_size(path.with_name(path.name + suffix)) for suffix in BESIDE)
    return beside and _size(path) <= _YOUNG_BYTES


def _ask(path: Path) -> tuple[int | None, int]:
    """Ask SQLite who made a file, by a copy of it and of what lies beside it."""
    with tempfile.TemporaryDirectory(prefix="otelml-view-") as folder:
        copy = Path(folder) / path.name
        for suffix in ("", "-wal", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path.with_name(path.name + suffix), f"{copy}{suffix}")
        try:
            with contextlib.closing(sqlite3.connect(copy)) as connection:
                (application,) = connection.execute("PRAGMA application_id").fetchone()
                (version,) = connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError:
            return None, 0
    return int(application), int(version)
