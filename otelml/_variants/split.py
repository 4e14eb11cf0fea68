"""Which variant a key gets: the same in every process, at every time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

from otelml.exceptions import ConfigurationError

_BYTES = 8


def split(key: object, shares: Mapping[str, float], *, salt: str = "") -> str:
    """Return the variant of a key (a customer, a session), by a hash of it.

    Args:
        key: What stays with its variant; its text counts.
        shares: How much of all keys each variant gets, in any unit: ``{"champion": 90,
            "canary": 10}``. More for the last variant moves no key of the others but those it
            takes.
        salt: Name of the experiment: another one mixes the keys anew.

    Raises:
        ConfigurationError: There is no share, or one is negative or not finite.

    >>> split("customer-7", {"champion": 0.9, "canary": 0.1}, salt="2026-01")
    'champion'
    """
    total = math.fsum(shares.values()) if shares else 0.0
    if not 0 < total < math.inf or any(not share >= 0 for share in shares.values()):
        raise ConfigurationError("shares must be positive numbers, one a variant")
    text = f"{salt}\0{key}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=_BYTES).digest()
    place = int.from_bytes(digest, "big") / 2 ** (8 * _BYTES) * total
    end, chosen = 0.0, ""
    for variant, share in shares.items():
        if share <= 0:
            continue
        chosen = variant
        end += share
        if place < end:
            break
    return chosen
