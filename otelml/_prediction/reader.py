"""Prediction ids as they come back: what each says, and whether its label may be taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from otelml._id_options import keys_of
from otelml._prediction.codec import OPAQUE_LENGTH, Codec
from otelml._prediction.tokens import Token
from otelml.config import FeedbackOptions
from otelml.exceptions import FeedbackError

Find = Callable[[Sequence[str]], Mapping[str, str]]


def codec_of(options: FeedbackOptions, service: str = "", own_key: bytes = b"") -> Codec:
    """Return what makes and reads ids with these options.

    Args:
        options: Of prediction ids.
        service: The service's name; empty reads ids of any.
        own_key: A key for where there is none; empty for a process that makes no ids.
    """
    keys = [key.encode() for key in keys_of(options.secret)]
    accepts = options.unsigned == "accept"
    if not keys and own_key and not accepts:
        keys = [own_key]
    return Codec(
        keys,
        whole=(options.secret or "").encode(),
        service=service,
        services=options.services,
        encrypts=options.ids != "signed",
        accepts_unsigned=accepts,
    )


class IdReader:
    """Reads prediction ids.

    Args:
        options: Of prediction ids.
        codec: Reads those that hold their content.
        find: Returns the contents of opaque ids that the store knows.
    """

    def __init__(self, options: FeedbackOptions, codec: Codec, find: Find | None = None) -> None:
        self.codec = codec
        self.find = find
        self._max_age_s = options.max_age_s

    def read(self, text: str, contents: Mapping[str, str] | None = None) -> Token:
        """Return what an id says.

        Args:
            text: The id.
            contents: Contents of opaque ids that are known already.

        Raises:
            FeedbackError: It is none of this service.
        """
        if not self.codec.is_opaque(text):
            return self.codec.decode(text)
        content = None if contents is None else contents.get(text)
        if content is None and contents is None and self.find is not None:
            content = self.find([text]).get(text)
        if content is None:
            raise FeedbackError("no prediction has this id, or it is not known any more", "unknown")
        return self.codec.token_of(content)

    def contents(self, texts: Sequence[str]) -> Mapping[str, str]:
        """Return the contents of those ids that are opaque and known.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        opaque = [text for text in texts if self.codec.is_opaque(text)]
        return self.find(opaque) if opaque and self.find is not None else {}

    def accept(self, text: str, contents: Mapping[str, str] | None = None) -> Token:
        """Return what an id says, where a label for it may be taken.

        Raises:
            FeedbackError: It may not: the id is none of this service, or is too old.
        """
        # The shorter way of nearly all.
        is_longer = type(text) is str and len(text) > OPAQUE_LENGTH
        token = self.codec.decode(text) if is_longer else self.read(text, contents)
        if self._max_age_s is not None and time.time() - token.time_ms / 1e3 > self._max_age_s:
            raise FeedbackError("this prediction id is too old", "expired")
        return token
