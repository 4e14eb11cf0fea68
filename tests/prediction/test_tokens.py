"""Prediction ids."""

from __future__ import annotations

import base64
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelml._prediction.tokens import MAX_LENGTH, Token, decode, encode, same_label
from otelml.exceptions import FeedbackError

TEXT = st.text(max_size=300)
TOKENS = st.builds(
    Token,
    trace_id=st.integers(0, 2**128 - 1),
    span_id=st.integers(0, 2**64 - 1),
    time_ms=st.integers(0, 2**48 - 1),
    row=st.integers(0, 2**32 - 1),
    confidence=st.floats(0, 1, width=32) | st.just(math.nan),
    model=TEXT,
    version=TEXT,
    variant=TEXT,
    label=TEXT,
    is_value=st.booleans(),
)


@given(TOKENS, st.none() | st.binary(min_size=1))
def test_round_trip(token, secret):
    """What goes in comes out, within 200 URL-safe characters; long texts are shortened."""
    text = encode(token, secret)
    assert len(text) <= MAX_LENGTH
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    back = decode(text, secret)
    assert back[:4] == token[:4]
    assert back.signed is bool(secret)
    assert back.is_value is token.is_value
    assert same_label(back.label, token.label)
    assert back.confidence == token.confidence or math.isnan(token.confidence)


PLAIN = Token(2**127 + 5, 77, 1_700_000_000_000, 3, 0.5, "loan", "3", "canary", "approved")


@pytest.mark.parametrize("secret", [None, b"key"])
def test_every_change_of_a_character_is_found(secret):
    """No single changed, added or removed character passes."""
    text = encode(PLAIN, secret)
    for i, char in enumerate(text):
        other = "A" if char != "A" else "B"
        with pytest.raises(FeedbackError):
            decode(text[:i] + other + text[i + 1 :], secret)
    for broken in (text[:-1], text[1:], text + "A", text[:20], "", "x", " " + text, text + "="):
        with pytest.raises(FeedbackError):
            decode(broken, secret)


def test_another_secret_is_refused():
    """A token signed by another service, or by none, is foreign."""
    for made, read in ((b"a", b"b"), (None, b"b"), (b"a", None)):
        with pytest.raises(FeedbackError) as caught:
            decode(encode(PLAIN, made), read)
        assert caught.value.reason == "signature"


@pytest.mark.parametrize(
    "foreign",
    ["8f14e45f-ceea-4672-b1b0-61d3f2a1c111", "a" * 5000, "été", "null", 7, None, b"bytes",
     base64.urlsafe_b64encode(b"\x02" * 80).decode()],
)  # fmt: skip
def test_foreign_ids_are_refused(foreign):
    """What is no id of otelml says so."""
    with pytest.raises(FeedbackError) as caught:
        decode(foreign, b"key")
    assert caught.value.reason == "malformed"


def test_long_labels_compare_by_their_digest():
    """Two long labels with the same beginning stay different."""
    one, other = "x" * 100 + "a", "x" * 100 + "b"
    token = decode(encode(PLAIN._replace(label=one), b"k"), b"k")
    assert same_label(token.label, one)
    assert not same_label(token.label, other)


def test_trace_id_is_readable_without_the_secret():
    """The viewer finds the trace of an id: bytes 1 to 17."""
    raw = base64.urlsafe_b64decode(encode(PLAIN, b"key") + "==")
    assert int.from_bytes(raw[1:17], "big") == PLAIN.trace_id
