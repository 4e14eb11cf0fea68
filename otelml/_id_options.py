"""Keys of prediction ids: how they are written down, and how strong they must be."""

from __future__ import annotations

from typing import Final

from otelml.exceptions import ConfigurationError

__all__ = ["MAKE_ONE", "SHORTEST", "keys_of", "weak"]

SHORTEST: Final = 16
"""Characters that the key which makes ids has at least."""

_DIFFERENT: Final = 8
MAKE_ONE: Final = "openssl rand -base64 32"
"""The command that makes a key."""


def weak(key: str) -> bool:
    """Whether a key is short or simple enough to be guessed."""
    return len(key) < SHORTEST or len(set(key)) < _DIFFERENT


def keys_of(secret: str | None, key: str = "FeedbackOptions.secret") -> tuple[str, ...]:
    """Return the keys that a secret is of: the first one makes ids, the others read older ones.

    Args:
        secret: Keys, separated by commas, the newest first.
        key: The option, for the error.

    Raises:
        ConfigurationError: The first key is too weak; the message does not repeat it.
    """
    keys = tuple(filter(None, (part.strip() for part in (secret or "").split(","))))
    if not keys:
        return ()
    if weak(keys[0]):
        raise ConfigurationError(
            f"{key} (OTELML_SECRET) is too weak: its first key has {len(keys[0])} characters, "
            f"{len(set(keys[0]))} of them different; it needs at least {SHORTEST}, and "
            f"{_DIFFERENT} different ones. Make one with: {MAKE_ONE}; write the old key behind it "
            "after a comma, and ids that it signed are still read"
        )
    return keys
