"""Prediction ids: self-contained texts that bring a label back to its prediction.

Bytes before base64url (no padding)::

    2 | key id 1 | body | BLAKE2s 12           signed
    3 | key id 1 | AES-SIV of the body, 16 longer      encrypted; always of the same length
    4 | key id 1 | body | HMAC-SHA-256 12      signed where there is no BLAKE2s
    5 | random 17                       opaque: the label store knows what it stands for
    1 | … | HMAC-SHA-256 12                    signed, by an older otelml

A key id is not secret: it says which of several keys to try.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from otelml._prediction.keys import BLAKE2S, MAC_SIZE, SEAL_SIZE, SEALED, SHA256, Key, Siv
from otelml._prediction.tokens import (
    BODY_MAX,
    Token,
    as_bytes,
    as_text,
    malformed,
    pack,
    service_in_token,
    unpack,
    unpack_first,
)
from otelml.exceptions import FeedbackError

_FIRST: Final = 1
_OPAQUE: Final = 5
_OPAQUE_SIZE: Final = 18
OPAQUE_LENGTH: Final = 24
"""Characters of an opaque id; others that are made here are longer."""

_SEALED_SIZE: Final = 2 + SEAL_SIZE + BODY_MAX


class Codec:
    """Makes ids, and reads them.

    Args:
        keys: Keys as they were given; the first makes ids. Without one, anybody can make them.
        whole: All keys as one text, which an older otelml took for one key.
        service: The service's name, which is put into ids; empty reads those of any.
        services: Other services whose ids are read.
        encrypts: Whether ids are encrypted, where that can be.
        accepts_unsigned: Whether ids that no key vouches for are read.
    """

    def __init__(
        self,
        keys: Sequence[bytes],
        *,
        whole: bytes = b"",
        service: str = "",
        services: Sequence[str] = (),
        encrypts: bool = True,
        accepts_unsigned: bool = False,
    ) -> None:
        self._keys = [Key(key) for key in keys]
        self._openers: dict[bytes, list[Siv]] = {}
        for key in self._keys:
            if key.siv is not None:
                self._openers.setdefault(bytes((SEALED, key.id)), []).append(key.siv)
        self._public = Key(None)
        self._maker = self._keys[0] if self._keys else self._public
        self._first = self._keys + ([Key(whole)] if whole and [whole] != list(keys) else [])
        self._service = service_in_token(service)
        names = (service, *services)
        self._services = {service_in_token(name) for name in names} if service else None
        self._siv = self._maker.siv.cipher if encrypts and self._maker.siv is not None else None
        self._mac = self._maker.start
        self.accepts_unsigned = accepts_unsigned
        kind = SEALED if self.encrypts else self._maker.signs_as
        self._kind, self._head = kind, bytes((kind, self._maker.id))

    @property
    def encrypts(self) -> bool:
        """Whether ids are encrypted."""
        return self._siv is not None

    @property
    def is_keyless(self) -> bool:
        """Whether anybody can make ids like those that are made here."""
        return self._maker.is_public

    def encode(self, token: Token) -> str:
        """Return the id: URL-safe, at most 200 characters."""
        if self._siv is not None:
            # All are as long as the longest: a length would tell a label.
            body = pack(token, self._service).ljust(BODY_MAX, b"\0")
            return as_text(self._head + self._siv.encrypt(body, None))
        signed = pack(token, self._service, self._head)
        keyed = self._mac.copy()
        keyed.update(signed)
        return as_text(signed + keyed.digest()[:MAC_SIZE])

    def decode(self, text: str) -> Token:
        """Return what an id says.

        Raises:
            FeedbackError: It is not an id of otelml, is damaged, or is not of this service.
        """
        raw = as_bytes(text)
        kind = raw[0]
        if kind == SEALED:
            token, service = unpack(self._opened(raw), signed=True)
        elif kind in {BLAKE2S, SHA256}:
            token, service = self._verified(raw, kind)
        elif kind == _FIRST:
            return self._of_first_version(raw)
        else:
            raise malformed()
        return self._of_service(token, service)

    @staticmethod
    def new_opaque() -> str:
        """Return an id that says nothing."""
        return as_text(bytes((_OPAQUE,)) + secrets.token_bytes(_OPAQUE_SIZE - 1))

    @staticmethod
    def is_opaque(text: object) -> bool:
        """Whether a text may be an opaque id."""
        return (
            isinstance(text, str)
            and len(text) == OPAQUE_LENGTH
            and text.isascii()
            and as_bytes(text)[0] == _OPAQUE
        )

    def content_of(self, token: Token) -> str:
        """Return what the store keeps for an opaque id; it must not leave the service."""
        return as_text(pack(token, self._service))

    def token_of(self, content: str) -> Token:
        """Return what the store has kept.

        Raises:
            FeedbackError: It is nothing of the kind, or another service's.
        """
        return self._of_service(*unpack(as_bytes(content), signed=True))

    def _of_service(self, token: Token, service: int) -> Token:
        if self._services is not None and service not in self._services:
            raise FeedbackError("this prediction id is of another service", "service")
        return token

    def _opened(self, raw: bytes) -> bytes:
        if len(raw) != _SEALED_SIZE:
            raise malformed()
        for siv in self._openers.get(raw[:2], ()):
            body = siv.opened(raw[2:])
            if body is not None:
                return body
        raise self._foreign()

    def _verified(self, raw: bytes, kind: int) -> tuple[Token, int]:
        data, mac = raw[:-MAC_SIZE], raw[-MAC_SIZE:]
        if len(data) <= MAC_SIZE:
            raise malformed()
        for key in (*self._keys, self._public):
            if key.id == raw[1]:
                expected = key.mac(kind, data)
                if expected is not None and hmac.compare_digest(mac, expected):
                    return unpack(data[2:], signed=self._trusts(key))
        raise self._foreign()

    def _of_first_version(self, raw: bytes) -> Token:
        data, mac = raw[:-MAC_SIZE], raw[-MAC_SIZE:]
        for key in (*self._first, self._public):
            if hmac.compare_digest(mac, key.first_mac(data)):
                return unpack_first(data, signed=self._trusts(key))
        raise self._foreign()

    def _trusts(self, key: Key) -> bool:
        """Whether a key vouches for what it signed.

        Raises:
            FeedbackError: It does not, and such ids are not accepted.
        """
        if not key.is_public:
            return True
        if not self.accepts_unsigned:
            raise FeedbackError(
                "this prediction id is not signed, so anybody can have made it; it is taken where "
                'FeedbackOptions(unsigned="accept") says so',
                "unsigned",
            )
        return False

    @staticmethod
    def _foreign() -> FeedbackError:
        return FeedbackError(
            "this prediction id was changed, cut short, or made by another service or process; "
            "replicas need the same OTELML_SECRET",
            "signature",
        )
