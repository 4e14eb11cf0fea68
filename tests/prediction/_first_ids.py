"""Ids as the first version of otelml made them: they stay readable."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct


def first_id(token, secret):
    """Return the id of version 1: HMAC-SHA-256 under the key itself, or keyless."""
    flags = (1 if secret else 0) | (2 if token.is_value else 0) | (0 if token.traced else 4)
    body = struct.pack(
        ">B16s8s6sIfB",
        1,
        token.trace_id.to_bytes(16, "big"),
        token.span_id.to_bytes(8, "big"),
        token.time_ms.to_bytes(6, "big"),
        token.row,
        token.confidence,
        flags,
    )
    for text in (token.model, token.version, token.variant, token.label):
        body += bytes((len(text.encode()),)) + text.encode()
    return sealed_first(body, secret)


def sealed_first(body, secret):
    """Return a body of version 1 with its signature."""
    mac = hmac.new(secret or b"otelml prediction id", body, hashlib.sha256).digest()[:12]
    return base64.urlsafe_b64encode(body + mac).rstrip(b"=").decode()
