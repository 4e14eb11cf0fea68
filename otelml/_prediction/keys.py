"""A key: it signs ids, or encrypts them where ``cryptography`` is installed.

What signs is keyed BLAKE2s, which is cheap where caches are cold; HMAC-SHA-256 where an
interpreter has no BLAKE2s, as in FIPS mode. What encrypts is AES-SIV of RFC 5297: it needs no
number that must not come twice, and the same prediction has the same id wherever it is made.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

MAC_SIZE: Final = 12
SEAL_SIZE: Final = 16
BLAKE2S: Final = 2
SEALED: Final = 3
SHA256: Final = 4
_FIRST_KEYLESS: Final = b"otelml prediction id"
_KEYLESS: Final = b"otelml prediction id 2"


def _new_blake2s(key: bytes) -> Any:
    """Return a keyed BLAKE2s; None where the interpreter has none."""
    try:
        return hashlib.blake2s(key=key, digest_size=MAC_SIZE)
    except (AttributeError, ValueError):
        return None


class Siv:
    """AES-SIV.

    Args:
        key: 64 bytes.

    Raises:
        ImportError: There is no library for it.
        ValueError: It may not be used here.
    """

    def __init__(self, key: bytes) -> None:
        from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        try:
            self.cipher = AESSIV(key)
            self.cipher.encrypt(b"\0", None)
        except UnsupportedAlgorithm as error:
            raise ValueError(str(error)) from None
        self._refusals = (InvalidTag, ValueError)

    def opened(self, sealed: bytes) -> bytes | None:
        """Return the body; None where it is not of this key, or was changed."""
        try:
            return self.cipher.decrypt(sealed, None)
        except self._refusals:
            return None


def _new_siv(key: bytes) -> Siv | None:
    try:
        return Siv(key)
    except (ImportError, ValueError):
        return None


def can_encrypt() -> bool:
    """Whether ids can be encrypted here."""
    return _new_siv(bytes(range(64))) is not None


def in_fips_mode() -> bool:
    """Whether the interpreter may use only what FIPS approves."""
    try:
        from _hashlib import get_fips_mode
    except ImportError:
        return False
    return bool(get_fips_mode())


class Key:
    """One key, and what is derived from it.

    Args:
        secret: The key as it was given; None is one that everybody knows, which finds damage only.

    Attributes:
        is_public: Whether everybody knows it.
        id: One byte that ids hold, to find the key by.
        siv: What encrypts; None where nothing can.
    """

    def __init__(self, secret: bytes | None) -> None:
        self.is_public = secret is None
        root = secret or _KEYLESS
        self.id = _derived(root, b"id")[0]
        key = _derived(root, b"sign")
        self._hmac = hmac.new(key, digestmod="sha256")
        self._blake2s = _new_blake2s(key)
        self._first = hmac.new(secret or _FIRST_KEYLESS, digestmod="sha256")
        sealing = _derived(root, b"seal 1") + _derived(root, b"seal 2")
        self.siv = None if self.is_public else _new_siv(sealing)

    @property
    def signs_as(self) -> int:
        """The first byte of the ids that it signs."""
        return SHA256 if self._blake2s is None or in_fips_mode() else BLAKE2S

    @property
    def start(self) -> Any:
        """What signs: its copy takes what is before the signature, which its digest begins with."""
        return self._hmac if self.signs_as == SHA256 else self._blake2s

    def mac(self, kind: int, data: bytes) -> bytes | None:
        """Return the signature of an id; None where this interpreter cannot tell.

        Args:
            kind: Its first byte.
            data: All of it but the signature.
        """
        # Not hmac.digest(): that lets go of the GIL, and a request thread would wait for the worker
        # to have it back, up to 5 ms.
        start = self._blake2s if kind == BLAKE2S else self._hmac
        if start is None:
            return None
        keyed = start.copy()
        keyed.update(data)
        digest: bytes = keyed.digest()
        return digest[:MAC_SIZE]

    def first_mac(self, data: bytes) -> bytes:
        """Return the signature of an id of the first version."""
        keyed = self._first.copy()
        keyed.update(data)
        return keyed.digest()[:MAC_SIZE]


def _derived(root: bytes, purpose: bytes) -> bytes:
    return hmac.new(root, b"otelml prediction id 2: " + purpose, hashlib.sha256).digest()
