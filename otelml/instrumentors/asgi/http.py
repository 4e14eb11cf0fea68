"""The server span and HTTP metrics of ASGI applications, from the contrib instrumentation.

Contrib's instrumentations of Starlette and FastAPI each wrap one application's stack of middleware
in this same ASGI middleware, mounted applications once more. Here it stands before the outermost
application, and is kept from harming a request.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

from opentelemetry.context import Context, attach, detach
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.util.http import parse_excluded_urls, sanitize_method

from otelml import _guard

__all__ = ["ROUTE", "Entry", "excluded_by_environment"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where a request keeps its route's template, and its way through contrib's middleware.
ROUTE = "otelml.route"
_PASSAGE = "otelml.passage"
_COMPONENT = "asgi"
_HTTP_ROUTE = "http.route"


class _Passage:
    """One request on its way through contrib's middleware.

    Args:
        app: What answers it.
        send: Takes the answer.
    """

    __slots__ = ("_app", "_send", "error", "is_answered", "ran")

    def __init__(self, app: App, send: Send) -> None:
        self._app = app
        self._send = send
        self.ran = False
        self.is_answered = False
        self.error: BaseException | None = None

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it, and remember what came of it."""
        self.ran = True
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            self.error = error
            raise

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on; the server may begin the next request in it."""
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.is_answered = True
        await self._send(message)


# The request that the running code is part of, or that uvicorn has left its context of: a kept
# connection that was paused for a body, or has the next request already, goes on in the context of
# the request before (CPython's issue 140947), whose span would be the parent then.
_answering: ContextVar[_Passage | None] = ContextVar("otelml_answering", default=None)


async def _inner(scope: Scope, receive: Receive, send: Send) -> None:
    passage: _Passage = scope[_PASSAGE]
    await passage.run(scope, receive, send)


def excluded_by_environment(*frameworks: str) -> str:
    """Return the URLs that the environment excludes, as contrib names the variables."""
    names = [f"OTEL_PYTHON_{name}_EXCLUDED_URLS" for name in frameworks]
    names.append("OTEL_PYTHON_EXCLUDED_URLS")
    return next((os.environ[name] for name in names if name in os.environ), "")


class Entry:
    """The way into applications, through contrib's middleware.

    Args:
        template: From a scope to the template of its route; None where there is none.
        options: Providers, hooks, headers and ``excluded_urls`` for contrib's middleware.
    """

    def __init__(
        self, template: Callable[[Mapping[str, Any]], str | None], options: Mapping[str, Any]
    ) -> None:
        given = dict(options)
        urls = given.pop("excluded_urls", None)
        self._template = template
        # Without a span for each message that is sent or received.
        self._contrib: App = OpenTelemetryMiddleware(
            _inner,
            excluded_urls=parse_excluded_urls(urls) if urls else None,
            default_span_details=self._details,
            exclude_spans=["receive", "send"],
            **given,
        )

    def _details(self, scope: Scope) -> tuple[str, dict[str, Any]]:
        route = scope[ROUTE] = _guard.call(_COMPONENT, self._template, scope)
        method = sanitize_method(str(scope.get("method", "")).strip())
        verb = "HTTP" if method == "_OTHER" else method
        return (f"{verb} {route}", {_HTTP_ROUTE: route}) if route else (verb, {})

    async def answer(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request with ``app``."""
        before = _answering.get()
        token = attach(Context()) if before is not None and before.is_answered else None
        passage = _Passage(app, send)
        _answering.set(passage)
        scope[_PASSAGE] = passage
        try:
            await self._contrib(scope, receive, passage.send)
        except BaseException as error:
            if passage.error is not None or not isinstance(error, Exception):
                raise
            _guard.report(_COMPONENT, error)
            if not passage.ran:
                await app(scope, receive, send)
        finally:
            _answering.set(before)
            if token is not None:
                detach(token)
