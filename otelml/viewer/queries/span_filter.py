"""A query for spans as a condition in SQL, and what SQL cannot decide.

Spans are stored as they were sent. A pair of key and value is found in those bytes as it stands,
which needs no index of attributes and so costs ingest nothing; where the bytes are not enough, such
as for ``>``, the condition leaves candidates, which are decoded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelml.viewer.queries.span_values import compares, error_texts, key_bytes, pair_bytes, values
from otelml.viewer.queries.terms import Term, duration_ns, parse
from otelml.viewer.queries.window import BadParameterError
from otelml.viewer.records import KINDS, peer_of, plain

NAMED = {"name": "name", "operation": "name", "service": "service", "peer": "peer"}
_SQL_OPS = {"=": "=", "!=": "<>", ">": ">", ">=": ">=", "<": "<", "<=": "<="}

Check = Callable[[Span, int, int], bool]


class SpanFilter:
    """What a query asks of a span.

    Args:
        connection: A connection to the store.
        query: As ``terms`` describes it.

    Attributes:
        clauses: Conditions on the table ``spans``; all must hold.
        args: Their parameters.
        checks: What is still to be asked of a decoded span, its resource and its scope.
    """

    def __init__(self, connection: sqlite3.Connection, query: str) -> None:
        self._connection = connection
        self.clauses: list[str] = []
        self.args: list[Any] = []
        self.checks: list[Check] = []
        for term in parse(query):
            self._add(term)

    @property
    def reads_spans(self) -> bool:
        """Whether the spans themselves are read, and not their index alone."""
        return any("raw" in clause or "parent" in clause for clause in self.clauses)

    @property
    def where(self) -> str:
        """The conditions as one; true where nothing is asked."""
        return " AND ".join(self.clauses) or "1"

    def holds(self, raw: bytes, resource: int, scope: int) -> bool:
        """Tell whether a candidate is meant."""
        span = Span.FromString(raw)
        return all(check(span, resource, scope) for check in self.checks)

    def _put(self, clause: str, *args: Any) -> None:
        self.clauses.append(clause)
        self.args.extend(args)

    def _add(self, term: Term) -> None:
        if not term.key:
            self._text(term.value)
        elif term.key in NAMED:
            self._named(NAMED[term.key], term)
        elif term.key == "caller":
            self._caller(term)
        elif term.key == "kind":
            self._kind(term)
        elif term.key == "status":
            self._status(term)
        elif term.key == "error" and term.value in {"true", "false"}:
            self._status(Term("status", term.op, "error" if term.value == "true" else "ok"))
        elif term.key == "duration":
            if term.op not in _SQL_OPS:
                raise BadParameterError("duration is compared by = != > >= < or <=")
            self._put(f"duration_ns{_SQL_OPS[term.op]}?", duration_ns(term.value))
        elif term.key == "error" and term.op == "~":
            self._put("instr(lower(raw), ?)", _lower(term.value))
            self.checks.append(
                _of_span(
                    lambda span: any(compares(each, "~", term.value) for each in error_texts(span))
                )
            )
        else:
            self._attribute(term)

    def _text(self, word: str) -> None:
        self._put("instr(lower(raw), ?)", _lower(word))

    def _operations(self, test: Callable[[str], bool], column: str) -> str:
        rows = self._connection.execute(f"SELECT id, {column} FROM operations WHERE NOT other")  # noqa: S608 - one of our columns
        return _numbers(number for number, value in rows if test(value))

    def _named(self, column: str, term: Term) -> None:
        wanted = term.value
        tests: dict[str, Callable[[str], bool]] = {
            "=": lambda value: value == wanted,
            "!=": lambda value: value != wanted,
            "~": lambda value: wanted.casefold() in value.casefold(),
            "*": bool,
        }
        if term.op not in tests:
            raise BadParameterError(f"{term.key} is compared by =, != or ~")
        found = self._operations(tests[term.op], column)
        rows = self._connection.execute("SELECT id, service FROM operations WHERE other")
        if column == "service":
            others = [number for number, value in rows if tests[term.op](value)]
        else:
            # A service with too many names: its spans say theirs themselves.
            others = [number for number, _ in rows]
        self._put(f"operation IN ({','.join(filter(None, (found, _numbers(others))))})")
        if others and column != "service":
            said = peer_of if column == "peer" else _name
            self.checks.append(_of_span(lambda span: tests[term.op](said(span))))

    def _caller(self, term: Term) -> None:
        """Ask for the service of the parent."""
        if term.op != "=":
            raise BadParameterError("caller is compared by =")
        rows = self._connection.execute(
            "SELECT id FROM operations WHERE service=?", (term.value,)
        ).fetchall()
        numbers = _numbers(row[0] for row in rows)
        self._put(
            "EXISTS (SELECT 1 FROM spans AS up WHERE up.trace=spans.trace"  # noqa: S608 - numbers
            f" AND up.span_id=spans.parent AND up.operation IN ({numbers}))"
        )

    def _kind(self, term: Term) -> None:
        if term.op not in {"=", "!="} or term.value.lower() not in KINDS:
            raise BadParameterError(f"kind is = or != one of {', '.join(KINDS)}")
        rows = self._connection.execute(
            f"SELECT id FROM operations WHERE kind{_SQL_OPS[term.op]}?",  # noqa: S608 - an operator of ours
            (KINDS.index(term.value.lower()),),
        )
        self._put(f"operation IN ({_numbers(row[0] for row in rows)})")

    def _status(self, term: Term) -> None:
        if term.op not in {"=", "!="} or term.value.lower() not in {"error", "ok"}:
            raise BadParameterError("status is = or != error, or ok for what did not fail")
        is_error = (term.value.lower() == "error") == (term.op == "=")
        self._put("error=1" if is_error else "error=0")

    def _attribute(self, term: Term) -> None:
        """Ask for a pair in a span's bytes, or in those of who sent it."""
        op = "=" if term.op == "!=" else term.op
        resources = self._senders("resources", Resource, op, term)
        scopes = self._senders("scopes", InstrumentationScope, op, term)
        if op == "=":
            pairs = pair_bytes(term.key, term.value)
            clause = " OR ".join("instr(raw, ?)" for _ in pairs)
            args: list[Any] = pairs
        else:
            clause, args = "instr(raw, ?)", [key_bytes(term.key)]
            if op == "~":
                clause += " AND instr(lower(raw), ?)"
                args.append(_lower(term.value))
        clause = (
            f"({clause} OR resource IN ({_numbers(resources)}) OR scope IN ({_numbers(scopes)}))"
        )
        self._put(f"NOT {clause}" if term.op == "!=" else clause, *args)
        if op in {"=", "*"}:
            return

        def check(span: Span, resource: int, scope: int) -> bool:
            if resource in resources or scope in scopes:
                return True
            return any(compares(value, op, term.value) for value in values(span, term.key))

        self.checks.append(check)

    def _senders(self, table: str, kind: Any, op: str, term: Term) -> set[int]:
        found: set[int] = set()
        for number, raw in self._connection.execute(f"SELECT id, raw FROM {table}"):  # noqa: S608 - one of our tables
            for pair in kind.FromString(raw).attributes:
                if pair.key == term.key and compares(plain(pair.value), op, term.value):
                    found.add(number)
        return found


def _of_span(test: Callable[[Span], bool]) -> Check:
    """Return a check that needs the span alone."""

    def check(span: Span, resource: Any, scope: Any) -> bool:
        del resource, scope
        return test(span)

    return check


def _name(span: Span) -> str:
    return span.name


def _lower(word: str) -> str:
    """Return text as SQLite's lower() leaves it: ASCII letters alone are changed."""
    return "".join(each.lower() if each.isascii() else each for each in word)


def _numbers(found: Iterable[int]) -> str:
    return ",".join(str(each) for each in found)
