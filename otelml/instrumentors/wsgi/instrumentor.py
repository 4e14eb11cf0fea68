"""Where requests of wrapped WSGI applications go: the providers of the present ``init``."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from typing import Any

from otelml import _guard, semconv
from otelml._prediction import current_runtime
from otelml._requests import Held, RequestScope, begin_request, end_request, leave_request
from otelml.instrumentors.base import Instrumentor
from otelml.instrumentors.conventions import prefer_stable_conventions
from otelml.instrumentors.threads import instrument_threads, uninstrument_threads
from otelml.instrumentors.wsgi.bodies import HeldBody
from otelml.instrumentors.wsgi.http import ENTERED, App, Entry, Environ

__all__ = ["Wrapped", "WsgiInstrumentor"]

_OPTIONS = ("tracer_provider", "meter_provider", "excluded_urls")
_EXCLUDED = ("OTEL_PYTHON_WSGI_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS")
_HEADER = semconv.HEADER_PREDICTION_ID.lower()


class WsgiInstrumentor(Instrumentor):
    """Turns on the applications that ``otelml.wsgi.middleware`` has wrapped."""

    options: dict[str, Any] | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the distributions that are instrumented: none."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        prefer_stable_conventions()
        options = {name: kwargs[name] for name in _OPTIONS if name in kwargs}
        if options.get("excluded_urls") is None:
            given = [os.environ[name] for name in _EXCLUDED if name in os.environ]
            options["excluded_urls"] = given[0] if given else ""
        self.options = options
        _guard.call("threads", instrument_threads)

    def _uninstrument(self, **_: Any) -> None:
        _guard.call("threads", uninstrument_threads)
        self.options = None


class Wrapped:
    """An application whose requests are seen while otelml runs.

    Args:
        application: The application.
        route: From an ``environ`` to the template of its route.
    """

    def __init__(self, application: App, route: Callable[[Any], str | None]) -> None:
        self._application = application
        self._route = route
        self._of: tuple[Any, Entry] | None = None

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        options = WsgiInstrumentor().options
        if options is None or ENTERED in environ:
            return self._application(environ, start_response)
        environ[ENTERED] = True
        of = self._of
        if of is None or of[0] is not options:
            of = self._of = (options, Entry(self._route, options))
        return of[1].answer(self._view, environ, start_response)

    def _view(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one request as auto mode sees it."""
        request = begin_request()
        if request is None:
            return self._application(environ, start_response)

        def respond(status: str, headers: Any, *args: Any, **kwargs: Any) -> Any:
            _guard.call("wsgi", _add_header, request, headers)
            return start_response(status, headers, *args, **kwargs)

        try:
            body = self._application(environ, respond)
        except BaseException as error:
            end_request(request, error if _is_failure(error) else None)
            raise
        if isinstance(body, (list, tuple)) or _is_file(body, environ):
            end_request(request)
            return body
        held = Held(request)
        leave_request(request)
        return HeldBody(body, held, _is_failure)


def _is_file(body: Any, environ: Environ) -> bool:
    files = environ.get("wsgi.file_wrapper")
    return isinstance(files, type) and isinstance(body, files)


def _is_failure(error: BaseException) -> bool:
    return not isinstance(error, GeneratorExit)


def _add_header(request: RequestScope, headers: list[tuple[str, str]]) -> None:
    runtime = current_runtime()
    if runtime is None:
        return
    options = runtime.config.feedback
    if not (options.enabled and options.header):
        return
    if any(name.lower() == _HEADER for name, _ in headers):
        return
    found = request.prediction_id
    if found:
        headers.append((semconv.HEADER_PREDICTION_ID, found))
