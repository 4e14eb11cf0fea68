"""What a prediction id says, and how that is packed into bytes.

The body of an id, big-endian::

    trace id 16 | span id 8 | time ms 6 | row 4 | confidence f4 | flags 1 | service 4
    | model | version | variant (each: length 1, UTF-8) | label (its length is in the flags)

A text too long for its place keeps its beginning and a digest of the whole, so that equal texts
stay equal.
"""

from __future__ import annotations

import binascii
import hashlib
import struct
from functools import lru_cache
from math import isfinite, nan
from typing import Final, NamedTuple

from otelml.exceptions import FeedbackError

MAX_LENGTH: Final = 200
BODY_MAX: Final = 132
"""Bytes of the longest body."""

_HEAD = struct.Struct(">B16s8s6sIfB")
_BODY = struct.Struct(">QQQHIIfBI")
_AT: Final = _BODY.size
_FIRST_VERSION = 1
_FLAG_SIGNED = 1  # of the first version
_FLAG_VALUE = 2
_FLAG_UNTRACED = 4
_LABEL_SHIFT = 3
_MODEL, _VERSION, _VARIANT, _LABEL = _BUDGETS = (32, 14, 10, 30)
_DIGEST_HEX = 8
_64_BITS, _32_BITS, _16_BITS = ((1 << bits) - 1 for bits in (64, 32, 16))


class Token(NamedTuple):
    """What a prediction id says.

    Args:
        trace_id: 128 bits; 0 where there was no trace.
        span_id: 64 bits.
        time_ms: When the prediction started, in milliseconds since the epoch.
        row: Row of a batch, from 0.
        confidence: 0 to 1; NaN where none was given.
        model: Name of the model.
        version: Version of the model; may be empty.
        variant: Variant of the model; may be empty.
        label: Predicted label or value as text; empty where none was given.
        is_value: Whether ``label`` is the value of a regression.
        signed: Whether a key vouches for the content.
        traced: Whether the ids are those of a span.
    """

    trace_id: int
    span_id: int
    time_ms: int
    row: int
    confidence: float
    model: str
    version: str
    variant: str
    label: str
    is_value: bool = False
    signed: bool = False
    traced: bool = True


def shorten(text: str, budget: int) -> bytes:
    """Return ``text`` as at most ``budget`` bytes; texts that differ stay different."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= budget:
        return raw
    digest = hashlib.sha256(raw).hexdigest()[:_DIGEST_HEX].encode()
    head = raw[: budget - _DIGEST_HEX - 1].decode("utf-8", "ignore").encode()
    return head + b"~" + digest


def same_label(predicted: str, actual: str) -> bool:
    """Whether ``actual`` is the label that a token holds, shortened or not."""
    return predicted == actual or predicted == label_in_token(actual)


@lru_cache(maxsize=1024)
def label_in_token(label: str) -> str:
    """Return a label as a token holds it, shortened where it is long."""
    return _label(label).decode("utf-8", "replace")


@lru_cache(maxsize=1024)
def _label(label: str) -> bytes:
    return shorten(label, _LABEL)


@lru_cache(maxsize=1024)
def _names(model: str, version: str, variant: str) -> bytes:
    texts = shorten(model, _MODEL), shorten(version, _VERSION), shorten(variant, _VARIANT)
    return b"".join(bytes((len(raw),)) + raw for raw in texts)


def names_in_token(model: str, version: str, variant: str) -> tuple[str, str, str]:
    """Return a model's name, version and variant as a token holds them."""
    texts = shorten(model, _MODEL), shorten(version, _VERSION), shorten(variant, _VARIANT)
    first, second, third = (raw.decode("utf-8", "replace") for raw in texts)
    return first, second, third


@lru_cache(maxsize=256)
def service_in_token(name: str) -> int:
    """Return what a token holds of a service's name: 32 bits of its digest."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:4], "big")


def pack(token: Token, service: int, start: bytes = b"") -> bytes:
    """Return the body of an id.

    Args:
        token: What it says.
        service: Digest of the service's name.
        start: What comes before it.
    """
    # Few steps, as a request may wait for it: where caches are cold, each call takes 4 µs.
    trace, span, time_ms, row, confidence, model, version, variant, text, value, _, traced = token
    label = _label(text)
    return b"".join(
        (
            start,
            _BODY.pack(
                trace >> 64,
                trace & _64_BITS,
                span,
                time_ms >> 32 & _16_BITS,
                time_ms & _32_BITS,
                row & _32_BITS,
                confidence,
                value << 1 | (not traced) << 2 | len(label) << _LABEL_SHIFT,
                service,
            ),
            _names(model, version, variant),
            label,
        )
    )


def unpack(body: bytes, *, signed: bool) -> tuple[Token, int]:
    """Return what a body says, and the digest of its service's name.

    Args:
        body: The body; zeros may follow it.
        signed: Whether a key vouches for it.

    Raises:
        FeedbackError: It is none.
    """
    try:
        first, second, span_id, early, late, row, confidence, flags, service = _BODY.unpack_from(
            body
        )
        model, version, variant, label = _texts_of(body[_AT:], flags >> _LABEL_SHIFT)
    except (IndexError, struct.error):
        raise malformed() from None
    token = tuple.__new__(  # half of what a call of the class takes: a request waits for it
        Token,
        (
            first << 64 | second,
            span_id,
            early << 32 | late,
            row,
            confidence if isfinite(confidence) else nan,
            model,
            version,
            variant,
            label,
            flags & _FLAG_VALUE != 0,
            signed,
            not flags & _FLAG_UNTRACED,
        ),
    )
    return token, service


@lru_cache(maxsize=1024)
def _texts_of(rest: bytes, label_size: int) -> tuple[str, str, str, str]:
    """Return model, version, variant and label from what follows the numbers of a body.

    Raises:
        FeedbackError: It is too short, or something other than zeros follows.
    """
    (model, version, variant), at = _texts(rest, 0, 3)
    end = at + label_size
    if end > len(rest) or rest[end:].strip(b"\0"):
        raise malformed()
    return model, version, variant, rest[at:end].decode("utf-8", "replace")


def unpack_first(body: bytes, *, signed: bool) -> Token:
    """Return what the body of an id of the first version says.

    Raises:
        FeedbackError: It is none.
    """
    if len(body) < _HEAD.size or body[0] != _FIRST_VERSION:
        raise malformed()
    _, trace, span, time_ms, row, confidence, flags = _HEAD.unpack_from(body)
    (model, version, variant, label), at = _texts(body, _HEAD.size, 4)
    if at != len(body):
        raise malformed()
    return Token(
        int.from_bytes(trace, "big"),
        int.from_bytes(span, "big"),
        int.from_bytes(time_ms, "big"),
        row,
        confidence if isfinite(confidence) else nan,
        model,
        version,
        variant,
        label,
        bool(flags & _FLAG_VALUE),
        signed and bool(flags & _FLAG_SIGNED),
        not flags & _FLAG_UNTRACED,
    )


def _texts(body: bytes, at: int, count: int) -> tuple[list[str], int]:
    """Return so many texts, and where they end.

    Raises:
        FeedbackError: The body is too short for them.
    """
    texts: list[str] = []
    for _ in range(count):
        end = at + 1 + body[at] if at < len(body) else at + 1
        if end > len(body):
            raise malformed()
        texts.append(body[at + 1 : end].decode("utf-8", "replace"))
        at = end
    return texts, at


def malformed() -> FeedbackError:
    """Return the error of what is no id."""
    return FeedbackError("this is not a prediction id, or it was cut short", "malformed")


# What only base64 of another alphabet has becomes something that the decoder passes over, so that
# the length gives it away.
_TO_BASE64 = bytes.maketrans(b"-_+/", b"+/!!")
_FROM_BASE64 = bytes.maketrans(b"+/", b"-_")


def as_text(raw: bytes) -> str:
    """Return bytes as an id: URL-safe, without padding."""
    text = binascii.b2a_base64(raw, newline=False).translate(_FROM_BASE64, b"=")
    return text.decode()


def as_bytes(text: object) -> bytes:
    """Return the bytes of an id; there is one spelling of each.

    Raises:
        FeedbackError: It is none.
    """
    # So many characters that one is left over are none of base64.
    if not isinstance(text, str) or not 1 < len(text) <= MAX_LENGTH or len(text) % 4 == 1:
        raise malformed()
    try:
        given = str.encode(text, "ascii")
        raw = binascii.a2b_base64(given.translate(_TO_BASE64) + b"=" * (-len(given) % 4))
    except ValueError:  # binascii.Error is one
        raise malformed() from None
    rest = len(raw) % 3
    if len(raw) != len(given) * 3 // 4 or (rest and as_text(raw[-rest:]) != text[-rest - 1 :]):
        raise malformed()
    return raw
