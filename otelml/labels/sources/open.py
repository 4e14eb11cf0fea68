"""From options to a reader."""

from __future__ import annotations

from otelml._label_options import KafkaLabels, LabelsFrom, RestLabels, SqlLabels, expanded
from otelml._shown import shown_key
from otelml.exceptions import ConfigurationError
from otelml.labels.sources.batch import Reader


def open_reader(options: LabelsFrom) -> Reader:
    """Return what reads a source; nothing is asked yet.

    Raises:
        ConfigurationError: A value or a variable is wrong.
        LabelSourceError: A setting is wrong.
        MissingDependencyError: An extra is not installed.
    """
    if isinstance(options, SqlLabels):
        from otelml.labels.sources.sql import SqlReader

        return SqlReader(options)
    if isinstance(options, RestLabels):
        from otelml.labels.sources.rest import RestReader

        return RestReader(options)
    if isinstance(options, KafkaLabels):
        from otelml.labels.sources.kafka import KafkaReader

        return KafkaReader(options)
    raise ConfigurationError(f"there is no reader of {type(options).__name__}")


def check_source(options: LabelsFrom) -> None:
    """Refuse a source that cannot be, while ``init`` runs.

    Raises:
        ConfigurationError: A value or a variable is wrong.
        MissingDependencyError: An extra is not installed.
    """
    if not isinstance(options, KafkaLabels):
        open_reader(options).close()
        return
    # A consumer starts threads, and init may run before a fork.
    from otelml.labels.sources.kafka import client

    client()
    for name, value in (options.settings or {}).items():
        expanded(value, f"KafkaLabels.settings[{shown_key(name)}]")
