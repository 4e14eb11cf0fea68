"""Headers of messages that pass through, by RFC 9110, section 7.6."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

__all__ = [
    "Headers",
    "declared_length",
    "is_json",
    "number_of",
    "passed_on",
    "to_upstream",
    "value_of",
]

Headers = list[tuple[bytes, bytes]]
_HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    )
)
# What no `Connection` header may take away: it says where a message ends, or where it goes.
_KEPT: Final = frozenset((b"content-length", b"host"))
_DIGITS: Final = 20  # of more, a length is none
_VIA: Final = (b"via", b"1.1 otelml")


def passed_on(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers without those of one hop, in their order, names in lower case.

    >>> passed_on([(b"Connection", b"x-a, close"), (b"X-A", b"1"), (b"B", b"2"), (b"B", b"3")])
    [(b'b', b'2'), (b'b', b'3')]
    """
    lower = [(name.lower(), value) for name, value in headers]
    named = {
        word.strip().lower()
        for name, value in lower
        if name == b"connection"
        for word in value.split(b",")
    }
    left_out = _HOP_BY_HOP | (named - _KEPT)
    return [(name, value) for name, value in lower if name not in left_out]


def to_upstream(
    headers: Iterable[tuple[bytes, bytes]], authority: bytes, trace: Mapping[str, str]
) -> Headers:
    """Return the headers of the request to the upstream.

    Args:
        headers: Of the client.
        authority: The upstream's ``Host``.
        trace: Headers of the trace, which take the place of the client's.
    """
    given = list(headers)
    ours = {
        name.lower().encode("latin-1"): value.encode("latin-1") for name, value in trace.items()
    }
    passed = [
        (name, value) for name, value in passed_on(given) if name not in ours and name != b"host"
    ]
    sent = [(b"host", authority), *passed, _VIA, *ours.items()]
    if any(name.lower() == b"transfer-encoding" for name, _ in given):
        sent = [(name, value) for name, value in sent if name != b"content-length"]
        sent.append((b"transfer-encoding", b"chunked"))
    return sent


def value_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Return the value of a header; None where it is not there, or more than once."""
    found = [value for key, value in headers if key.lower() == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


def number_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> int | None:
    """Return the whole number that a header says; None where it says none."""
    text = value_of(headers, name) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else None


def declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Return the bytes that a message says its body has; None where it does not say."""
    return number_of(headers, b"content-length")


def is_json(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a body is JSON by its media type; one without a type may be."""
    media = (value_of(headers, b"content-type") or "application/json").partition(";")[0]
    kind = media.strip().lower()
    return kind.endswith(("/json", "+json"))
