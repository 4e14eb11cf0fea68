"""A request and its answer as plain data, and how a body is read and refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_BODY = 64 * 1024
JSON = "application/json"
HTML = "text/html"
_UNAUTHORIZED = 401
_MOST_NAMED = 200  # characters


@dataclass(frozen=True)
class Request:
    """What an endpoint needs of a request.

    Args:
        path: The whole path that was asked for, as the client sees it.
        query: The first value of each parameter.
        authorization: The header ``Authorization``.
        accept: The header ``Accept``.
        content_length: Bytes of the body; None where it is not said.
        read: Returns at most so many bytes of the body.
        name: The report that the path names.
        headers: All headers, their names in lower case.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    authorization: str = ""
    accept: str = ""
    content_length: int | None = None
    read: Callable[[int], bytes] = lambda _: b""
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Answer:
    """What is answered.

    Args:
        status: The HTTP status.
        body: The bytes.
        media: What they are.
        headers: Headers beside ``Content-Type``.
    """

    status: int
    body: bytes
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class RefusedError(Exception):
    """A request that cannot be served.

    Args:
        status: The HTTP status.
        message: What is wrong.
        challenge: What a client must send; of a bearer token, unsaid.
    """

    def __init__(self, status: int, message: str, challenge: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.challenge = challenge


def as_json(content: Mapping[str, Any], status: int = 200) -> Answer:
    """Return an answer of JSON: sorted, compact, with a line's end, whatever the framework."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return Answer(status, text.encode() + b"\n")


def as_page(page: str) -> Answer:
    """Return an answer of HTML."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Answer(200, page.encode(), f"{HTML}; charset=utf-8", headers)


def refusal(error: RefusedError) -> Answer:
    """Return the answer that says what is wrong."""
    told = as_json({"error": str(error)}, error.status)
    if error.status != _UNAUTHORIZED:
        return told
    wanted = {"WWW-Authenticate": error.challenge or "Bearer"}
    return Answer(told.status, told.body, told.media, wanted)


def body_of(request: Request, *known: str) -> dict[str, Any]:
    """Return the object in a body; nothing is an empty one.

    Args:
        request: The request.
        known: The keys that it may have.

    Raises:
        RefusedError: It is too long, no JSON, no object, or has another key.
    """
    data = b""
    if (request.content_length or 0) <= MAX_BODY:
        data = request.read(MAX_BODY + 1)
    if (request.content_length or 0) > MAX_BODY or len(data) > MAX_BODY:
        raise RefusedError(413, f"the body may have {MAX_BODY} bytes")
    if not data.strip():
        return {}
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "the body must be an object")
    unknown = sorted(set(body) - set(known))
    if unknown:
        named = ", ".join(unknown)[:_MOST_NAMED]
        raise RefusedError(400, f"no such key: {named}; there are {', '.join(known)}")
    return body


def text_of(body: Mapping[str, Any], key: str) -> str | None:
    """Return the text under a key; None where there is none.

    Raises:
        RefusedError: It is something else.
    """
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise RefusedError(400, f"{key} must be text")
    return value


def wants_page(request: Request) -> bool:
    """Whether a page for a person is asked for, rather than JSON.

    Raises:
        RefusedError: ``format`` is neither ``html`` nor ``json``.
    """
    said = request.query.get("format")
    if said is None:
        return _quality(request.accept, HTML) > _quality(request.accept, JSON)
    if said not in {"html", "json"}:
        raise RefusedError(400, "format must be html or json")
    return said == "html"


def _quality(accept: str, media: str) -> float:
    """Return how much a type is wanted, 0 to 1, by the entry that names it most closely."""
    names = (media, media.partition("/")[0] + "/*", "*/*")
    found: dict[str, float] = {}
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                weight = _weight(parameter[2:])
        found[name] = weight
    return next((found[name] for name in names if name in found), 0.0)


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
