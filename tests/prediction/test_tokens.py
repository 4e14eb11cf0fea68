"""Prediction ids."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otelml._prediction import keys
from otelml._prediction.codec import Codec
from otelml._prediction.tokens import (
    MAX_LENGTH,
    Token,
    as_bytes,
    as_text,
    names_in_token,
    same_label,
    service_in_token,
)
from otelml.exceptions import FeedbackError
from tests.prediction._first_ids import first_id, sealed_first

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
PLAIN = Token(2**127 + 5, 77, 1_700_000_000_000, 3, 0.5, "loan", "3", "canary", "approved")
KEY, OTHER = b"a key, 0123456789", b"another key, 0123"
KINDS = {
    "encrypted": Codec([KEY], service="loan-api"),
    "signed": Codec([KEY], service="loan-api", encrypts=False),
    "keyless": Codec([], service="loan-api", accepts_unsigned=True),
}


@pytest.fixture(params=list(KINDS))
def codec(request):
    return KINDS[request.param]


@given(TOKENS, st.sampled_from(sorted(KINDS)))
def test_round_trip(token, kind):
    """What goes in comes out, within 200 URL-safe characters; long texts are shortened."""
    codec = KINDS[kind]
    text = codec.encode(token)
    assert len(text) <= MAX_LENGTH
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    back = codec.decode(text)
    assert back[:4] == token[:4]
    assert back[5:8] == names_in_token(token.model, token.version, token.variant)
    assert back.signed is (kind != "keyless")
    assert back.is_value is token.is_value
    assert same_label(back.label, token.label)
    assert back.confidence == token.confidence or math.isnan(token.confidence)


@given(TOKENS)
def test_an_encrypted_id_tells_nothing(token):
    """All are equally long, and the same prediction has the same id wherever it is made."""
    codec = KINDS["encrypted"]
    text = codec.encode(token)
    assert len(text) == MAX_LENGTH
    assert text == Codec([KEY], service="loan-api").encode(token)
    raw = as_bytes(text)
    for secret in (token.model, token.version, token.variant, token.label):
        assert len(secret) < 4 or secret.encode("utf-8", "replace") not in raw
    assert token.trace_id < 2**64 or token.trace_id.to_bytes(16, "big") not in raw


def test_ids_of_other_labels_have_nothing_in_common():
    """But for the two bytes that say how to read them: two labels, two ids that look alike to nobody."""
    one, other = (
        as_bytes(KINDS["encrypted"].encode(PLAIN._replace(label=label))) for label in "ab"
    )
    assert one[:2] == other[:2]
    assert sum(a == b for a, b in zip(one[2:], other[2:], strict=True)) < 10


def test_every_change_of_a_character_is_found(codec):
    """No single changed, added or removed character passes."""
    text = codec.encode(PLAIN)
    for i, char in enumerate(text):
        for other in ("A" if char != "A" else "B", chr(ord(char) ^ 1), "+", "/", "=", "é"):
            with pytest.raises(FeedbackError):
                codec.decode(text[:i] + other + text[i + 1 :])
    for broken in (
        text[:-1],
        text[1:],
        text + "A",
        text[:20],
        "",
        "x",
        " " + text,
        text + "=",
        text + "\n",
    ):
        with pytest.raises(FeedbackError):
            codec.decode(broken)


def test_no_character_is_passed_over():
    """One more at the end is refused, whatever the length."""
    for label in ("", "a", "ab", "abc"):
        text = KINDS["signed"].encode(PLAIN._replace(label=label))
        for more in "+/=!A":
            with pytest.raises(FeedbackError):
                KINDS["signed"].decode(text + more)


def test_every_change_of_a_bit_is_found(codec):
    """No flipped bit passes, wherever it is."""
    raw = as_bytes(codec.encode(PLAIN))
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FeedbackError):
            codec.decode(as_text(bytes(flipped)))


@pytest.mark.parametrize("kind", ["encrypted", "signed"])
def test_another_key_is_refused(kind):
    """An id of another key, or of none, is foreign; so is one of this key to a service without it."""
    made = KINDS[kind].encode(PLAIN)
    for other in (Codec([OTHER]), Codec([], accepts_unsigned=True), Codec([])):
        with pytest.raises(FeedbackError) as caught:
            other.decode(made)
        assert caught.value.reason == "signature"
    with pytest.raises(FeedbackError) as caught:
        KINDS[kind].decode(KINDS["keyless"].encode(PLAIN))
    assert caught.value.reason == "unsigned"


@pytest.mark.parametrize("encrypts", [True, False])
def test_keys_rotate_without_loss(encrypts):
    """The first key makes ids, each of the others still reads its own."""
    old = Codec([OTHER], encrypts=encrypts).encode(PLAIN)
    both = Codec([KEY, OTHER], encrypts=encrypts)
    assert both.decode(old).label == "approved"
    new = both.encode(PLAIN)
    assert new == Codec([KEY], encrypts=encrypts).encode(PLAIN) != old
    with pytest.raises(FeedbackError):
        Codec([KEY], encrypts=encrypts).decode(old)


def test_keys_with_one_key_id_are_all_tried():
    """A key id is one byte: of 300 keys some share one, and each id is still read."""
    many = [f"key number {n}".encode() for n in range(300)]
    assert len({keys.Key(key).id for key in many}) < 300
    for encrypts in (True, False):
        codec = Codec(many, encrypts=encrypts)
        for key in many[::7]:
            assert codec.decode(Codec([key], encrypts=encrypts).encode(PLAIN)).row == 3


def test_signed_and_encrypted_ids_are_both_read():
    """Whichever of the two a replica makes, the others read it."""
    one, other = KINDS["encrypted"], KINDS["signed"]
    assert one.decode(other.encode(PLAIN)) == other.decode(one.encode(PLAIN))


@pytest.mark.parametrize("kind", ["encrypted", "signed"])
def test_an_id_is_of_one_service(kind):
    """Another service with the same key refuses it, but where it is told to take it."""
    made = KINDS[kind].encode(PLAIN)
    with pytest.raises(FeedbackError) as caught:
        Codec([KEY], service="fraud-api").decode(made)
    assert caught.value.reason == "service"
    assert Codec([KEY], service="fraud-api", services=["loan-api"]).decode(made).row == 3
    assert Codec([KEY]).decode(made).row == 3  # a command reads those of any


@pytest.mark.parametrize("lack", ["blake2s", "fips"])
def test_without_blake2s(monkeypatch, lack):
    """An interpreter without it, or in FIPS mode, signs with HMAC-SHA-256; all others read that."""
    made = KINDS["signed"].encode(PLAIN)
    if lack == "fips":
        monkeypatch.setattr(keys, "in_fips_mode", lambda: True)
    else:

        def missing(**_arguments):
            raise ValueError("unsupported")

        monkeypatch.setattr(hashlib, "blake2s", missing)
    codec = Codec([KEY], service="loan-api", encrypts=False)
    text = codec.encode(PLAIN)
    assert as_bytes(text)[0] == keys.SHA256
    assert as_bytes(made)[0] == keys.BLAKE2S
    assert codec.decode(text) == KINDS["signed"].decode(text) == KINDS["signed"].decode(made)
    if lack == "blake2s":
        with pytest.raises(FeedbackError):
            codec.decode(made)


def test_without_the_library(monkeypatch):
    """Where nothing can encrypt, ids are signed, and those that are encrypted are foreign."""
    made = KINDS["encrypted"].encode(PLAIN)
    monkeypatch.setattr(keys, "_new_siv", lambda _: None)
    assert not keys.can_encrypt()
    codec = Codec([KEY], service="loan-api")
    assert not codec.encrypts
    assert codec.encode(PLAIN) == KINDS["signed"].encode(PLAIN)
    with pytest.raises(FeedbackError) as caught:
        codec.decode(made)
    assert caught.value.reason == "signature"


# --- older versions ---------------------------------------------------------------------------


def test_the_first_version_stays_readable():
    """Ids of version 1 are read: with each of several keys, and with one that has a comma in it."""
    for key in (KEY, OTHER):
        token = Codec([KEY, OTHER], service="loan-api").decode(first_id(PLAIN, key))
        assert token == PLAIN._replace(signed=True)
    odd = b"one,two and more"
    assert Codec([b"one", b"two and more"], whole=odd).decode(first_id(PLAIN, odd)).signed
    with pytest.raises(FeedbackError) as caught:
        Codec([KEY]).decode(first_id(PLAIN, b"foreign"))
    assert caught.value.reason == "signature"


def test_keyless_ids_of_the_first_version():
    """They are taken only where that is said, and nothing vouches for them."""
    made = first_id(PLAIN, None)
    with pytest.raises(FeedbackError) as caught:
        Codec([KEY]).decode(made)
    assert caught.value.reason == "unsigned"
    assert Codec([KEY], accepts_unsigned=True).decode(made) == PLAIN


# --- whatever comes ---------------------------------------------------------------------------

READERS = [
    Codec([KEY, OTHER], service="loan-api"),
    Codec([KEY], encrypts=False, accepts_unsigned=True),
    Codec([], accepts_unsigned=True),
]
VALID = [codec.encode(PLAIN) for codec in KINDS.values()]
VALID += [first_id(PLAIN, KEY), first_id(PLAIN, None), Codec.new_opaque()]


def _read(given):
    for reader in READERS:
        with suppress(FeedbackError):
            reader.decode(given)
        with suppress(FeedbackError):
            reader.token_of(given)
        with suppress(FeedbackError):
            reader.is_opaque(given)


@given(
    st.text(max_size=400)
    | st.binary(max_size=200)
    | st.integers()
    | st.none()
    | st.floats()
    | st.lists(st.text(max_size=3))
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3))
)
@example("\ud800")
@example("é" * 24)
@example("B" * 24)
@example("A" * 10_000_000)
@example("+")
@example("A")
def test_anything_raises_feedback_errors_only(given):
    """Text, bytes, numbers, nothing: a FeedbackError at most."""
    _read(given)


@given(st.binary(max_size=150), st.sampled_from([b"", b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"]))
def test_any_bytes_raise_feedback_errors_only(raw, start):
    """Bytes that look like an id of each version."""
    _read(as_text(start + raw))


@given(
    st.sampled_from(VALID),
    st.lists(st.tuples(st.integers(0, 149), st.integers(0, 255)), max_size=4),
)
def test_changed_ids_raise_feedback_errors_only(text, changes):
    """Valid ids of each kind, with bytes exchanged."""
    raw = bytearray(as_bytes(text))
    for at, byte in changes:
        raw[at % len(raw)] = byte
    _read(as_text(bytes(raw)))


@given(st.binary(min_size=38, max_size=130), st.integers(0, 3), st.integers(0, 255))
def test_a_forged_body_raises_feedback_errors_only(body, which, length):
    """A keyless id has a signature that anybody can make: its lengths may say anything."""
    body = b"\x01" + body
    _read(sealed_first(body, None))
    _read(sealed_first(body[:40] + bytes((length,)) * which + body[40:], None))
    head = bytes((keys.BLAKE2S, keys.Key(None).id))
    signed = head + body[1:] + bytes((length,))
    _read(as_text(signed + (keys.Key(None).mac(keys.BLAKE2S, signed) or b"")))


@pytest.mark.parametrize(
    "lengths", [b"\xff", b"\x00\x00\x00\xff", b"\x04loan\xff", b"", b"\x00" * 3]
)
def test_a_crafted_length_is_refused(lengths):
    """A length that leads past the end is no id; it was an IndexError."""
    head = struct.pack(">B16s8s6sIfB", 1, b"\1" * 16, b"\1" * 8, b"\0" * 6, 0, 0.5, 0)
    with pytest.raises(FeedbackError) as caught:
        Codec([], accepts_unsigned=True).decode(sealed_first(head + lengths, None))
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize(
    "foreign",
    ["8f14e45f-ceea-4672-b1b0-61d3f2a1c111", "a" * 5000, "été", "null", 7, None, b"bytes",
     base64.urlsafe_b64encode(b"\x09" * 80).decode()],
)  # fmt: skip
def test_foreign_ids_are_refused(foreign):
    """What is no id of otelml says so."""
    with pytest.raises(FeedbackError) as caught:
        KINDS["encrypted"].decode(foreign)
    assert caught.value.reason == "malformed"


class _Odd(str):
    """A text that is not what it seems."""

    __slots__ = ()

    def encode(self, *_arguments):
        raise RuntimeError("odd")


def test_a_kind_of_text_is_a_text():
    """A string of a library's own class is read as what it holds."""
    assert KINDS["signed"].decode(_Odd(KINDS["signed"].encode(PLAIN))).row == 3


def test_long_labels_compare_by_their_digest():
    """Two long labels with the same beginning stay different."""
    one, other = "x" * 100 + "a", "x" * 100 + "b"
    codec = KINDS["encrypted"]
    token = codec.decode(codec.encode(PLAIN._replace(label=one)))
    assert same_label(token.label, one)
    assert not same_label(token.label, other)


def test_names_of_services_are_told_apart():
    """Each has a number of its own."""
    assert len({service_in_token(f"service-{n}") for n in range(1000)}) == 1000
