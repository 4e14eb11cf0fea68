"""Starlette and FastAPI: a server span and HTTP metrics a request, and its predictions.

Hooks are on the class ``Starlette``, so they hold for applications that exist already, for
subclasses such as ``FastAPI`` and for factories. The span and the metrics come from contrib's ASGI
middleware, unless the application has been given to contrib already.

- A view begins with its dependencies and ends with the last byte of its response: middleware is no
  part of it, nor are background tasks. The header has the id of what was predicted when the head of
  the response is sent.
- Views and dependencies that are plain functions run on threads, within the request.
- An exception of the view is an error of its predictions, but an ``HTTPException`` below 500, and
  what FastAPI raises for a request that is not valid.
- Newer versions of FastAPI have a telemetry of their own, which is off in favour of this one unless
  the application chose its providers.
- A mounted application's requests are the outer one's. WebSockets are left alone.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import Any

from starlette.applications import Starlette

from otelml import _guard
from otelml._prediction import error_type
from otelml._requests import Route, Visit, begin_visit, end_visit
from otelml.instrumentors.asgi import (
    ROUTE,
    Entry,
    excluded_by_environment,
    wrap_dispatch,
    wrap_routed,
)
from otelml.instrumentors.asgi.http import Message, Receive, Scope, Send
from otelml.instrumentors.base import Instrumentor
from otelml.instrumentors.conventions import prefer_stable_conventions
from otelml.instrumentors.patch import ModulePatches, Patches
from otelml.instrumentors.starlette.routes import template
from otelml.instrumentors.threads import instrument_threads, uninstrument_threads

__all__ = ["StarletteMLInstrumentor"]

_ENTERED = "otelml.entered"
_NATIVE = "fastapi.telemetry"
_CHOSEN = ("tracer_provider", "meter_provider", "logger_provider", "auto_configure")
_FLAG = "_is_instrumented_by_opentelemetry"
_ROUTED = "wrap_app_handling_exceptions"
_OPTIONS = (
    "server_request_hook",
    "client_request_hook",
    "client_response_hook",
    "tracer_provider",
    "meter_provider",
    "excluded_urls",
    "http_capture_headers_server_request",
    "http_capture_headers_server_response",
    "http_capture_headers_sanitize_fields",
)
_SERVER_ERROR = 500


class StarletteMLInstrumentor(Instrumentor):
    """Instruments every Starlette and FastAPI application of the process.

    ``instrument()`` takes the options of contrib's ``OpenTelemetryMiddleware``;
    ``uninstrument()`` leaves everything as it was found.
    """

    _entry: Entry | None = None
    _patches: Patches
    _modules: ModulePatches

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the distributions that are instrumented."""
        return ("starlette >= 0.36",)

    def _instrument(self, **kwargs: Any) -> None:
        prefer_stable_conventions()
        options = {name: kwargs[name] for name in _OPTIONS if name in kwargs}
        if options.get("excluded_urls") is None:
            options["excluded_urls"] = excluded_by_environment("FASTAPI", "STARLETTE")
        self._entry = Entry(template, options)
        self._patches = Patches()
        self._patches.replace(Starlette, "__call__", _wrap_call(Starlette.__call__, self))
        # FastAPI is imported by who uses it, perhaps later.
        self._modules = ModulePatches(
            "asgi",
            {
                "starlette.routing": self._wrap_views,
                "starlette.endpoints": self._wrap_endpoints,
                "fastapi.routing": self._wrap_views,
                "fastapi.applications": self._wrap_native,
            },
        )
        self._modules.apply()
        _guard.call("threads", instrument_threads)

    def _wrap_views(self, module: Any) -> None:
        original = vars(module).get(_ROUTED)
        if original is not None and not hasattr(original, "__wrapped__"):
            self._modules.replace(module, _ROUTED, wrap_routed(original, self.is_active))

    def _wrap_endpoints(self, module: Any) -> None:
        wrapped = wrap_dispatch(module.HTTPEndpoint.dispatch, self.is_active)
        self._modules.replace(module.HTTPEndpoint, "dispatch", wrapped)

    def _wrap_native(self, module: Any) -> None:
        original = vars(module.FastAPI).get("__call__")
        if original is not None:
            self._modules.replace(module.FastAPI, "__call__", _wrap_native(original, self))

    def _uninstrument(self, **_: Any) -> None:
        _guard.call("threads", uninstrument_threads)
        self._modules.undo()  # what someone wrapped since stays, and passes through
        self._patches.undo()
        self._entry = None

    def is_active(self) -> bool:
        """Whether what was wrapped acts, rather than passing through."""
        return self._entry is not None

    async def answer(
        self, original: Any, app: Starlette, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer the request of an outermost application."""
        entry, bound = self._entry, functools.partial(original, app)
        scope[_ENTERED] = True
        visit = begin_visit()
        watched = _Watched(send) if visit is not None else None
        sender = watched or send
        try:
            if entry is None or app.__dict__.get(_FLAG) or scope.get(_NATIVE) is not None:
                await bound(scope, receive, sender)
            else:
                scope["app"] = app  # as Starlette itself sets it, and the route is looked up by it
                await entry.answer(bound, scope, receive, sender)
        except BaseException as error:
            _guard.call("asgi", _leave, app, visit, scope, error_type(error))
            raise
        code = watched.status if watched is not None else 0
        failure = str(code) if code >= _SERVER_ERROR else ""
        _guard.call("asgi", _leave, app, visit, scope, failure)


class _Watched:
    """Where a response goes, and its status.

    Args:
        send: Where it goes.
    """

    __slots__ = ("_send", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """Send one message."""
        if message["type"] == "http.response.start":
            self.status = int(message.get("status") or 0)
        await self._send(message)


def _wrap_call(original: Any, owner: StarletteMLInstrumentor) -> Any:
    @functools.wraps(original)
    async def __call__(self: Starlette, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: N807
        if not owner.is_active() or scope["type"] != "http" or _ENTERED in scope:
            await original(self, scope, receive, send)
        else:
            await owner.answer(original, self, scope, receive, send)

    return __call__


def _wrap_native(original: Any, owner: StarletteMLInstrumentor) -> Any:
    """Wrap ``FastAPI.__call__``, where newer versions make a server span and metrics of their own.

    They do so once there are providers, which ``init`` has made. An application that was given its
    providers, or is to export by itself, keeps them, and gets none of ours.
    """

    @functools.wraps(original)
    async def __call__(self: Any, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: N807
        if owner.is_active() and scope["type"] == "http" and not _is_its_own(self):
            scope.setdefault(_NATIVE, None)  # which turns them off
        await original(self, scope, receive, send)

    return __call__


def _is_its_own(app: Any) -> bool:
    chosen: Any = getattr(app, "_telemetry", None)
    if not isinstance(chosen, dict):
        return False
    return any(chosen.get(name) for name in _CHOSEN)


def _leave(app: Starlette, visit: Visit | None, scope: Scope, failure: str) -> None:
    rule = scope.get(ROUTE) or getattr(scope.get(_NATIVE), "route", None)
    route = None
    if rule:
        path = str(scope.get("path", "")) if "{" in rule else ""
        route = Route(id(app), str(scope.get("method", "")), rule, path)
    end_visit(visit, route, failure, scope.get("endpoint"))
