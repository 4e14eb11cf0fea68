"""The metrics of an HTTP server: durations from the worker, requests under way at collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otelml import _guard
from otelml import semconv_http as names
from otelml._metrics import BoundStream
from otelml._servers.describe import Describer, version_of

_COMPONENT = "http"
_MOST = 4096
_SAMPLED = trace.TraceFlags.SAMPLED
_EMPTY = Context()
_all: WeakSet[HttpMeasures] = WeakSet()


class HttpMeasures:
    """What is measured of requests with one meter.

    Args:
        meter: The meter, of the SDK.
        durations: The histogram of durations, in seconds.
        active: The up-down counter of requests under way.
        describer: Says how a method is reported.
    """

    def __init__(self, meter: Meter, durations: Any, active: Any, describer: Describer) -> None:
        self.under_way: set[Any] = set()
        self._durations = durations
        self._active = active
        self._describer = describer
        self._streams: dict[Any, BoundStream] = {}
        self._gathered: list[BoundStream] = []
        self._seen: dict[tuple[str, str | None], None] = {}
        self._written: dict[tuple[tuple[str, Any], ...], int] = {}
        self._all_exemplars = _keeps_all_exemplars(durations)
        # It never observes anything: being asked is all that it is for.
        meter.create_observable_gauge("otelml.http.collection", [self._collect])
        _all.add(self)

    # --- durations; on the worker, but for record_now -----------------------------------------

    def take(self, exchange: Any) -> HttpMeasures:
        """Measure a request that has been answered; :meth:`write_gathered` records it."""
        self.note(exchange)
        span: trace.Span | None = exchange.span
        if span is not None and not self._all_exemplars:
            flags = span.get_span_context().trace_flags
            span = span if flags & _SAMPLED else None
        stream = self._stream(exchange)
        if not stream.gathered:
            self._gathered.append(stream)
        stream.gathered.append((exchange.duration_s, exchange.end_ns, span))
        return self

    def _stream(self, exchange: Any) -> BoundStream:
        method, scheme, protocol = exchange.request
        extra = tuple(exchange.extra.items()) if exchange.extra else ()
        key = (method, scheme, protocol, exchange.rule, exchange.code, extra)
        stream = self._streams.get(key)
        if stream is None:
            if len(self._streams) >= _MOST:  # the SDK keeps them; what is in use is made again
                self.write_gathered()
                self._streams.clear()
            attributes = self._attributes(exchange)
            stream = BoundStream(self._durations, self._durations.record, attributes)
            self._streams[key] = stream
        return stream

    def _attributes(self, exchange: Any) -> dict[str, Any]:
        method, scheme, protocol = exchange.request
        found = dict(self._of(method, scheme))
        version = version_of(protocol)
        if version:
            found[names.NETWORK_PROTOCOL_VERSION] = version
        if exchange.code:
            found[names.HTTP_RESPONSE_STATUS_CODE] = exchange.code
        found.update(exchange.extra or {})
        if exchange.rule is not None:
            found[names.HTTP_ROUTE] = exchange.rule
        return found

    def write_gathered(self) -> None:
        """Record what was gathered, stream by stream."""
        gathered, self._gathered = self._gathered, []
        for stream in gathered:
            stream.write_gathered()

    def record_now(self, exchange: Any) -> None:
        """Measure a request on the spot, on any thread."""
        self.note(exchange)
        if exchange.duration_s is None:
            return
        span = exchange.span
        context = trace.set_span_in_context(span, _EMPTY) if span is not None else _EMPTY
        self._durations.record(exchange.duration_s, self._attributes(exchange), context)

    # --- requests under way -------------------------------------------------------------------

    def note(self, exchange: Any) -> None:
        """Remember that there was such a request: from now on their number is reported."""
        method, scheme, _ = exchange.request
        self._seen[method, scheme] = None

    def _of(self, method: str, scheme: str | None) -> tuple[tuple[str, Any], ...]:
        found = self._describer.method(method)
        found.pop(names.HTTP_REQUEST_METHOD_ORIGINAL, None)
        if scheme:
            found[names.URL_SCHEME] = scheme
        return tuple(found.items())

    def _collect(self, _: CallbackOptions) -> Iterable[Observation]:
        _guard.call(_COMPONENT, self._write_active)
        return ()

    def _write_active(self) -> None:
        """Bring the counter to the number of requests that are under way now."""
        counts: Counter[tuple[str, str | None]] = Counter(dict.fromkeys(list(self._seen), 0))
        for exchange in list(self.under_way):
            method, scheme, _ = exchange.request
            counts[method, scheme] += 1
        now: Counter[tuple[tuple[str, Any], ...]] = Counter()
        for (method, scheme), count in counts.items():
            now[self._of(method, scheme)] += count
        for key, count in now.items():
            before = self._written.get(key)
            if before is None or before != count:
                self._active.add(count - (before or 0), dict(key), _EMPTY)
                self._written[key] = count

    def after_fork(self) -> None:
        """Forget what the parent does and has gathered: it reports that itself."""
        self.under_way = set()
        self._written, self._seen = {}, {}
        self._streams, self._gathered = {}, []


def measures_after_fork() -> None:
    """Start anew in a child."""
    for measures in list(_all):
        measures.after_fork()


def _keeps_all_exemplars(instrument: Any) -> bool:
    consumer = getattr(instrument, "_measurement_consumer", None)
    chosen = getattr(getattr(consumer, "_sdk_config", None), "exemplar_filter", None)
    return type(chosen).__name__ == "AlwaysOnExemplarFilter"
