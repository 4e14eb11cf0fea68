"""What a span is about, in the words that its sender means a person to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from otelml import semconv_senders as senders

_MAX_CHARS = 200
TITLE_KEYS = frozenset(
    {
        senders.LOGFIRE_MESSAGE,
        senders.OPENINFERENCE_KIND,
        senders.GEN_AI_OPERATION,
        senders.GEN_AI_TOOL,
        senders.OPENINFERENCE_TOOL,
        senders.GEN_AI_AGENT,
        senders.GEN_AI_MODEL,
        senders.OPENINFERENCE_MODEL,
        senders.DB_SYSTEM,
        senders.DB_SYSTEM_OLD,
        senders.DB_SUMMARY,
        senders.DB_OPERATION,
        senders.DB_OPERATION_OLD,
        senders.DB_COLLECTION,
        senders.DB_TABLE_OLD,
        senders.DB_QUERY,
        senders.DB_STATEMENT_OLD,
        senders.HTTP_METHOD,
        senders.HTTP_METHOD_OLD,
        senders.HTTP_ROUTE,
        senders.URL_PATH,
        senders.HTTP_TARGET_OLD,
        senders.URL_FULL,
        senders.HTTP_URL_OLD,
    }
)


def title_of(name: str, said: Mapping[str, Any]) -> str:
    """Return the title of a span: its sender's own message, else a summary of its attributes.

    Args:
        name: The span's name.
        said: Its attributes.
    """
    message = said.get(senders.LOGFIRE_MESSAGE)
    found = _line(message) or _gen_ai(said) or _database(said) or _http(name, said)
    return (found or name)[:_MAX_CHARS]


def kind_of(said: Mapping[str, Any]) -> str | None:
    """Return what sort of work a span does, where its sender says so: ``LLM``, ``chat``."""
    kind = said.get(senders.OPENINFERENCE_KIND) or said.get(senders.GEN_AI_OPERATION)
    return kind if isinstance(kind, str) and kind else None


def _line(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _first(said: Mapping[str, Any], *keys: str) -> str:
    """Return the first of several attributes that says something."""
    for key in keys:
        value = said.get(key)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value):
            return _line(str(value))
    return ""


def _gen_ai(said: Mapping[str, Any]) -> str:
    """Return ``chat gpt-4o``, ``execute_tool search``, ``LLM gpt-4o``."""
    kind = kind_of(said)
    if kind is None:
        return ""
    about = _first(
        said,
        senders.GEN_AI_TOOL,
        senders.OPENINFERENCE_TOOL,
        senders.GEN_AI_AGENT,
        senders.GEN_AI_MODEL,
        senders.OPENINFERENCE_MODEL,
    )
    # A kind alone says less than the span's name does.
    return f"{kind} {about}" if about else ""


def _database(said: Mapping[str, Any]) -> str:
    """Return ``SELECT orders``: the summary, else operation and table, else the statement."""
    if senders.DB_SYSTEM not in said and senders.DB_SYSTEM_OLD not in said:
        return ""
    summary = _first(said, senders.DB_SUMMARY)
    if summary:
        return summary
    verb = _first(said, senders.DB_OPERATION, senders.DB_OPERATION_OLD)
    table = _first(said, senders.DB_COLLECTION, senders.DB_TABLE_OLD)
    if verb:
        return f"{verb} {table}".rstrip()
    return _first(said, senders.DB_QUERY, senders.DB_STATEMENT_OLD)


def _http(name: str, said: Mapping[str, Any]) -> str:
    """Return ``GET /orders/{id} 404``; the name where that says the path already."""
    method = _first(said, senders.HTTP_METHOD, senders.HTTP_METHOD_OLD)
    if not method:
        return ""
    if said.get(senders.HTTP_ROUTE) in {name, name.rpartition(" ")[2]}:
        return ""
    path = _first(said, senders.HTTP_ROUTE, senders.URL_PATH, senders.HTTP_TARGET_OLD)
    if not path:
        path = _path(_first(said, senders.URL_FULL, senders.HTTP_URL_OLD))
    path = path.partition("?")[0]
    if not path or path in name:
        return ""
    return f"{method} {path}"


def _path(url: str) -> str:
    """Return host and path of an address, without what may be secret in its query."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    return f"{host}{parts.path}"
