"""Prediction ids as a service would make them, for tests that have no prediction."""

from __future__ import annotations

from otelml._prediction.codec import Codec
from otelml._prediction.reader import IdReader, codec_of
from otelml._prediction.tokens import Token
from otelml.config import FeedbackOptions

SECRET = "a-key-of-the-tests-0123456789"
SERVICE = "test"  # that of a capture


def id_of(token: Token, secret: str = SECRET, service: str = SERVICE, **options) -> str:
    """Return the id of a token under a key."""
    return Codec([secret.encode()], service=service, **options).encode(token)


def reader() -> IdReader:
    """Return what reads the ids of any service with the tests' key."""
    options = FeedbackOptions(secret=SECRET)
    return IdReader(options, codec_of(options))
