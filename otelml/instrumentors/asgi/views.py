"""One request of an ASGI application, from its view, dependencies included, to its last byte."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable
from typing import Any

from otelml import _guard, semconv
from otelml._prediction import current_runtime, error_type, request_visit
from otelml._requests import RequestScope, begin_request, close_request, end_request
from otelml.instrumentors.asgi.http import App, Message, Receive, Scope, Send

__all__ = ["View", "is_failure", "wrap_dispatch", "wrap_routed"]

_SERVER_ERROR = 500
_HEADER = semconv.HEADER_PREDICTION_ID.lower().encode("latin-1")
_LAST = ("http.response.pathsend", "http.response.zerocopysend")


def is_failure(error: BaseException) -> bool:
    """Whether an exception is an error, not a way to answer the client, nor its going away."""
    if isinstance(error, (GeneratorExit, asyncio.CancelledError)):
        return False
    module = sys.modules.get("fastapi.exceptions")
    invalid = getattr(module, "RequestValidationError", None)
    if invalid is not None and isinstance(error, invalid):
        return False
    module = sys.modules.get("starlette.exceptions")
    answers = getattr(module, "HTTPException", None)
    if answers is None or not isinstance(error, answers):
        return True
    return int(getattr(error, "status_code", _SERVER_ERROR)) >= _SERVER_ERROR


class _Sender:
    """What a view sends: the head gets the id, the last byte ends the request.

    Args:
        request: The request.
        send: Where to.
    """

    __slots__ = ("_request", "_send")

    def __init__(self, request: RequestScope, send: Send) -> None:
        self._request = request
        self._send = send

    async def __call__(self, message: Message) -> None:
        """Send one message."""
        kind = message["type"]
        if kind == "http.response.start":
            _guard.call("asgi", self._add_header, message)
        elif kind in _LAST or (kind == "http.response.body" and not message.get("more_body")):
            close_request(
                self._request
            )  # what comes behind it, such as a background task, is not of it
        await self._send(message)

    def _add_header(self, message: Message) -> None:
        runtime = current_runtime()
        if runtime is None:
            return
        options = runtime.config.feedback
        if not (options.enabled and options.header):
            return
        headers: list[Any] = list(message.get("headers") or ())
        if any(bytes(name).lower() == _HEADER for name, _ in headers):
            return
        found = self._request.prediction_id
        if found:
            message["headers"] = [*headers, (_HEADER, found.encode("latin-1"))]


class View:
    """What answers a request, as the request's auto mode sees it.

    Args:
        app: The view as an ASGI application: it ends when all is sent.
    """

    __slots__ = ("_app",)

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = begin_request()
        if request is None:
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, _Sender(request, send))
        except BaseException as error:
            failed = error if is_failure(error) else None
            end_request(request, failed)
            visit = request_visit.get()
            if visit is not None and failed is not None:
                visit.error = error_type(failed)
            raise
        end_request(request)


def wrap_routed(original: Any, is_active: Callable[[], bool]) -> Any:
    """Wrap what Starlette and FastAPI put around each view, inside their handlers of exceptions."""

    @functools.wraps(original)
    def wrap_app_handling_exceptions(app: App, conn: Any) -> Any:
        if is_active() and conn.scope["type"] == "http":
            app = View(app)
        return original(app, conn)

    return wrap_app_handling_exceptions


def wrap_dispatch(original: Any, is_active: Callable[[], bool]) -> Any:
    """Wrap ``HTTPEndpoint.dispatch``: classes as views."""

    @functools.wraps(original)
    async def dispatch(self: Any) -> None:
        if not is_active():
            await original(self)
            return

        async def view(_scope: Scope, _receive: Receive, send: Send) -> None:
            kept, self.send = self.send, send
            try:
                await original(self)
            finally:
                self.send = kept

        await View(view)(self.scope, self.receive, self.send)

    return dispatch
