"""otelml's own server spans and HTTP metrics of one Flask application: contrib's, at less cost.

A request is noted in three places, those of contrib: where it enters, first before its hooks and
last in its teardown. What contrib's telemetry is made of is kept there, and the worker makes it.
Where something must be told at once (hooks, captured headers, a sampler that reads attributes, an
error) contrib's own functions make it, on the span that is deferred.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from time import time_ns
from typing import Any, Final

from flask import globals as flask_globals
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation import flask as contrib
from opentelemetry.instrumentation._semconv import _StabilityMode  # pyright: ignore[reportPrivateUsage]
from opentelemetry.instrumentation.propagators import get_global_response_propagator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind
from opentelemetry.util import http as util

from otelml import _guard
from otelml import semconv_http as names
from otelml._prediction import detach
from otelml._servers import Describer, Exchange, HttpMeasures, Parents, ServerSpan, parts_of
from otelml._spans import (
    SPAN_KEY,
    AutoSpans,
    DeferredSpan,
    DeferredSpans,
    attach,
    get_current,
    links_of,
    with_span,
)

__all__ = ["EXCHANGE", "Lane"]

EXCHANGE: Final = "otelml.exchange"
_COMPONENT: Final = "flask"
_OWN: Final = "_otelml_exchange"
_FIRST_FINE, _LAST_FINE = 100, 499
_MOST_STATUSES: Final = 256
_FEW_ATTRIBUTES: Final = 64
_MODE: Final = _StabilityMode.HTTP
_CAPTURED: Final = (
    util.OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST,
    util.OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE,
)
_current_request: Any = vars(flask_globals)["request_ctx"]._get_current_object  # noqa: SLF001 - as contrib does
_codes: dict[str, int] = {}

_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
_Hook = Callable[[], object]


class Lane:
    """The requests of one application.

    Args:
        spans: How their spans are made.
        measures: Where they are measured.
        describer: Makes names and attributes.
        options: Those of contrib's ``instrument_app``.
    """

    def __init__(
        self,
        spans: AutoSpans,
        measures: HttpMeasures,
        describer: Describer,
        options: dict[str, Any],
    ) -> None:
        self._spans = spans
        self._measures = measures
        self._describer = describer
        self._parents = Parents(contrib.otel_wsgi.wsgi_getter)
        self._request_hook = options.get("request_hook")
        self._response_hook = options.get("response_hook")
        excluded = options.get("excluded_urls")
        self._excluded = util.parse_excluded_urls(excluded) if excluded else None
        of_requests, of_responses = (bool(os.environ.get(name)) for name in _CAPTURED)
        self._at_once = of_requests or self._request_hook is not None
        self._looks = of_responses or bool(self._response_hook or self._excluded)
        self.is_retired = False
        self.fall_back: Callable[[], _Hook | None] = lambda: None

    def source(self) -> DeferredSpans | None:
        """Return how spans are deferred; None where somebody wants to hear of their start."""
        chosen = self._spans.choose()
        return chosen if isinstance(chosen, DeferredSpans) else None

    # --- where a request enters -----------------------------------------------------------------

    def serve(
        self, handle: _Wsgi, source: DeferredSpans, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        """Answer one request."""
        exchange = _guard.call(_COMPONENT, self._exchange, environ, source)
        if exchange is None:
            return handle(environ, start_response)
        environ[EXCHANGE] = exchange

        def respond(status: str, headers: Any, *args: Any, **kwargs: Any) -> Any:
            code, span = _codes.get(status), exchange.span
            if (
                code is None
                or span is None
                or self._looks
                or exchange.extra is not None
                or get_global_response_propagator() is not None
            ):
                _guard.call(_COMPONENT, self._answer, exchange, status, headers)
            else:
                exchange.code = code
                if type(span) is ServerSpan:
                    span.answer(code)
            return start_response(status, headers, *args, **kwargs)

        under_way = self._measures.under_way
        under_way.add(exchange)
        try:
            body = handle(environ, respond)
        except BaseException:
            exchange.is_kept = False
            _guard.call(_COMPONENT, self._abandoned, exchange)
            raise
        finally:
            under_way.discard(exchange)
            _guard.call(_COMPONENT, exchange.answered)
        return body

    def _exchange(self, environ: dict[str, Any], source: DeferredSpans) -> Exchange:
        get = environ.get
        port = get("SERVER_PORT")
        if port:
            int(port)  # of a request without one, contrib has nothing to say
        request = (get("REQUEST_METHOD", ""), get("wsgi.url_scheme"), get("SERVER_PROTOCOL", ""))
        return Exchange(self, self._measures, request, source)

    def _answer(self, exchange: Exchange, status: str, headers: Any) -> None:
        """Do all that contrib does where a response starts."""
        request = _current_request().request
        excluded = self._excluded
        exchange.is_kept = excluded is None or not excluded.url_disabled(request.url)
        if not exchange.is_kept:
            return
        rule = request.url_rule
        exchange.rule = None if rule is None else rule.rule
        wsgi, span = contrib.otel_wsgi, exchange.span
        propagator = get_global_response_propagator()
        if propagator is not None:
            propagator.inject(headers, setter=wsgi.default_response_propagation_setter)
        if span is not None:
            measured = exchange.extra
            if measured is None:
                measured = exchange.extra = {}
                if exchange.code:
                    measured[names.HTTP_RESPONSE_STATUS_CODE] = exchange.code
                exchange.code = 0
            wsgi.add_response_attributes(span, status, headers, measured, _MODE)
            if span.is_recording() and getattr(span, "kind", None) is SpanKind.SERVER:
                found = wsgi.collect_custom_response_headers_attributes(headers)
                if found:
                    span.set_attributes(found)
            _learn(status, measured)
        if self._response_hook is not None:
            self._response_hook(span, status, headers)

    # --- first before the application's hooks ---------------------------------------------------

    def before(self) -> None:
        """Start the span of a request; a hook of Flask's."""
        _guard.call(_COMPONENT, self._before)

    def _before(self) -> None:
        own = _current_request()
        request = own.request
        environ = request.environ
        exchange = environ.pop(EXCHANGE, None)
        if exchange is None or exchange.owner is not self:
            if exchange is not None:
                environ[EXCHANGE] = exchange
            exchange = self._enter_late(environ)
            if exchange is None:
                return
        if self._excluded is not None and self._excluded.url_disabled(request.url):
            return
        found = request.url_rule
        rule = None if found is None else found.rule
        exchange.rule = rule
        current = get_current()
        above: Any = current.get(SPAN_KEY)
        parent: SpanContext | None
        if above is None or trace.get_current_span(current) is trace.INVALID_SPAN:
            kind = SpanKind.SERVER
            context, parent = self._parents.of(environ)
        else:
            kind = SpanKind.INTERNAL
            context, parent = current, above.get_span_context()
            parent = parent if parent is not None and parent.is_valid else None
        exchange.span = span = self._span(exchange, environ, context, parent, kind)
        exchange.token = attach(with_span(context, span))
        setattr(own, _OWN, exchange)

    def _enter_late(self, environ: dict[str, Any]) -> Exchange | None:
        """Begin with a request that came past the entry; contrib's hook does that where needed."""
        if self.is_retired:
            return None
        source = self.source()
        if source is None:
            hook = self.fall_back()
            if hook is not None:
                hook()
            return None
        exchange = self._exchange(environ, source)
        exchange.is_answered = True
        return exchange

    def _span(
        self,
        exchange: Exchange,
        environ: dict[str, Any],
        context: Context,
        parent: SpanContext | None,
        kind: SpanKind,
    ) -> trace.Span:
        source, start_ns, rule = exchange.source, exchange.start_ns, exchange.rule
        parts = parts_of(environ)
        limit = source.attribute_limit
        if self._at_once or source.asks_alone or (limit is not None and limit < _FEW_ATTRIBUTES):
            return self._span_at_once(exchange, environ, context, parent, kind)
        ids: SpanContext | None = None
        links = links_of(context) if parent is None and context else ()
        if kind is SpanKind.SERVER and not links:
            ids = source.root() if parent is None else source.below(parent)
        if ids is None:
            ids, records, _ = source.ask(context, parent, "", kind, None, links)
            if not records:
                return NonRecordingSpan(ids)
        span = ServerSpan(ids, parent, start_ns, source, self._describer, parts, rule)
        for link in links:
            span.add_link(link.context)
        if kind is not SpanKind.SERVER:
            span.kind = kind
        return span

    def _span_at_once(
        self,
        exchange: Exchange,
        environ: dict[str, Any],
        context: Context,
        parent: SpanContext | None,
        kind: SpanKind,
    ) -> trace.Span:
        """Do what contrib does where a span starts: somebody looks at it at once."""
        source, start_ns, rule = exchange.source, exchange.start_ns, exchange.rule
        wsgi = contrib.otel_wsgi
        name = contrib.get_default_span_name()
        attributes = wsgi.collect_request_attributes(environ, sem_conv_opt_in_mode=_MODE)
        if rule is not None:
            attributes[names.HTTP_ROUTE] = rule
        links = links_of(context) if parent is None and context else ()
        ids, records, given = source.ask(context, parent, name, kind, attributes, links)
        if records:
            span: Any = ServerSpan(ids, parent, start_ns, source, self._describer, (), rule)
            span.begin(name, kind, given)
            for link in links:
                span.add_link(link.context)
        else:
            span = NonRecordingSpan(ids)
        if self._request_hook is not None:
            self._request_hook(span, environ)
        if span.is_recording():
            for key, value in attributes.items():
                span.set_attribute(key, value)
            if kind is SpanKind.SERVER:
                found = wsgi.collect_custom_request_headers_attributes(environ)
                if found:
                    span.set_attributes(found)
        return span  # type: ignore[no-any-return]

    # --- last in its teardown -------------------------------------------------------------------

    def teardown(self, error: BaseException | None = None) -> None:
        """End the span of a request; a hook of Flask's."""
        _guard.call(_COMPONENT, self._teardown, error)

    def _teardown(self, error: BaseException | None) -> None:
        # A copy of the request's context, as copy_current_request_context makes, has none.
        exchange = vars(_current_request()).pop(_OWN, None)
        if exchange is None:
            return
        span = exchange.span
        if error is not None:
            activation = trace.use_span(span)
            activation.__enter__()
            activation.__exit__(type(error), error, error.__traceback__)
        if isinstance(span, DeferredSpan) and span.end_time is None:
            span.end_time = time_ns()
        detach(exchange.token)
        exchange.ended()

    def _abandoned(self, exchange: Exchange) -> None:
        """End the span of a request whose teardown an application's own, which failed, kept off."""
        span = exchange.span
        if isinstance(span, DeferredSpan) and span.end_time is None:
            span.end_time = time_ns()
            detach(exchange.token)


def _learn(status: str, measured: dict[str, Any]) -> None:
    """Remember the code of a status line that is no error."""
    code: Any = measured.get(names.HTTP_RESPONSE_STATUS_CODE)
    fine = type(code) is int and _FIRST_FINE <= code <= _LAST_FINE
    if fine and len(measured) == 1 and len(_codes) < _MOST_STATUSES:
        _codes[status] = code
