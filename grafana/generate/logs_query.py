"""A question to the logs, written once: as LogQL for Loki, as LogsQL for VictoriaLogs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

from grafana.generate.names import label

__all__ = ["Counted", "LogsQuery", "Match", "field", "lines", "matching"]

Operator = Literal["=", "!=", "=~", "!~"]
# Behind the name of a field that makes no stream.
_LOGSQL: Final[dict[Operator, tuple[str, str]]] = {
    "=": ("", ":="),
    "!=": ("!", ":="),
    "=~": ("", ":~"),
    "!~": ("!", ":~"),
}


def _quoted(text: str) -> str:
    """Return a string literal that Loki and VictoriaLogs read alike."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _literally(text: str) -> str:
    """Return a regular expression of Go's that matches this text alone."""
    return re.sub(r"([^\w\s])", r"\\\1", text, flags=re.ASCII)


@dataclass(frozen=True)
class Match:
    """A field and what it must be.

    Args:
        name: As OpenTelemetry spells it, ``service.name``.
        value: What it is compared with; a regular expression of the whole value for ``=~``.
        operator: ``=``, ``!=``, ``=~`` or ``!~``.
    """

    name: str
    value: str
    operator: Operator = "="

    def logql(self) -> str:
        """Return it as Loki has it, where dots in names are underscores."""
        return f"{label(self.name)}{self.operator}{_quoted(self.value)}"

    def logsql_stream(self) -> str:
        """Return it as a matcher inside a selector of streams."""
        return f"{_quoted(self.name)}{self.operator}{_quoted(self.value)}"

    def logsql(self) -> str:
        """Return it as a filter."""
        before, between = _LOGSQL[self.operator]
        value = f"^(?:{self.value})$" if "~" in self.operator else self.value
        return f"{before}{_quoted(self.name)}{between}{_quoted(value)}"


def field(name: str, value: str) -> Match:
    """Return the match of a field with a value."""
    return Match(name, value)


def matching(name: str, pattern: str) -> Match:
    """Return the match of a field with a regular expression of its whole value."""
    return Match(name, pattern, "=~")


@dataclass(frozen=True)
class LogsQuery:
    """Log lines of some streams.

    Args:
        streams: What the streams' attributes must be: those of a resource that make streams.
        fields: What other attributes of a record must be.
        contains: Texts that the line must hold.
    """

    streams: tuple[Match, ...]
    fields: tuple[Match, ...] = ()
    contains: tuple[str, ...] = ()

    def where(self, *fields: Match) -> LogsQuery:
        """Return the query with further filters."""
        return replace(self, fields=(*self.fields, *fields))

    def containing(self, text: str) -> LogsQuery:
        """Return the query for lines that hold a text, capitals as they are."""
        return replace(self, contains=(*self.contains, text))

    def count(self, window: str, by: tuple[str, ...] = ()) -> Counted:
        """Return the number of lines within a window until now, ``5m`` for one."""
        return Counted(self, window, by)

    def rate(self, window: str, by: tuple[str, ...] = ()) -> Counted:
        """Return the lines a second within a window until now."""
        return Counted(self, window, by, per_second=True)

    def logql(self) -> str:
        """Return it for Loki."""
        selector = "{" + ", ".join(match.logql() for match in self.streams) + "}"
        texts = (f"|= {_quoted(text)}" for text in self.contains)
        return " ".join([selector, *texts, *(f"| {match.logql()}" for match in self.fields)])

    def logsql(self) -> str:
        """Return it for VictoriaLogs."""
        selector = "{" + ", ".join(match.logsql_stream() for match in self.streams) + "}"
        # A filter by words would find no part of a word.
        texts = (f"_msg:~{_quoted(_literally(text))}" for text in self.contains)
        return " ".join([selector, *texts, *(match.logsql() for match in self.fields)])


@dataclass(frozen=True)
class Counted:
    """How many lines there are within a window until now, by some fields.

    Args:
        lines: Which lines.
        window: ``5m`` and alike.
        by: Fields to count by; none for one number.
        per_second: Divided by the window's seconds.
    """

    lines: LogsQuery
    window: str
    by: tuple[str, ...] = ()
    per_second: bool = False

    def logql(self) -> str:
        """Return it for Loki."""
        function = "rate" if self.per_second else "count_over_time"
        by = f" by ({', '.join(map(label, self.by))})" if self.by else ""
        return f"sum{by} ({function}({self.lines.logql()} [{self.window}]))"

    def logsql(self) -> str:
        """Return it for VictoriaLogs, its number named ``lines``."""
        function = "rate" if self.per_second else "count"
        by = f" by ({', '.join(map(_quoted, self.by))})" if self.by else ""
        return f"{self.lines.logsql()} _time:{self.window} | stats{by} {function}() lines"


def lines(service: str) -> LogsQuery:
    """Return the query for every line of a service."""
    return LogsQuery((field("service.name", service),))
