"""The server span and HTTP metrics of Flask applications, by the lane or by contrib.

The lane (:mod:`.lane`) gives what contrib gives, for less; where it cannot, contrib does it. Which
way is decided once for an application, and again where a processor wants to hear of starts.

Contrib's ``instrument_app`` wraps ``app.wsgi_app`` from outside, where middleware that serves other
applications would be measured twice, and its own errors would become the service's. Here it wraps
what Flask itself does, is kept from harming a request, and comes before the application's hooks.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, request
from opentelemetry.instrumentation.flask import FlaskInstrumentor

from otelml import _guard
from otelml.instrumentors.flask.lane import EXCHANGE, Lane
from otelml.instrumentors.flask.ways import create_lane

__all__ = ["Entry", "HttpInstrumentation"]

_COMPONENT = "flask"
_ENTRY = "_otelml_entry"
_OUTER = "_otelml_outer_entry"
_PASSAGE = "otelml.passage"
_WSGI_APP = "wsgi_app"
_FLAG = "_is_instrumented_by_opentelemetry"
_EXCLUDED_URLS = ("OTEL_PYTHON_FLASK_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS")

_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Passage:
    """One request on its way through contrib's wrapper."""

    __slots__ = ("_contrib_start", "_reached", "_start", "error", "ran", "result")

    def __init__(self, start_response: Any) -> None:
        self._start = start_response
        self._contrib_start: Any = None
        self._reached = False
        self.ran = False
        self.result: Iterable[bytes] = ()
        self.error: BaseException | None = None

    def run(self, handle: _Wsgi, environ: dict[str, Any], contrib_start: Any) -> Iterable[bytes]:
        """Handle the request, and remember what came of it."""
        self._contrib_start = contrib_start
        try:
            self.result = handle(environ, self.respond)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ran = True
        return self.result

    def respond(self, *args: Any) -> Any:
        """Start the response through contrib, or without it where it fails."""
        self._reached = False
        try:
            return self._contrib_start(*args)
        except BaseException as error:
            if self._reached or not isinstance(error, Exception):
                raise
            _guard.report(_COMPONENT, error)
        return self._start(*args)

    def start_response(self, *args: Any) -> Any:
        """Start the response: the server's own function."""
        self._reached = True
        return self._start(*args)

    def is_foreign(self, error: BaseException) -> bool:
        """Whether ``error`` is none of contrib's."""
        return self.error is not None or not isinstance(error, Exception)


class Entry:
    """The way into one application, by the lane or through contrib's wrapper.

    Args:
        handle: What handles the request in the end.
    """

    def __init__(self, handle: _Wsgi) -> None:
        self.handle = handle
        self.contrib: _Wsgi | None = None
        self.lane: Lane | None = None
        self.hooks: Lane | None = None  # whose hooks the application has, in use or not

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        lane = self.lane
        if lane is not None:
            source = lane.source()
            if source is not None:
                return lane.serve(self.handle, source, environ, start_response)
            _guard.call(_COMPONENT, lane.fall_back)
        contrib = self.contrib
        if contrib is None:
            return self.handle(environ, start_response)
        passage = _Passage(start_response)
        environ[_PASSAGE] = passage
        try:
            return contrib(environ, passage.start_response)
        except BaseException as error:
            if passage.is_foreign(error):
                raise
            _guard.report(_COMPONENT, error)
        return passage.result if passage.ran else self.handle(environ, start_response)

    def inner(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Handle the request inside contrib's wrapper."""
        passage = environ.pop(_PASSAGE, None)
        if passage is None:
            return self.handle(environ, start_response)
        result: Iterable[bytes] = passage.run(self.handle, environ, start_response)
        return result


class HttpInstrumentation:
    """Contrib's instrumentation of many applications, each once.

    Args:
        wsgi_app: ``Flask.wsgi_app`` as Flask defines it.
        options: Options of contrib's ``instrument_app``.
    """

    def __init__(self, wsgi_app: Any, options: dict[str, Any]) -> None:
        self._wsgi_app = wsgi_app
        self._options = {"enable_commenter": False, **options}
        if self._options.get("excluded_urls") is None:
            # Contrib reads these once, on import; a service may set them later.
            given = [os.environ[name] for name in _EXCLUDED_URLS if name in os.environ]
            self._options["excluded_urls"] = given[0] if given else ""
        self._apps: weakref.WeakSet[Flask] = weakref.WeakSet()
        self._lock = threading.Lock()
        self.active = True

    def entry(self, app: Flask) -> Entry:
        """Return the way into ``app`` from ``Flask.wsgi_app``; instrument it on first use."""
        entry: Entry | None = app.__dict__.get(_ENTRY)
        return entry if entry is not None else self._add(app, outermost=False)

    def add(self, app: Flask) -> None:
        """Instrument an application that exists.

        Where its ``wsgi_app`` has been replaced by middleware, that holds Flask's own function, so
        the only way in is around it. Where middleware outside the application holds that function,
        contrib's hooks still make the server span, without a status and HTTP metrics.
        """
        self._add(app, outermost=_WSGI_APP in app.__dict__)

    def _add(self, app: Flask, *, outermost: bool) -> Entry:
        with self._lock:
            entry: Entry | None = app.__dict__.get(_ENTRY)
            if entry is not None:
                return entry
            entry = Entry(functools.partial(self._wsgi_app, app))
            if not app.__dict__.get(_FLAG):
                if outermost:
                    outer = Entry(app.wsgi_app)
                    _guard.call(_COMPONENT, self._instrument, app, outer)
                    app.__dict__.update({_WSGI_APP: outer, _OUTER: outer})
                else:
                    _guard.call(_COMPONENT, self._instrument, app, entry)
            app.__dict__[_ENTRY] = entry
            self._apps.add(app)
            return entry

    def _instrument(self, app: Flask, entry: Entry) -> None:
        lane = _guard.call(_COMPONENT, create_lane, self._options)
        if lane is None:
            self._give_to_contrib(app, entry)
            return
        lane.fall_back = functools.partial(self._fall_back, app, entry, lane)
        before, teardown = app.before_request_funcs, app.teardown_request_funcs
        # Requests under way walk these lists: they keep the old ones.
        before[None] = [lane.before, *before.get(None, ())]
        teardown[None] = [lane.teardown, *teardown.get(None, ())]
        entry.lane = entry.hooks = lane
        app.__dict__[_FLAG] = True  # as contrib says it: nobody shall do it again

    def _fall_back(self, app: Flask, entry: Entry, lane: Lane) -> Callable[[], object] | None:
        """Give an application of the lane to contrib, for good; return contrib's first hook."""
        with self._lock:
            if not lane.is_retired and self.active:
                lane.is_retired = True
                entry.lane = None
                app.__dict__.pop(_FLAG, None)
                self._give_to_contrib(app, entry, unless=EXCHANGE)
        found: Callable[[], object] | None = app.__dict__.get("_before_request")
        return found

    def _give_to_contrib(self, app: Flask, entry: Entry, unless: str = "") -> None:
        before, teardown = app.before_request_funcs, app.teardown_request_funcs
        before[None] = list(before.get(None, ()))
        teardown[None] = list(teardown.get(None, ()))
        with _Opened(app, entry.inner):
            FlaskInstrumentor.instrument_app(app, **self._options)
            entry.contrib = app.wsgi_app
        # First before all hooks, so that one which answers the request itself has its span;
        # teardown functions run backwards.
        *rest, hook = before[None]
        first: Any = functools.partial(_guard.call, _COMPONENT, _Unless(hook, unless))
        before[None] = [first, *rest]
        *rest, hook = teardown[None]
        last: Any = functools.partial(_guard.call, _COMPONENT, hook)
        teardown[None] = [last, *rest]
        # Where contrib's uninstrument_app looks for what to take away.
        app.__dict__.update(_before_request=first, _teardown_request=last)

    def remove(self) -> None:
        """Leave every application as it was found."""
        self.active = False
        with self._lock:
            for app in list(self._apps):
                _guard.call(_COMPONENT, _remove, app)
            self._apps.clear()


class _Opened:
    """An application that takes hooks although it has served requests, with ``wsgi_app`` in place.

    Args:
        app: The application.
        wsgi_app: What contrib is to wrap.
    """

    def __init__(self, app: Flask, wsgi_app: _Wsgi | None = None) -> None:
        self._own = app.__dict__
        self._wsgi_app = wsgi_app
        self._kept = self._own.get(_WSGI_APP)

    def __enter__(self) -> None:
        self._own["_check_setup_finished"] = _accept
        if self._wsgi_app is not None:
            self._own[_WSGI_APP] = self._wsgi_app

    def __exit__(self, *_: object) -> None:
        self._own.pop("_check_setup_finished", None)
        if self._kept is None:
            self._own.pop(_WSGI_APP, None)
        else:
            self._own[_WSGI_APP] = self._kept


class _Unless:
    """Contrib's first hook, but for requests that entered by the lane.

    Args:
        hook: The hook.
        key: What such a request has in its ``environ``; empty where there are none.
    """

    def __init__(self, hook: Callable[[], object], key: str) -> None:
        self._hook = hook
        self._key = key

    def __call__(self) -> None:
        if not self._key or self._key not in request.environ:
            self._hook()


def _accept(_name: str) -> None:
    """Let a setup method be called after the first request."""


def _remove(app: Flask) -> None:
    for name in (_ENTRY, _OUTER):
        entry: Entry | None = app.__dict__.pop(name, None)
        if entry is None:
            continue
        lane, entry.lane, entry.hooks = entry.hooks, None, None
        if lane is not None:
            _take_away(app, lane)
            if not lane.is_retired:
                app.__dict__.pop(_FLAG, None)
            lane.is_retired = True
            if app.__dict__.get(_WSGI_APP) is entry:
                app.__dict__[_WSGI_APP] = entry.handle
        if entry.contrib is None:
            continue
        entry.contrib = None
        with _Opened(app):
            FlaskInstrumentor.uninstrument_app(app)
        if app.__dict__.get(_WSGI_APP) is entry:
            app.__dict__[_WSGI_APP] = entry.handle
        for left in ("_before_request", "_teardown_request", _FLAG):
            app.__dict__.pop(left, None)


def _take_away(app: Flask, lane: Lane) -> None:
    before, teardown = app.before_request_funcs, app.teardown_request_funcs
    before[None] = [hook for hook in before.get(None, ()) if hook != lane.before]
    teardown[None] = [hook for hook in teardown.get(None, ()) if hook != lane.teardown]
