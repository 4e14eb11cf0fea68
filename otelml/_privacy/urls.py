"""URLs without the values of their parameters."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import Final

REDACTED: Final = "REDACTED"  # the word of OpenTelemetry's conventions
_USER = re.compile(r"(?<=//)[^/@?#\s]*@")
# In an access log: POST /predict?token=1 HTTP/1.1, with or without the protocol.
_REQUEST_TARGET = re.compile(r"((?:^|[\s\"'])(?:\w+://[^\s?\"']*|/[^\s?\"']*))\?[^\s\"']*")


def clean_query(query: str, allowed: AbstractSet[str]) -> str:
    """Return a query string with the parameters in ``allowed``, and a mark for all others.

    >>> clean_query("page=2&ssn=123", {"page"})
    'page=2&REDACTED'
    """
    if not query:
        return query
    parts = query.split("&")
    kept = [part for part in parts if part.partition("=")[0] in allowed]
    return "&".join(kept if len(kept) == len(parts) else [*kept, REDACTED])


def clean_url(url: str, allowed: AbstractSet[str]) -> str:
    """Return a URL with the parameters in ``allowed``, without user, password and fragment.

    >>> clean_url("https://u:p@host/path?ssn=123#top", set())
    'https://REDACTED@host/path?REDACTED#REDACTED'
    """
    head, _, fragment = url.partition("#")
    path, mark, query = head.partition("?")
    cleaned = _USER.sub(f"{REDACTED}@", path) + mark + clean_query(query, allowed)
    return cleaned + (f"#{REDACTED}" if fragment and fragment != REDACTED else "")


def clean_request_line(message: str) -> str:
    """Return a line of an access log without its query string.

    >>> clean_request_line('"POST /predict?ssn=1 HTTP/1.1" 200 -')
    '"POST /predict?REDACTED HTTP/1.1" 200 -'
    """
    return _REQUEST_TARGET.sub(rf"\1?{REDACTED}", message) if "?" in message else message
