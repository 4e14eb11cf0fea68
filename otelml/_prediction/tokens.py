"""Prediction ids: self-contained tokens that bring a label back to its prediction.

Layout before base64url (no padding), big-endian::

    version 1 | trace id 16 | span id 8 | time ms 6 | row 4 | confidence f4 | flags 1
    | model | version | variant | label (each: length 1, UTF-8) | MAC 12

The MAC is HMAC-SHA256, truncated, under the service's secret; without a secret it is a keyless
digest that finds damage but no forgery. A text too long for its place keeps its beginning and a
digest of the whole, so that equal texts stay equal.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import struct
from functools import lru_cache
from typing import NamedTuple, cast

from otelml.exceptions import FeedbackError

MAX_LENGTH = 200
_VERSION = 1
_HEAD = struct.Struct(">B16s8s6sIfB")
_MAC_SIZE = 12
_FLAG_SIGNED = 1
_FLAG_VALUE = 2
_FLAG_UNTRACED = 4
_TEXT_BUDGETS = (32, 16, 12, 30)  # model, version, variant, label; with lengths: 94 bytes in all
_DIGEST_HEX = 8
_UNSIGNED_KEY = b"otelml prediction id"


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
        signed: Whether a secret vouches for the content.
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
    return predicted in {actual, shorten(actual, _TEXT_BUDGETS[3]).decode("utf-8", "replace")}


@lru_cache(maxsize=1024)
def _packed(text: str, budget: int) -> bytes:
    raw = shorten(text, budget)
    return bytes((len(raw),)) + raw


@lru_cache(maxsize=16)
def _keyed(secret: bytes | None) -> hmac.HMAC:
    return hmac.new(secret or _UNSIGNED_KEY, digestmod="sha256")


def _mac(secret: bytes | None, body: bytes) -> bytes:
    # Not hmac.digest(): that lets go of the GIL, and a request thread would wait for the worker
    # to have it back, up to 5 ms.
    keyed = _keyed(secret).copy()
    keyed.update(body)
    return keyed.digest()[:_MAC_SIZE]


def encode(token: Token, secret: bytes | None) -> str:
    """Return the id: URL-safe, at most 200 characters."""
    flags = (_FLAG_SIGNED if secret else 0) | (_FLAG_VALUE if token.is_value else 0)
    flags |= 0 if token.traced else _FLAG_UNTRACED
    parts = [
        _HEAD.pack(
            _VERSION,
            token.trace_id.to_bytes(16, "big"),
            token.span_id.to_bytes(8, "big"),
            (token.time_ms & 0xFFFFFFFFFFFF).to_bytes(6, "big"),
            token.row & 0xFFFFFFFF,
            token.confidence,
            flags,
        )
    ]
    texts = (token.model, token.version, token.variant, token.label)
    parts += (_packed(text, budget) for text, budget in zip(texts, _TEXT_BUDGETS, strict=True))
    body = b"".join(parts)
    mac = _mac(secret, body)
    return base64.urlsafe_b64encode(body + mac).rstrip(b"=").decode()


def decode(text: str, secret: bytes | None) -> Token:
    """Return what an id says.

    Raises:
        FeedbackError: It is not an id of otelml, is damaged, or is not signed with ``secret``.
    """
    if not isinstance(cast("object", text), str) or not text or len(text) > MAX_LENGTH:
        raise FeedbackError("this is not a prediction id", "malformed")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise FeedbackError("this is not a prediction id", "malformed") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:  # one spelling for each id
        raise FeedbackError("this is not a prediction id", "malformed")
    body, mac = raw[:-_MAC_SIZE], raw[-_MAC_SIZE:]
    if len(body) < _HEAD.size + len(_TEXT_BUDGETS) or body[0] != _VERSION:
        raise FeedbackError("this is not a prediction id, or it was cut short", "malformed")
    expected = _mac(secret, body)
    if not hmac.compare_digest(mac, expected):
        raise FeedbackError(
            "this prediction id was changed, cut short, or signed by another service", "signature"
        )
    return _unpack(body)


def _unpack(body: bytes) -> Token:
    _, trace, span, time_ms, row, confidence, flags = _HEAD.unpack_from(body)
    texts: list[str] = []
    at = _HEAD.size
    for _ in _TEXT_BUDGETS:
        length = body[at]
        texts.append(body[at + 1 : at + 1 + length].decode("utf-8", "replace"))
        at += 1 + length
    return Token(
        int.from_bytes(trace, "big"),
        int.from_bytes(span, "big"),
        int.from_bytes(time_ms, "big"),
        row,
        confidence if math.isfinite(confidence) else math.nan,
        texts[0],
        texts[1],
        texts[2],
        texts[3],
        is_value=bool(flags & _FLAG_VALUE),
        signed=bool(flags & _FLAG_SIGNED),
        traced=not flags & _FLAG_UNTRACED,
    )
