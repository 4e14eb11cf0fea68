"""Log records by any attribute of theirs, of their resource or of their scope."""

from __future__ import annotations

import sqlite3
from collections import Counter
from functools import cache, lru_cache
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otelml.semconv_host import OTEL_SCOPE_NAME, OTEL_SCOPE_VERSION
from otelml.viewer.queries.conditions import Conditions
from otelml.viewer.queries.window import BadParameterError, Slots
from otelml.viewer.records import LEVELS, attributes, label, plain

LEVEL, EVENT = "level", "event.name"
_FIELDS = frozenset({LEVEL, EVENT})
# As long as the text that is searched may be; a longer one was cut.
_SEARCHED = 8192
_MOST_GROUPED = 50_000
_GROUPS = 8
_NS_PER_S = 1_000_000_000
_ARGUMENTS = "logs.raw, logs.resource, logs.scope, logs.level"

Labels = dict[str, str]


@lru_cache(maxsize=4096)
def _resource_labels(raw: bytes) -> Labels:
    return {k: one_line(v) for k, v in attributes(Resource.FromString(raw).attributes).items()}


@lru_cache(maxsize=4096)
def _scope_labels(raw: bytes) -> Labels:
    scope = InstrumentationScope.FromString(raw)
    found = {key: one_line(value) for key, value in attributes(scope.attributes).items()}
    return found | {OTEL_SCOPE_NAME: scope.name, OTEL_SCOPE_VERSION: scope.version}


def one_line(value: Any) -> str:
    """Return an attribute as a text without line breaks, as a filter names it."""
    return label(value).replace("\r\n", " ").replace("\n", " ")


class LogAttributes:
    """Reads attributes of stored records inside SQL; for one query and its connection.

    The record's own attributes come before those of its scope, and these before its resource's.

    Args:
        connection: The connection that runs the query.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        rows = connection.execute("SELECT id, raw FROM resources").fetchall()
        self._resources = {number: _resource_labels(raw) for number, raw in rows}
        rows = connection.execute("SELECT id, raw FROM scopes").fetchall()
        self._scopes = {number: _scope_labels(raw) for number, raw in rows}

    def where(self, conditions: Conditions) -> tuple[list[str], list[Any]]:
        """Return clauses over ``logs`` that keep the records which fulfil the conditions."""
        keys = conditions.keys

        def matches(raw: bytes, resource: int, scope: int, level: int) -> bool:
            return conditions.hold(self._labels(keys, raw, resource, scope, level))

        @cache
        def origin_matches(resource: int, scope: int) -> bool:
            return conditions.hold(self._origin(keys, resource, scope))

        self._connection.create_function("log_matches", 4, matches)
        self._connection.create_function("origin_matches", 2, origin_matches)
        clauses: list[str] = []
        args: list[Any] = []
        for key, values in conditions.wanted.items():
            if "" not in values and key not in _FIELDS:
                clause, found = self._candidates(key, values)
                clauses.append(clause)
                args += found
        # The cheap clauses first. A record is only decoded if it may have one of the keys itself.
        own = [f"length(search)>={_SEARCHED}", *("instr(search, ?)" for _ in keys)]
        if keys & _FIELDS:
            own.append("1")
        clauses.append(
            f"CASE WHEN {' OR '.join(own)} THEN log_matches({_ARGUMENTS})"
            " ELSE origin_matches(logs.resource, logs.scope) END"
        )
        return clauses, [*args, *(f"{key}=".casefold() for key in keys)]

    def groups(self, key: str, where: str, args: list[Any], slots: Slots) -> dict[str, Any]:
        """Return how many records have each value of an attribute, as a whole and by slot.

        Args:
            key: The attribute.
            where: The clauses of the records to count, of which the newest 50,000 are.
            args: What the clauses' marks stand for.
            slots: The slots of time.
        """
        if "\n" in key:
            raise BadParameterError("by must be one attribute")

        def value(raw: bytes, resource: int, scope: int, level: int) -> str:
            return self._labels({key}, raw, resource, scope, level).get(key, "")

        self._connection.create_function("log_value", 4, value)
        rows = self._connection.execute(
            f"SELECT (time_ns/{_NS_PER_S}-?)/?, value, count(*) FROM (SELECT time_ns,"  # noqa: S608 - our own clauses
            f" log_value({_ARGUMENTS}) AS value FROM logs WHERE {where} ORDER BY time_ns DESC"
            f" LIMIT {_MOST_GROUPED}) GROUP BY 1, 2",
            [slots.first_s, slots.step_s, *args],
        ).fetchall()
        totals: Counter[str] = Counter()
        for _, found, count in rows:
            totals[found] += count
        kept = [found for found, _ in totals.most_common(_GROUPS)]
        series = {found: [0] * slots.count for found in kept}
        other = [0] * slots.count
        for slot, found, count in rows:
            if 0 <= slot < slots.count:
                series.get(found, other)[slot] += count
        return {
            "by": key,
            "values": [
                {"value": each, "count": totals[each], "counts": series[each]} for each in kept
            ],
            "other": {"values": len(totals) - len(kept), "counts": other},
            "counted": totals.total(),
            "capped": totals.total() >= _MOST_GROUPED,
        }

    def _candidates(self, key: str, values: set[str]) -> tuple[str, list[Any]]:
        """Return a clause that every record with such an attribute fulfils, and some others."""
        parts = [f"length(search)>={_SEARCHED}"]
        args: list[Any] = []
        for value in values:
            # A line break of the value is a space in the filter; then its first word must do.
            word, space, _ = value.partition(" ")
            parts.append("instr(search, ?)" if space else "instr(search||char(10), ?)")
            args.append(f"{key}={word}".casefold() + ("" if space else "\n"))
        for column, known in (("resource", self._resources), ("scope", self._scopes)):
            numbers = [str(n) for n, labels in known.items() if labels.get(key) in values]
            if numbers:
                parts.append(f"{column} IN ({','.join(numbers)})")
        return f"({' OR '.join(parts)})", args

    def _labels(self, keys: set[str], raw: bytes, resource: int, scope: int, level: int) -> Labels:
        record = LogRecord.FromString(raw)
        found = self._origin(keys, resource, scope)
        for pair in record.attributes:
            if pair.key in keys:
                found[pair.key] = one_line(plain(pair.value))
        if LEVEL in keys:
            found.setdefault(LEVEL, LEVELS[level])
        if EVENT in keys and record.event_name:
            found.setdefault(EVENT, record.event_name)
        return found

    def _origin(self, keys: set[str], resource: int, scope: int) -> Labels:
        found: Labels = {}
        for known in (self._resources.get(resource, {}), self._scopes.get(scope, {})):
            found.update({key: known[key] for key in keys if key in known})
        return found
