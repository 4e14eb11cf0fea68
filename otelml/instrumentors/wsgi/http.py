"""The server span and HTTP metrics of WSGI applications, as contrib's middleware makes them.

Names, values and instruments are contrib's, by its own functions. How a response ends is done here:
contrib's body is a generator, so that a server which closes it before the first part neither closes
the application's body nor ends the span, and a status that comes with the first part is missed.

- The span ends with the last byte, or when the body is closed.
- The duration is that until the application returned, as in Flask; where the status comes later,
  until it came.
- A list is left as it is, as servers send its length; so is a file, which the system may send.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final

import opentelemetry.instrumentation.wsgi as contrib
from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.util.http import parse_excluded_urls, sanitize_method

from otelml import _guard
from otelml import semconv_http as names
from otelml._prediction import error_type

__all__ = ["ENTERED", "Entry"]

ENTERED: Final = "otelml.wsgi.entered"
_COMPONENT: Final = "wsgi"
_ERROR_TYPE: Final = "error.type"
_FILES: Final = "wsgi.file_wrapper"

_contrib: Any = contrib
# What contrib measures with; there is no public way.
_active_of = _contrib._parse_active_request_count_attrs  # noqa: SLF001 - as above
_measured_of = _contrib._parse_duration_attrs  # noqa: SLF001 - as above
_Mode = _contrib._StabilityMode  # noqa: SLF001 - as above

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]


def _nothing(_environ: Environ, _start_response: Any) -> Iterable[bytes]:
    return ()


class Entry:
    """The way into applications.

    Args:
        route: From an ``environ``, once the application has started its response, to the template
            of its route; None where there is none.
        options: Providers and ``excluded_urls``.
    """

    def __init__(self, route: Callable[[Environ], str | None], options: Mapping[str, Any]) -> None:
        given = dict(options)
        urls = given.pop("excluded_urls", None)
        self._excluded = parse_excluded_urls(urls) if urls else None
        self.route = route
        # For its tracer, its instruments and the conventions that it follows.
        self.contrib: Any = contrib.OpenTelemetryMiddleware(_nothing, **given)
        self.mode: Any = self.contrib._sem_conv_opt_in_mode  # noqa: SLF001 - there is no public way

    def answer(self, app: App, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one request with ``app``."""
        passage = _guard.call(_COMPONENT, self._begin, environ)
        if passage is None:
            return app(environ, start_response)
        with passage.step():
            try:
                body = app(environ, passage.starter(start_response))
            except BaseException as error:
                passage.fail(error)
                raise
            return passage.returned(body)

    def _begin(self, environ: Environ) -> _Passage | None:
        if self._excluded is not None and self._excluded.url_disabled(_url(environ)):
            return None
        return _Passage(self, environ)


def _url(environ: Environ) -> str:
    host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return f"{environ.get('wsgi.url_scheme', 'http')}://{host}{path}"


class _Passage:
    """One request and its answer.

    Args:
        entry: Where it entered.
        environ: WSGI's.
    """

    def __init__(self, entry: Entry, environ: Environ) -> None:
        self._entry = entry
        self._environ = environ
        method = sanitize_method(str(environ.get("REQUEST_METHOD", "")).strip())
        self._verb = "HTTP" if method == "_OTHER" else method
        attributes = contrib.collect_request_attributes(environ, entry.mode)
        self._active = _active_of(attributes, entry.mode)
        current = get_current()
        kind, context = SpanKind.INTERNAL, current
        if trace.get_current_span(current) is trace.INVALID_SPAN:
            kind = SpanKind.SERVER
            context = propagate.extract(environ, getter=contrib.wsgi_getter) or Context()
        self._span = entry.contrib.tracer.start_span(
            self._verb, context, kind=kind, attributes=attributes
        )
        if self._span.is_recording() and kind is SpanKind.SERVER:
            found = contrib.collect_custom_request_headers_attributes(environ)
            self._span.set_attributes(found)
        self._context = trace.set_span_in_context(self._span, context)
        self._measured: dict[str, Any] = attributes
        self._has_status = False
        self._has_returned = False
        self._is_measured = False
        self._has_ended = False
        entry.contrib.active_requests_counter.add(1, self._active)
        self._began_s = perf_counter()

    @contextmanager
    def step(self) -> Generator[None]:
        """Be in the request."""
        token = attach(self._context)
        try:
            yield
        finally:
            self._context = get_current()
            detach(token)

    def starter(self, start_response: Any) -> Callable[..., Any]:
        """Return what the application starts its response with."""

        def respond(status: str, headers: Any, *args: Any, **kwargs: Any) -> Any:
            _guard.call(_COMPONENT, self._respond, status, headers)
            return start_response(status, headers, *args, **kwargs)

        return respond

    def _respond(self, status: str, headers: Any) -> None:
        self._take_route()
        contrib.add_response_attributes(
            self._span, status, headers, self._measured, self._entry.mode
        )
        if self._span.is_recording() and getattr(self._span, "kind", None) is SpanKind.SERVER:
            found = contrib.collect_custom_response_headers_attributes(headers)
            self._span.set_attributes(found)
        self._has_status = True
        if self._has_returned:
            self._measure()

    def _take_route(self) -> None:
        route = self._entry.route(self._environ)
        if route:
            self._measured[names.HTTP_ROUTE] = route
            self._span.set_attribute(names.HTTP_ROUTE, route)
            self._span.update_name(f"{self._verb} {route}")

    def returned(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Take note that the application has returned; return the body to send."""
        self._has_returned = True
        if self._has_status:
            _guard.call(_COMPONENT, self._measure)
        files = self._environ.get(_FILES)
        is_file = isinstance(files, type) and isinstance(body, files)
        if isinstance(body, (list, tuple)) or is_file:
            self.end()
            return body
        return _Body(body, self)

    def fail(self, error: BaseException) -> None:
        """End by an exception, of the application or of its body."""
        _guard.call(_COMPONENT, self._fail, error)
        self.end()

    def _fail(self, error: BaseException) -> None:
        if self._has_ended or isinstance(error, GeneratorExit):
            return
        if not self._has_status:
            self._take_route()
        kind = error_type(error)
        self._measured[_ERROR_TYPE] = kind
        self._span.set_attribute(_ERROR_TYPE, kind)
        self._span.record_exception(error)
        self._span.set_status(Status(StatusCode.ERROR, f"{kind}: {error}"))

    def end(self) -> None:
        """End the span, once."""
        _guard.call(_COMPONENT, self._end)

    def _end(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            try:
                self._measure()
            finally:
                self._span.end()

    def _measure(self) -> None:
        if self._is_measured:
            return
        self._is_measured = True
        duration_s = max(perf_counter() - self._began_s, 0)
        of, context = self._entry.contrib, trace.set_span_in_context(self._span)
        if of.duration_histogram_old:
            found = _measured_of(self._measured, _Mode.DEFAULT)
            of.duration_histogram_old.record(round(duration_s * 1000), found, context=context)
        if of.duration_histogram_new:
            found = _measured_of(self._measured, _Mode.HTTP)
            of.duration_histogram_new.record(duration_s, found, context=context)
        of.active_requests_counter.add(-1, self._active)


class _Body:
    """A body whose last part ends its request.

    Args:
        body: What the application returned.
        passage: Its request.
    """

    def __init__(self, body: Iterable[bytes], passage: _Passage) -> None:
        self._body = body
        self._passage = passage
        self._items: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._passage.step():
            try:
                if self._items is None:
                    self._items = iter(self._body)
                return next(self._items)
            except StopIteration:
                self._passage.end()
                raise
            except BaseException as error:
                self._passage.fail(error)
                raise

    def close(self) -> None:
        """Close the body; a client may have gone before its end."""
        with self._passage.step():
            try:
                close = getattr(self._body, "close", None)
                if close is not None:
                    close()
            except BaseException as error:
                self._passage.fail(error)
                raise
            self._passage.end()

    def __del__(self) -> None:
        # a server that does not close what it did not send
        passage = getattr(self, "_passage", None)
        if passage is not None:
            passage.end()
