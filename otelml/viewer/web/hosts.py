"""Whom the viewer answers: no web site may reach it by a name or from a page of its own."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from otelml._hosts import is_loopback

__all__ = ["OriginGuard", "is_loopback", "refusal"]

_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


def refusal(scope: Scope, *, local: bool, origins: frozenset[str] = frozenset()) -> str:
    """Return why a request is not answered; empty where it is.

    Args:
        scope: The request.
        local: Whether the viewer is for this machine alone.
        origins: Pages of other origins that may write; ``*`` for all.
    """
    request = Request(scope)
    try:
        given = request.headers.get("host")
        own = urlsplit(f"//{given or ''}")
        host = (request.url if given is None else own).hostname or ""
        at = (own.hostname, own.port)
        origin = request.headers.get("origin")
        page = urlsplit(origin) if origin is not None else None
        from_page = None if page is None else (page.hostname, page.port)
    except ValueError:  # a name or a port that is none
        return "the request names no host"
    if local and not is_loopback(host):
        return f"this viewer does not answer for {host[:100]!r}"
    if request.method in _SAFE_METHODS or page is None or origins & {"*", origin or ""}:
        return ""
    return "" if from_page == at else "pages of another origin may not write here"


class OriginGuard:
    """Refuses requests for another host's name, and those that another origin's page makes.

    Args:
        app: The application behind it.
        local: Whether the viewer is for this machine alone.
        origins: Pages of other origins that may write.
    """

    def __init__(self, app: ASGIApp, *, local: bool, origins: frozenset[str]) -> None:
        self._app, self._local, self._origins = app, local, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app: ASGIApp = self._app
        if scope["type"] == "http":
            reason = refusal(scope, local=self._local, origins=self._origins)
            if reason:
                app = Response(reason, status_code=421 if "answer for" in reason else 403)
        await app(scope, receive, send)
