"""Where labels are fetched from: options of a database, an API, a topic; and who is trusted."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from otelml._durations import seconds
from otelml._hints import hint
from otelml._option_fields import Options, option_field
from otelml._shown import shown, shown_key
from otelml.exceptions import ConfigurationError

__all__ = [
    "FIELDS",
    "KafkaLabels",
    "LabelsFrom",
    "RestLabels",
    "SqlLabels",
    "expanded",
    "precedence",
    "sources_of",
]

FIELDS: Final = ("id", "key", "actual", "source", "reviewer", "timestamp")
"""What a row of labels may have, whatever it comes from."""

_VARIABLE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_MAX_NAME = 100
_URL = re.compile(r"https?://[^\s/]+\S*", re.ASCII)


def expanded(text: str, key: str) -> str:
    """Return ``text`` with each ``${env:NAME}`` replaced by that variable.

    Args:
        text: What was configured.
        key: The option, for the error.

    Raises:
        ConfigurationError: There is no such variable, or it is empty.
    """

    def value(found: re.Match[str]) -> str:
        said = os.environ.get(found[1], "").strip()
        if not said:
            raise ConfigurationError(
                f"{key} needs the variable {shown_key(found[1])}, which is not set"
            )
        return said

    return _VARIABLE.sub(value, text)


def precedence(source: str, time_ns: int, trust: Sequence[str]) -> tuple[int, int, str]:
    """Return what orders labels of one prediction: the least decides.

    The most trusted source comes first; among those that are not named, the newest label.

    Args:
        source: Where the label is from.
        time_ns: When it became known.
        trust: Sources, the most trusted first.
    """
    rank = trust.index(source) if source in trust else len(trust)
    return rank, -time_ns, source


@dataclass(frozen=True, kw_only=True)
class LabelsFrom(Options):
    """What all sources share.

    Args:
        name: Names its progress in the store, its counters, and the source of its labels.
        fields: Where a row has its ``id`` or ``key``, ``actual``, ``source``, ``reviewer`` and
            ``timestamp``; by default under these names. Dots lead into nested objects.
    """

    name: str = ""
    fields: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        kind = type(self).__name__
        if not 1 <= len(self.name) <= _MAX_NAME or not self.name.isprintable():
            raise ConfigurationError(
                f"{kind}.name is {shown(self.name)}; "
                f"it must be 1 to {_MAX_NAME} printable characters"
            )
        for field, path in (self.fields or {}).items():
            if field not in FIELDS:
                meant = hint(str(field), FIELDS)
                raise ConfigurationError(f"{kind}.fields has no field {shown_key(field)}; {meant}")
            if not isinstance(cast("Any", path), str) or not path:
                raise ConfigurationError(
                    f"{kind}.fields.{field} is {shown(path)}; it must be a name"
                )

    @property
    def every_s(self) -> float:
        """Seconds between two looks."""
        return 1.0

    def _needs(self, *names: str) -> None:
        for name in names:
            if not getattr(self, name).strip():
                raise ConfigurationError(f"{type(self).__name__}.{name} is missing")

    def __repr__(self) -> str:
        """Keep addresses, tokens and passwords out of logs."""
        return f"{type(self).__name__}(name={self.name!r})"


@dataclass(frozen=True, kw_only=True, repr=False)
class SqlLabels(LabelsFrom):
    """Labels that a query returns, looked at again and again from a watermark on.

    Args:
        url: The database, as SQLAlchemy writes it; ``${env:NAME}`` stands for a variable.
        query: Any query whose columns are those of ``fields``, and the watermark.
        watermark: The column that grows with each new or changed label; a time, a number or a text.
        overlap: How far back each look goes for rows that appear late: a duration for times, a
            number for numbers.
        every: Time between two looks.
        rows: Rows that are asked for at once.
    """

    url: str = option_field("", "", secret=True)
    query: str = ""
    watermark: str = "timestamp"
    overlap: str | float = option_field("5m", "")
    every: str | float = option_field("1m", "")
    rows: int = option_field(500, "", low=1, high=100_000)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._needs("url", "query", "watermark")
        seconds("SqlLabels.overlap", self.overlap)
        seconds("SqlLabels.every", self.every)

    @property
    def every_s(self) -> float:
        """Seconds between two looks."""
        return seconds("SqlLabels.every", self.every)

    @property
    def overlap_s(self) -> float:
        """How far back each look goes."""
        return seconds("SqlLabels.overlap", self.overlap)


@dataclass(frozen=True, kw_only=True, repr=False)
class RestLabels(LabelsFrom):
    """Labels that an HTTP API returns as JSON, by cursor or since a watermark.

    Args:
        url: Its address; ``${env:NAME}`` stands for a variable.
        token: Sent as ``Authorization: Bearer``; write ``${env:NAME}``, not the token.
        headers: Further headers; values may be ``${env:NAME}``.
        records: Where the list of rows is in the answer; empty where the answer is the list.
        cursor: Where the answer has the cursor of the next page, or its address on the same host;
            empty for an API that is asked since a watermark.
        cursor_parameter: The parameter that a cursor is sent in.
        since_parameter: The parameter that the watermark is sent in.
        watermark: Where a row has its watermark: what the API calls new from.
        overlap: How far back each look since a watermark goes for rows that appear late.
        timeout_s: Seconds that one request may take.
        every: Time between two looks.
    """

    url: str = option_field("", "", secret=True)
    token: str = option_field("", "", secret=True)
    headers: Mapping[str, str] | None = option_field(None, "", secret=True)
    records: str = ""
    cursor: str = ""
    cursor_parameter: str = "cursor"
    since_parameter: str = "since"
    watermark: str = "timestamp"
    overlap: str | float = option_field(0.0, "")
    timeout_s: float = option_field(10.0, "", low=0.1, high=300.0)
    every: str | float = option_field("1m", "")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._needs("url")
        if not _URL.fullmatch(_VARIABLE.sub("x", self.url)) and not _VARIABLE.match(self.url):
            raise ConfigurationError("RestLabels.url must be an address, https://…")
        seconds("RestLabels.every", self.every)
        seconds("RestLabels.overlap", self.overlap)

    @property
    def every_s(self) -> float:
        """Seconds between two looks."""
        return seconds("RestLabels.every", self.every)


@dataclass(frozen=True, kw_only=True, repr=False)
class KafkaLabels(LabelsFrom):
    """Labels that arrive in a Kafka topic, each message a JSON object (extra ``kafka``).

    Args:
        brokers: ``host:port``, several by commas.
        topic: The topic.
        group: The consumer group; replicas of one group share the partitions.
        settings: Further settings of librdkafka, such as ``security.protocol``; values may be
            ``${env:NAME}``.
    """

    brokers: str = option_field("", "", secret=True)
    topic: str = ""
    group: str = "otelml"
    settings: Mapping[str, str] | None = option_field(None, "", secret=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._needs("brokers", "topic", "group")


_KINDS: Final[Mapping[str, type[LabelsFrom]]] = {
    "sql": SqlLabels,
    "rest": RestLabels,
    "kafka": KafkaLabels,
}


def sources_of(given: Sequence[Any]) -> tuple[LabelsFrom, ...]:
    """Return sources as options: each one is, or is a mapping with ``kind`` beside its options.

    Raises:
        ConfigurationError: One is something else, or two have one name.
    """
    made = tuple(one if isinstance(one, LabelsFrom) else _made(one) for one in given)
    names = [one.name for one in made]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError("FeedbackOptions.sources has two of one name")
    return made


def _made(one: Any) -> LabelsFrom:
    given = dict(cast("Mapping[str, Any]", one)) if isinstance(one, Mapping) else {}
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ConfigurationError(
            f"an item of FeedbackOptions.sources must be SqlLabels, RestLabels or KafkaLabels, or "
            f"a table whose kind is one of {', '.join(_KINDS)}"
        )
    cls = _KINDS[kind]
    known = tuple(cls.__dataclass_fields__)
    for key in given:
        if key not in known:
            raise ConfigurationError(
                f"{cls.__name__} has no option {shown_key(key)}; {hint(key, known)}"
            )
    return cls(**given)
