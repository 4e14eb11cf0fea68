"""A token for whoever reaches the viewer from another machine."""

from __future__ import annotations

import base64
import binascii
import hmac

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["TokenGuard", "has_token"]

_ASK = {"WWW-Authenticate": 'Basic realm="otelml view", charset="UTF-8"'}


def has_token(authorization: str, token: str) -> bool:
    """Whether a header has the token: of a sender as ``Bearer``, of a browser as the password.

    >>> has_token("Bearer abc", "abc"), has_token("Basic bWU6YWJj", "abc"), has_token("", "abc")
    (True, True, False)
    """
    scheme, _, given = authorization.partition(" ")
    secret = given.strip() if scheme.lower() == "bearer" else ""
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(given.strip(), validate=True)
        except (binascii.Error, ValueError):
            decoded = b""
        secret = decoded.decode("utf-8", "replace").partition(":")[2]
    return hmac.compare_digest(secret.encode("utf-8", "replace"), token.encode())


class TokenGuard:
    """Asks for the token, before anything reads a body.

    Args:
        app: The application behind it.
        token: The token.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app: ASGIApp = self._app
        if scope["type"] == "http":
            given = Request(scope).headers.get("authorization", "")
            if not has_token(given, self._token):
                app = Response("a token is needed\n", status_code=401, headers=_ASK)
        await app(scope, receive, send)
