"""Whom a listener answers: no web page may reach it by another name, or from another origin."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

__all__ = ["host_of", "is_authorized", "is_loopback", "is_own_page", "refusal"]

_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_HOST: Final = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_OTHER_PAGE: Final = "pages of another origin may not write here"
_OWN: Final = frozenset(("same-origin", "none"))


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine's: ``localhost``, all of 127/8, ``::1``.

    >>> is_loopback("127.8.0.1"), is_loopback("[::1]"), is_loopback("127.0.0.1.example")
    (True, True, False)
    """
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def host_of(header: str | None) -> str:
    """Return the name in a ``Host`` header, without its port; empty where it is malformed.

    >>> host_of("[::1]:80"), host_of("localhost:80"), host_of("localhost@evil"), host_of(None)
    ('[::1]', 'localhost', '', '')
    """
    found = _HOST.fullmatch(header or "")
    return found[1] if found is not None else ""


def refusal(method: str, headers: Mapping[str, str], *, local: bool) -> tuple[int, str]:
    """Return the status and the reason why a request is not answered; 0 where it is.

    Args:
        method: ``GET``, ``POST`` and so on.
        headers: Their names in lower case.
        local: Whether the listener is for this machine alone.
    """
    host = host_of(headers.get("host"))
    if not host:
        return 400, "the request names no host"
    if local and not is_loopback(host):
        return 421, "this listener answers for this machine alone"
    return (0, "") if method in _SAFE or is_own_page(headers) else (403, _OTHER_PAGE)


def is_own_page(headers: Mapping[str, str]) -> bool:
    """Whether no page of another origin makes a request, by what browsers always say of it.

    Args:
        headers: Their names in lower case.

    >>> is_own_page({}), is_own_page({"host": "a", "origin": "http://b"})
    (True, False)
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:  # the origin may be `null` then, of a form on a page without a referrer
        return site in _OWN
    return origin is None or _authority(origin) == headers.get("host", "").lower()


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def is_authorized(header: str | None, token: str) -> bool:
    """Whether an ``Authorization`` header has the token, compared in constant time.

    >>> is_authorized("Bearer abc", "abc"), is_authorized("Bearer abd", "abc")
    (True, False)
    """
    scheme, _, given = (header or "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())
    return scheme.lower() == "bearer" and same
