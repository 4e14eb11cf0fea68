"""The engine of a store, set up so that writers go one after the other."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from otelml import _process
from otelml.exceptions import ConfigurationError, FeedbackError, MissingDependencyError
from otelml.labels.schema import event, exc, sa

_WAIT_S = 10
_LOCK = 0x6F74656C  # of PostgreSQL: writers go one after the other
_READS = "otelml_reads"


def create_engine(url: str) -> sa.Engine:
    """Return the engine of a store, without asking it.

    Raises:
        ConfigurationError: It is no URL of a database.
        MissingDependencyError: Its driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
        arguments: dict[str, Any] = {}
        if parsed.get_backend_name() == "sqlite":
            arguments = {"timeout": _WAIT_S, "check_same_thread": False}
        engine = sa.create_engine(parsed, connect_args=arguments, hide_parameters=True)
    except (exc.ArgumentError, ValueError, TypeError):
        raise ConfigurationError(
            "the store of labels must be a URL such as sqlite:///labels.db"
        ) from None
    except ImportError as error:
        raise MissingDependencyError("this store of labels", "postgresql") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin in _begin_sqlite
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: sa.Connection) -> None:
    # The lock at once: one that reads first could not become a writer beside another.
    reads = connection.get_execution_options().get(_READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def whole(engine: sa.Engine) -> AbstractContextManager[None]:
    """Let no other thread fork while SQLite is at work: its locks would stay held in the child."""
    return _process.no_fork() if engine.dialect.name == "sqlite" else nullcontext()


@contextmanager
def transaction(engine: sa.Engine, *, reads: bool = False) -> Generator[sa.Connection, None, None]:
    """Give a connection within a transaction.

    Args:
        engine: The store's.
        reads: Whether nothing is written: others may write meanwhile.

    Raises:
        FeedbackError: The database cannot be reached, or refuses.
    """
    try:
        with whole(engine), engine.connect() as connection:
            if reads:
                connection.execution_options(**{_READS: True})
            with connection.begin():
                if not reads and engine.dialect.name == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                yield connection
    except exc.SQLAlchemyError as error:
        cause = type(getattr(error, "orig", None) or error).__name__
        raise FeedbackError(
            f"the label could not be stored ({cause}); try again", "store"
        ) from None
