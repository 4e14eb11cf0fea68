"""Django: a server span and HTTP metrics for each request, and its predictions with their stages.

Hooks are on the classes of Django's handlers, so they hold for applications that exist already,
under WSGI and ASGI; settings stay as they are. The span and the metrics are contrib's, of WSGI or
ASGI, unless contrib's Django instrumentation is in place already.

- A view begins and ends inside Django's middleware, whether it is a function, a coroutine or a
  class, of Django REST framework too. A streamed response goes on to its last byte; the header,
  which is sent before, has the id of what was predicted by then.
- An exception of the view is an error of its predictions, but those that Django answers with a
  status below 500, such as ``Http404``.
- The test client has no server: its requests have predictions, and no server span.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Collection
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler

from otelml import _guard, semconv
from otelml._prediction import current_runtime, error_type
from otelml._requests import Route, Visit, begin_visit, end_visit
from otelml.instrumentors import asgi, wsgi
from otelml.instrumentors.base import Instrumentor
from otelml.instrumentors.conventions import prefer_stable_conventions
from otelml.instrumentors.django.routes import ROUTE, template, template_of
from otelml.instrumentors.django.views import SCOPE, wrap_view
from otelml.instrumentors.patch import Patches
from otelml.instrumentors.threads import instrument_threads, uninstrument_threads

__all__ = ["DjangoMLInstrumentor"]

_OPTIONS = ("tracer_provider", "meter_provider", "excluded_urls")
_EXCLUDED = ("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS")
_ENTERED = "otelml.django.entered"
_CONTRIB = "opentelemetry.instrumentation.django"
_SERVER_ERROR = 500
_logger = logging.getLogger("otelml")


class DjangoMLInstrumentor(Instrumentor):
    """Instruments Django in this process.

    ``instrument()`` takes ``tracer_provider``, ``meter_provider`` and ``excluded_urls``;
    ``uninstrument()`` leaves everything as it was found.
    """

    _patches: Patches
    wsgi: wsgi.Entry | None = None
    asgi: asgi.Entry | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the distributions that are instrumented."""
        return ("django >= 4.2",)

    def _instrument(self, **kwargs: Any) -> None:
        prefer_stable_conventions()
        options = {name: kwargs[name] for name in _OPTIONS if name in kwargs}
        if options.get("excluded_urls") is None:
            given = [os.environ[name] for name in _EXCLUDED if name in os.environ]
            options["excluded_urls"] = given[0] if given else ""
        self.wsgi = wsgi.Entry(_route_of, options)
        self.asgi = asgi.Entry(template, options)
        self._patches = patches = Patches()
        for owner, name, wrap in (
            (WSGIHandler, "__call__", _wrap_wsgi),
            (ASGIHandler, "__call__", _wrap_asgi),
            (BaseHandler, "get_response", _wrap_response),
            (BaseHandler, "get_response_async", _wrap_response_async),
            (BaseHandler, "make_view_atomic", _wrap_atomic),
        ):
            patches.replace(owner, name, wrap(getattr(owner, name), self))
        _guard.call("threads", instrument_threads)

    def _uninstrument(self, **_: Any) -> None:
        _guard.call("threads", uninstrument_threads)
        self._patches.undo()  # what someone wrapped since stays, and passes through
        self.wsgi = self.asgi = None

    def is_active(self) -> bool:
        """Whether what was wrapped acts, rather than passing through."""
        return self.wsgi is not None


def _is_contribs() -> bool:
    """Whether contrib's own instrumentation makes the server spans."""
    from django.conf import settings

    return any(str(name).startswith(_CONTRIB) for name in settings.MIDDLEWARE)


def _route_of(environ: dict[str, Any]) -> str | None:
    return environ.get(ROUTE)


def _wrap_wsgi(original: Any, owner: DjangoMLInstrumentor) -> Any:
    @functools.wraps(original)
    def __call__(self: Any, environ: dict[str, Any], start_response: Any) -> Any:  # noqa: N807
        entry = owner.wsgi
        if entry is None or wsgi.ENTERED in environ or _is_contribs():
            return original(self, environ, start_response)
        environ[wsgi.ENTERED] = True
        return entry.answer(functools.partial(original, self), environ, start_response)

    return __call__


def _wrap_asgi(original: Any, owner: DjangoMLInstrumentor) -> Any:
    @functools.wraps(original)
    async def __call__(self: Any, scope: Any, receive: Any, send: Any) -> None:  # noqa: N807
        entry = owner.asgi
        if entry is None or scope["type"] != "http" or _ENTERED in scope or _is_contribs():
            await original(self, scope, receive, send)
            return
        scope[_ENTERED] = True
        await entry.answer(functools.partial(original, self), scope, receive, send)

    return __call__


def _wrap_response(original: Any, owner: DjangoMLInstrumentor) -> Any:
    @functools.wraps(original)
    def get_response(self: Any, request: Any) -> Any:
        visit = begin_visit() if owner.is_active() else None
        try:
            response = original(self, request)
        except BaseException as error:
            _guard.call("django", _leave, request, visit, error_type(error))
            raise
        if owner.is_active():
            _guard.call("django", _answered, request, response, visit)
        return response

    return get_response


def _wrap_response_async(original: Any, owner: DjangoMLInstrumentor) -> Any:
    @functools.wraps(original)
    async def get_response_async(self: Any, request: Any) -> Any:
        visit = begin_visit() if owner.is_active() else None
        try:
            response = await original(self, request)
        except BaseException as error:
            _guard.call("django", _leave, request, visit, error_type(error))
            raise
        if owner.is_active():
            _guard.call("django", _answered, request, response, visit)
        return response

    return get_response_async


def _wrap_atomic(original: Any, owner: DjangoMLInstrumentor) -> Any:
    """Wrap what Django puts around each view, inside its middleware."""

    @functools.wraps(original)
    def make_view_atomic(self: Any, view: Any) -> Any:
        made = original(self, view)
        return wrap_view(made) if owner.is_active() else made

    return make_view_atomic


def _answered(request: Any, response: Any, visit: Visit | None) -> None:
    code = response.status_code
    _leave(request, visit, str(code) if code >= _SERVER_ERROR else "")
    scope = getattr(request, SCOPE, None)
    runtime = current_runtime()
    if scope is None or runtime is None or response.has_header(semconv.HEADER_PREDICTION_ID):
        return
    options = runtime.config.feedback
    found = scope.prediction_id if options.enabled and options.header else None
    if found:
        response.headers[semconv.HEADER_PREDICTION_ID] = found


def _leave(request: Any, visit: Visit | None, failure: str) -> None:
    match = getattr(request, "resolver_match", None)
    rule = template_of(match)
    environ = getattr(request, "environ", None)
    if rule is not None and isinstance(environ, dict):
        environ[ROUTE] = rule
    route = None
    if rule is not None and match is not None:
        path = request.path if match.kwargs or match.args else ""
        route = Route(0, request.method, rule, path)
    end_visit(visit, route, failure, getattr(match, "func", None))
