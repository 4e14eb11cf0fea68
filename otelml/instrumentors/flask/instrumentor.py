"""Flask: a server span and HTTP metrics for each request, and its predictions with their stages.

Hooks are on the class ``flask.Flask``, so they hold for applications that exist already, for
subclasses and factories, whoever imported ``Flask`` when. The span and the metrics come from
``opentelemetry-instrumentation-flask``, unless the application has been given to it already.

- A view begins and ends inside ``Flask.dispatch_request``: ``before_request`` and ``after_request``
  functions are not part of it. A streamed response goes on to its last byte, with what it predicts;
  the header, which is sent before, has the id of what was predicted by then.
- What a view hands to threads and thread pools is part of its request: see ``threads.py``.
- An exception of the view is an error of its predictions, but an ``HTTPException`` below 500: with
  ``abort(404)`` the application answers its client.
- An excluded URL has no server span and no HTTP metrics; predictions made there are predictions
  all the same, in a trace of their own.
- A request that fails before the prediction it was to make counts as a failed one, before or in the
  view; see :mod:`otelml._requests.visits`.
"""

from __future__ import annotations

import functools
import gc
import logging
from collections.abc import Collection, Iterator
from typing import Any

from flask import Flask, request
from flask import globals as flask_globals

from otelml import _guard, semconv
from otelml._prediction import current_runtime, error_type, request_visit
from otelml._requests import (
    RequestScope,
    Route,
    Visit,
    begin_request,
    begin_visit,
    end_request,
    end_visit,
)
from otelml.instrumentors.base import Instrumentor
from otelml.instrumentors.conventions import prefer_stable_conventions
from otelml.instrumentors.flask.http import HttpInstrumentation
from otelml.instrumentors.flask.server import mend_server_address
from otelml.instrumentors.flask.streams import Answer, is_failure, is_stream
from otelml.instrumentors.patch import Patches
from otelml.instrumentors.threads import instrument_threads, uninstrument_threads

__all__ = ["FlaskMLInstrumentor"]

_SCOPE = "otelml.scope"
_ANSWER = "otelml.answer"
_OPTIONS = (
    "request_hook",
    "response_hook",
    "tracer_provider",
    "meter_provider",
    "excluded_urls",
    "enable_commenter",
    "commenter_options",
)
_SERVER_ERROR = 500
_current: Any = vars(flask_globals)["request_ctx"]._get_current_object  # noqa: SLF001 - a proxy costs ten times that
_logger = logging.getLogger("otelml")


class FlaskMLInstrumentor(Instrumentor):
    """Instruments every Flask application of the process.

    ``instrument()`` takes ``app``, an application to instrument at once, and the options of
    ``FlaskInstrumentor.instrument_app``; ``uninstrument()`` leaves everything as it was found.
    """

    _http: HttpInstrumentation | None = None
    _patches: Patches

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the distributions that are instrumented."""
        return ("flask >= 2.3",)

    def _instrument(self, **kwargs: Any) -> None:
        prefer_stable_conventions()
        options = {name: kwargs[name] for name in _OPTIONS if name in kwargs}
        self._http = http = HttpInstrumentation(Flask.wsgi_app, options)
        self._patches = Patches()
        _guard.call("flask", mend_server_address, self._patches)
        for name, wrap in _HOOKS.items():
            self._patches.replace(Flask, name, wrap(getattr(Flask, name), http))
        _guard.call("threads", instrument_threads)
        for app in _existing_apps():
            http.add(app)
        if kwargs.get("app") is not None:
            self.instrument_app(kwargs["app"])

    def _uninstrument(self, **_: Any) -> None:
        _guard.call("threads", uninstrument_threads)
        self._patches.undo()  # what someone wrapped since stays, and passes through
        http, self._http = self._http, None
        if http is not None:
            http.remove()

    def instrument_app(self, app: Any) -> None:
        """Instrument one application at once, rather than with its first request."""
        if not isinstance(app, Flask):
            _logger.warning(
                "otelml: app is a %s, not a Flask application; those are found without it",
                type(app).__name__,
            )
        elif self._http is not None:
            self._http.add(app)


def _existing_apps() -> Iterator[Flask]:
    classes = [Flask]
    for cls in classes:
        classes.extend(cls.__subclasses__())
    # An instance refers to its class. type(), as proxies lie about their class.
    return (o for o in gc.get_referrers(*classes) if issubclass(type(o), Flask))


def _wrap_wsgi_app(original: Any, http: HttpInstrumentation) -> Any:
    @functools.wraps(original)
    def wsgi_app(self: Flask, environ: dict[str, Any], start_response: Any) -> Any:
        if not http.active:  # uninstrumented, and middleware still holds this function
            return original(self, environ, start_response)
        before, answer = environ.get(_ANSWER), Answer()
        environ[_ANSWER] = answer
        try:
            body = http.entry(self)(environ, start_response)
        except BaseException as error:
            answer.fail(error)
            raise
        finally:
            environ[_ANSWER] = before  # an application may hand its request to itself
        return answer.body(body)

    return wsgi_app


def _wrap_dispatch_request(original: Any, http: HttpInstrumentation) -> Any:
    @functools.wraps(original)
    def dispatch_request(self: Flask, *args: Any) -> Any:
        scope = begin_request() if http.active else None
        if scope is None:
            return original(self, *args)
        try:
            response = original(self, *args)
        except BaseException as error:
            failed = error if is_failure(error) else None
            end_request(scope, failed)
            _show(scope)
            visit = request_visit.get()
            if visit is not None and failed is not None:
                visit.error = error_type(failed)
            raise
        answer = request.environ.get(_ANSWER) if is_stream(response) else None
        if answer is not None:
            answer.hold(scope)
        else:
            end_request(scope)
        if scope.has_prediction or not scope.closed:
            _show(scope)
        return response

    return dispatch_request


def _wrap_full_dispatch_request(original: Any, http: HttpInstrumentation) -> Any:
    @functools.wraps(original)
    def full_dispatch_request(self: Flask, *args: Any) -> Any:
        visit = begin_visit() if http.active else None
        if visit is None:
            return original(self, *args)
        try:
            response = original(self, *args)
        except BaseException as error:
            _guard.call("flask", _leave, self, visit, error_type(error))
            raise
        code = getattr(response, "status_code", 0)
        if visit.last is None and code < _SERVER_ERROR:
            end_visit(visit, None, "")  # nothing to learn of it
        else:
            _guard.call("flask", _leave, self, visit, str(code) if code >= _SERVER_ERROR else "")
        return response

    return full_dispatch_request


def _leave(app: Flask, visit: Visit, failure: str) -> None:
    rule = request.url_rule
    if rule is None:
        end_visit(visit, None, failure)
        return
    path = request.path if rule.arguments else ""
    route = Route(id(app), request.method, rule.rule, path)
    end_visit(visit, route, failure, app.view_functions.get(rule.endpoint))


def _wrap_process_response(original: Any, http: HttpInstrumentation) -> Any:
    @functools.wraps(original)
    def process_response(self: Flask, *args: Any) -> Any:
        response = original(self, *args)
        if http.active:
            _guard.call("flask", _add_header, response)
        return response

    return process_response


_HOOKS = {
    "wsgi_app": _wrap_wsgi_app,
    "dispatch_request": _wrap_dispatch_request,
    "full_dispatch_request": _wrap_full_dispatch_request,
    "process_response": _wrap_process_response,
}


def _show(scope: RequestScope) -> None:
    runtime = current_runtime()
    if runtime is not None:
        options = runtime.config.feedback
        if options.enabled and options.header:
            request.environ[_SCOPE] = scope


def _add_header(response: Any) -> None:
    scope = _current().request.environ.get(_SCOPE)
    if scope is None or semconv.HEADER_PREDICTION_ID in response.headers:
        return
    prediction_id = scope.prediction_id
    if prediction_id:
        response.headers[semconv.HEADER_PREDICTION_ID] = prediction_id
