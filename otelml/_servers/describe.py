"""The attributes and the name of a server span, from what was kept of a request.

They are made on the worker, unless somebody touches the span before. Names, values and their order
are those of contrib's WSGI instrumentation with the stable conventions, host and port apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from otelml import semconv_http as names
from otelml._servers.hosts import split_host

Parts = tuple[Any, ...]
"""What is kept of an ``environ``, in the order of :func:`parts_of`."""

KEYS = frozenset((
    "REQUEST_METHOD", "wsgi.url_scheme", "HTTP_HOST", "SERVER_PORT", "RAW_URI", "REQUEST_URI",
    "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "REMOTE_PORT", "REMOTE_HOST", "HTTP_USER_AGENT",
    "SERVER_PROTOCOL",
))  # fmt: skip
"""What :func:`parts_of` reads."""

_MOST = 1024
_VERSION = "HTTP/"
_OTHER = "_OTHER"


def parts_of(environ: Mapping[str, Any]) -> Parts:
    """Return what the attributes of a request are made of.

    Raises:
        ValueError: The port of the server is no number.
    """
    get = environ.get
    port = get("SERVER_PORT")
    target = get("RAW_URI")
    if target is None:
        target = get("REQUEST_URI")
    return (
        get("REQUEST_METHOD", ""),
        get("wsgi.url_scheme"),
        get("HTTP_HOST"),
        int(port) if port else None,
        bool(target),
        get("PATH_INFO"),
        get("QUERY_STRING"),
        get("REMOTE_ADDR"),
        get("REMOTE_PORT"),
        get("REMOTE_HOST"),
        get("HTTP_USER_AGENT"),
        get("SERVER_PROTOCOL", ""),
    )


class Describer:
    """Makes attributes and names.

    Args:
        sanitize: Returns a method as it may be reported: upper case, or ``_OTHER``.
        normalize: Returns a user agent as text; None where it is none.
        synthetic: Returns whether a user agent is a ``bot`` or a ``test``; None for any other.
    """

    def __init__(
        self,
        sanitize: Callable[[str], str],
        normalize: Callable[[Any], str | None],
        synthetic: Callable[[str], str | None],
    ) -> None:
        self._sanitize = sanitize
        self._normalize = normalize
        self._synthetic = synthetic
        self._heads: dict[Any, tuple[dict[str, Any], int | None]] = {}
        self._tails: dict[Any, dict[str, Any]] = {}

    def name(self, parts: Parts, rule: str | None) -> str:
        """Return the name of a request's span."""
        method = self._sanitize(parts[0].strip())
        known = method != _OTHER
        if rule is not None:
            return f"{method if known else 'HTTP'} {rule}"
        if not known:
            return "HTTP"
        path = (parts[5] or "").strip()
        return f"{method} {path}" if method and path else method

    def attributes(self, parts: Parts, rule: str | None) -> dict[str, Any]:
        """Return the attributes that a request's span starts with."""
        (
            method, scheme, host, port, has_target, path, query,
            address, peer_port, peer, agent, protocol,
        ) = parts  # fmt: skip
        head, late_port = self._head(method, scheme, host, port)
        found = dict(head)
        if has_target:
            if path:
                found[names.URL_PATH] = path
            if query:
                found[names.URL_QUERY] = query
        if address:
            found[names.CLIENT_ADDRESS] = address
        if peer_port and (number := _number(peer_port)) is not None:
            found[names.CLIENT_PORT] = number
        if peer and peer != address:
            found[names.CLIENT_ADDRESS] = peer
        found.update(self._tail(agent, protocol))
        if late_port is not None:
            found[names.SERVER_PORT] = late_port
        if rule is not None:
            found[names.HTTP_ROUTE] = rule
        return found

    def _head(
        self, method: str, scheme: str | None, host: str | None, port: int | None
    ) -> tuple[dict[str, Any], int | None]:
        key = (method, scheme, host, port)
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= _MOST:
                self._heads.clear()
            head = self._heads[key] = self._new_head(method, scheme, host, port)
        return head

    def _new_head(
        self, method: str, scheme: str | None, host: str | None, port: int | None
    ) -> tuple[dict[str, Any], int | None]:
        found = self.method(method)
        if scheme:
            found[names.URL_SCHEME] = scheme
        address, asked = split_host(host) if host else ("", None)
        if address:
            found[names.SERVER_ADDRESS] = address
        if port:
            found[names.SERVER_PORT] = asked or port
            return found, None
        # Contrib's comes without one, and the header's is added to the others.
        return found, asked

    def method(self, method: str) -> dict[str, Any]:
        """Return the attributes of a method alone."""
        found: dict[str, Any] = {}
        original, reported = method.strip(), self._sanitize(method).strip()
        if original and original != reported:
            found[names.HTTP_REQUEST_METHOD_ORIGINAL] = original
        if reported:
            found[names.HTTP_REQUEST_METHOD] = reported
        return found

    def _tail(self, agent: Any, protocol: str) -> dict[str, Any]:
        key = (agent, protocol)
        tail = self._tails.get(key)
        if tail is None:
            if len(self._tails) >= _MOST:
                self._tails.clear()
            tail = self._tails[key] = self._new_tail(agent, protocol)
        return tail

    def _new_tail(self, agent: Any, protocol: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        text = self._normalize(agent) if agent else None
        if text:
            found[names.USER_AGENT_ORIGINAL] = text
            kind = self._synthetic(text)
            if kind:
                found[names.USER_AGENT_SYNTHETIC_TYPE] = kind
        version = version_of(protocol)
        if version:
            found[names.NETWORK_PROTOCOL_VERSION] = version
        return found


def version_of(protocol: str) -> str:
    """Return the version that ``SERVER_PROTOCOL`` names."""
    return protocol[len(_VERSION) :] if protocol.upper().startswith(_VERSION) else protocol


def _number(text: Any) -> int | None:
    try:
        return int(text)
    except (ValueError, TypeError):
        return None
