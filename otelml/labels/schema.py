"""The tables of the store, and the steps that lead from an older version to this one."""

from __future__ import annotations

from collections.abc import Callable

from otelml.exceptions import ConfigurationError, MissingDependencyError

try:
    import sqlalchemy as sa
    from sqlalchemy import event, exc
except ImportError as error:
    raise MissingDependencyError("a store of labels", "labels") from error

__all__ = [
    "COHORTS",
    "IDS",
    "IMPORTS",
    "KEYS",
    "LABELS",
    "REVIEWS",
    "SOURCES",
    "event",
    "exc",
    "migrate",
    "sa",
]

_metadata = sa.MetaData()
_VERSION = sa.Table(
    "otelml_labels_step",
    _metadata,
    sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
)
LABELS = sa.Table(
    "otelml_labels",
    _metadata,
    sa.Column("prediction", sa.String(64), primary_key=True),
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("actual", sa.String(200), nullable=False),
    sa.Column("reviewer", sa.String(200), nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("prediction_id", sa.String(200), nullable=False, server_default=""),
)
KEYS = sa.Table(
    "otelml_label_keys",
    _metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("prediction_id", sa.String(200), nullable=False),
    sa.Column("prediction", sa.String(64), nullable=False, index=True),
    sa.Column("time_ns", sa.BigInteger, nullable=False, index=True),
)
IMPORTS = sa.Table(
    "otelml_label_imports",
    _metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False),
)
# How far each source of labels has been read, and which process reads it until when.
SOURCES = sa.Table(
    "otelml_label_sources",
    _metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("position", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False),
)
# Uncertain predictions, for reviewers.
REVIEWS = sa.Table(
    "otelml_label_reviews",
    _metadata,
    sa.Column("prediction", sa.String(64), primary_key=True),
    sa.Column("prediction_id", sa.String(200), nullable=False),
    sa.Column("confidence", sa.Float, nullable=False, index=True),
    sa.Column("features", sa.Text, nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False, index=True),
)
# What each process has gathered of cohorts of labels, so that a restart does not lose it.
COHORTS = sa.Table(
    "otelml_label_cohorts",
    _metadata,
    sa.Column("owner", sa.String(200), primary_key=True),
    sa.Column("model", sa.String(64), primary_key=True),
    sa.Column("part", sa.String(40), primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("taken_by", sa.String(200), nullable=False),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False, index=True),
)

# What opaque prediction ids stand for.
IDS = sa.Table(
    "otelml_label_ids",
    _metadata,
    sa.Column("prediction_id", sa.String(64), primary_key=True),
    sa.Column("content", sa.String(200), nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False, index=True),
)


def _first(connection: sa.Connection) -> None:
    _metadata.create_all(connection, [LABELS, KEYS, IMPORTS])


def _sources_and_reviews(connection: sa.Connection) -> None:
    """Add what version 2 has; a label says which id it came with, so that it can be judged anew."""
    _metadata.create_all(connection, [SOURCES, REVIEWS])
    column = LABELS.c.prediction_id
    if column.name in {one["name"] for one in sa.inspect(connection).get_columns(LABELS.name)}:
        return  # made a moment ago, by the first step
    made = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {LABELS.name} ADD COLUMN {made}")


def _cohorts(connection: sa.Connection) -> None:
    _metadata.create_all(connection, [COHORTS])


def _opaque_ids(connection: sa.Connection) -> None:
    _metadata.create_all(connection, [IDS])


# Each is run once, in this order; a change of the schema is one more.
_STEPS: tuple[Callable[[sa.Connection], None], ...] = (
    _first,
    _sources_and_reviews,
    _cohorts,
    _opaque_ids,
)


def migrate(connection: sa.Connection) -> None:
    """Bring the store to this version, within the transaction of ``connection``.

    Raises:
        ConfigurationError: A newer otelml has written the store.
    """
    _VERSION.create(connection, checkfirst=True)
    done = connection.execute(sa.select(sa.func.count()).select_from(_VERSION)).scalar_one()
    if done > len(_STEPS):
        raise ConfigurationError("the store of labels was written by a newer otelml; upgrade it")
    for number, step in enumerate(_STEPS[done:], start=done + 1):
        step(connection)
        connection.execute(sa.insert(_VERSION).values(step=number))
