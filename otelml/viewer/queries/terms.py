"""The language of the search for spans: ``http.route=/pay duration>200 deadlock``.

Terms stand side by side and all must hold of one span. A term is a word, which may stand anywhere
in the span, or ``key=value``, ``key!=value``, ``key~text`` (holds the text, in any case),
``key=*`` (is there), or ``key>number`` and its kin. A value with spaces stands in quotes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from otelml.viewer.queries.window import BadParameterError

MAX_TERMS = 20
_TERM = re.compile(
    r"""(?P<key>[^\s"'=!~<>]+)(?P<op>!=|>=|<=|=|~|<|>)(?P<value>"(?:[^"\\]|\\.)*"|[^\s"]*)"""
    r"""|(?P<phrase>"(?:[^"\\]|\\.)*")|(?P<word>\S+)""",
    re.VERBOSE,
)
_NUMERIC = frozenset({">", ">=", "<", "<="})
_UNITS_NS = {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h)?")


class Term(NamedTuple):
    """One condition; a word has neither key nor operator."""

    key: str
    op: str
    value: str


def parse(query: str) -> list[Term]:
    """Return the terms of a query.

    Raises:
        BadParameterError: A comparison names no number, or there are too many terms.
    """
    found: list[Term] = []
    for match in _TERM.finditer(query):
        if match["key"] is not None:
            found.append(_keyed(match["key"], match["op"], _unquoted(match["value"])))
        else:
            word = _unquoted(match["phrase"] or match["word"])
            if word:
                found.append(Term("", "", word))
    if len(found) > MAX_TERMS:
        raise BadParameterError(f"a query has at most {MAX_TERMS} terms")
    return found


def _keyed(key: str, op: str, value: str) -> Term:
    if op == "=" and value == "*":
        return Term(key, "*", "")
    if op in _NUMERIC and key != "duration":
        try:
            float(value)
        except ValueError:
            raise BadParameterError(f"{key}{op} needs a number, not {value[:40]!r}") from None
    if not value and op != "=":
        raise BadParameterError(f"{key}{op} needs a value")
    return Term(key, op, value)


def _unquoted(raw: str) -> str:
    if len(raw) > 1 and raw[0] == raw[-1] == '"':
        return re.sub(r"\\(.)", r"\1", raw[1:-1])
    return raw


def duration_ns(value: str) -> int:
    """Return a duration such as ``200ms`` or ``1.5s`` in nanoseconds; ms without a unit.

    Raises:
        BadParameterError: It is none.
    """
    match = _DURATION.fullmatch(value)
    if match is None:
        raise BadParameterError(f"duration needs a time such as 200ms or 1.5s, not {value[:40]!r}")
    return int(float(match[1]) * _UNITS_NS[match[2] or "ms"])
