"""The deferred span: it gathers what a span holds, and is built later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import getrandbits
from time import time_ns
from types import MappingProxyType
from typing import Any

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.util.types import Attributes, AttributeValue

from otelml import _guard
from otelml._spans.current import SPAN_KEY
from otelml._spans.incoming import links_of
from otelml._spans.samplers import inherits, is_plain, keeps

_SIMPLE = (str, bool, int, float)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
UNSET = Status(StatusCode.UNSET)
_SPAN_BITS = (1 << 64) - 1
_NO_STATE = SpanContext(1, 1, is_remote=False).trace_state
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_kinds: set[type] = set()
_make = tuple.__new__


class DeferredSpan(trace.Span):
    """A span that gathers; see :class:`opentelemetry.trace.Span`.

    Args:
        name: The span's name.
        context: Its ids and flags.
        parent: Those of its parent, or None for a root.
        start_ns: Its start, nanoseconds since the epoch.
        attributes: Its first attributes, as the sampler gave them.
        source: The tracer's resources and limits.
        links: Its links.
    """

    # Defaults on the class: most spans keep them, and a prediction makes four.
    kind = trace.SpanKind.INTERNAL
    end_time: int | None = None
    _events: BoundedList[Event] | None = None
    _links: list[Link] | None = None
    _status: Status | None = None
    _handed_over = False
    _attributes: Any = _NOTHING

    def __init_subclass__(cls) -> None:
        """Know a kind of deferred spans by its type: isinstance() asks an abstract class."""
        _kinds.add(cls)

    def __init__(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        start_ns: int,
        attributes: Attributes,
        source: DeferredSpans,
        links: Sequence[Link] = (),
    ) -> None:
        self.name = name
        self._context = context
        self.parent = parent
        self.start_time = start_ns
        self.source = source
        if attributes:
            self._attributes = dict(attributes)
        if links:
            self._links = list(links)

    def get_span_context(self) -> SpanContext:
        """Return the ids and flags."""
        return self._context

    def is_recording(self) -> bool:
        """Whether the span has not ended."""
        return self.end_time is None

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """The attributes so far."""
        attributes: Mapping[str, AttributeValue] = self._attributes
        return attributes

    @property
    def status(self) -> Status:
        """The status so far."""
        return self._status or UNSET

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Set an attribute, as the SDK's span does."""
        if self.end_time is not None:
            return
        attributes = self._attributes
        if attributes is _NOTHING:
            # Of threads that are here at once, one makes it.
            attributes = vars(self).setdefault("_attributes", {})
        if type(attributes) is dict:
            simple = type(value) in _SIMPLE and key and type(key) is str
            limit = self.source.attribute_limit
            if not simple or (limit is not None and len(attributes) >= limit):
                attributes = self._bounded()
            else:
                # The SDK moves a key that is set again to the end.
                attributes.pop(key, None)
        attributes[key] = value

    def _bounded(self) -> BoundedAttributes:
        bounded = self.source.bound(self._attributes)
        self._attributes = bounded
        return bounded

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Set attributes, one after the other."""
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def add_event(
        self, name: str, attributes: Attributes = None, timestamp: int | None = None
    ) -> None:
        """Add an event, as the SDK's span does."""
        if self.end_time is not None:
            return
        limits = self.source.limits
        if self._events is None:
            self._events = BoundedList(limits.max_events)
        self._events.append(
            Event(
                name=name,
                attributes=BoundedAttributes(
                    limits.max_event_attributes,
                    attributes,
                    max_value_len=limits.max_attribute_length,
                ),
                timestamp=timestamp,
            )
        )

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Add a link, as the SDK's span does."""
        if self.end_time is not None:
            return
        if self._links is None:
            self._links = []
        self._links.append(Link(context, dict(attributes) if attributes else {}))

    def update_name(self, name: str) -> None:
        """Change the name."""
        if self.end_time is None:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; OK is final and UNSET is ignored."""
        if self.end_time is not None:
            return
        new = status if isinstance(status, Status) else Status(status, description)
        if new.status_code is StatusCode.UNSET:
            return
        if self._status is not None and self._status.status_code is StatusCode.OK:
            return
        self._status = new

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an exception event: the very one that the SDK's span writes."""
        SdkSpan.record_exception(self, exception, attributes, timestamp, escaped)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def end(self, end_time: int | None = None) -> None:
        """End the span and hand it over at once; otelml itself ends spans through ``Spans``."""
        if self.end_time is None:
            self.end_time = end_time if end_time is not None else time_ns()
            self.hand_over()

    def complete(self, attributes: Mapping[str, AttributeValue], status: Status | None) -> None:
        """Add what the worker found out after the span's end, and hand the span over."""
        if self._handed_over:
            return
        end, self.end_time = self.end_time, None
        limit = self.source.attribute_limit
        if self._attributes or (limit is not None and len(attributes) > limit):
            self.set_attributes(attributes)
        else:
            self._attributes = attributes  # as they are: nobody changes them any more
        if status is not None:
            self.set_status(status)
        self.end_time = end
        self.hand_over()

    def hand_over(self) -> None:
        """Give the ended span to the provider's processors, once."""
        if not self._handed_over:
            self._handed_over = True
            self.source.emit(self)

    def readable(self) -> ReadableSpan:
        """Return what the SDK's span would hand to its processors."""
        source = self.source
        limits = source.limits
        attributes = self._attributes
        if attributes is _NOTHING:
            attributes = {}
        if isinstance(attributes, dict) and limits.max_span_attribute_length is not None:
            attributes = source.bound(attributes)  # else all are clean and few enough already
        links: Any = BoundedList(limits.max_links) if self._links else ()
        for link in self._links or ():
            if not _is_valid(link):
                continue
            bounded = BoundedAttributes(
                limits.max_link_attributes,
                link.attributes,
                max_value_len=limits.max_attribute_length,
            )
            links.append(Link(link.context, bounded))
        events: Any = self._events if self._events is not None else ()
        tracer = source.tracer
        return ReadableSpan(
            name=self.name,
            context=self._context,
            parent=self.parent,
            resource=tracer.resource,
            attributes=attributes,
            events=events,
            links=links,
            kind=self.kind,
            instrumentation_info=tracer.instrumentation_info,
            status=self.status,
            start_time=self.start_time,
            end_time=self.end_time,
            instrumentation_scope=tracer._instrumentation_scope,  # noqa: SLF001 - no public way
        )


_kinds.add(DeferredSpan)


class DeferredSpans:
    """Spans gathered now and built later, for an SDK provider.

    Args:
        provider: The provider whose sampler, limits, ids and processors count.
        tracer: The tracer of otelml's scope.
    """

    deferred = True

    def __init__(self, provider: TracerProvider, tracer: SdkTracer) -> None:
        self.provider = provider
        self.tracer = tracer
        self.limits = tracer._span_limits  # noqa: SLF001 - the API has no way to ask for them
        self.attribute_limit = self.limits.max_span_attributes
        self._new_trace_id = provider.id_generator.generate_trace_id
        self._new_span_id = provider.id_generator.generate_span_id
        # Older SDKs know nothing of random ids, and set no flag.
        self._random = bool(getattr(provider.id_generator, "is_trace_id_random", bool)())
        self._random_flag = hasattr(provider.id_generator, "is_trace_id_random")
        self._plain_ids = type(provider.id_generator) is RandomIdGenerator
        self._sampler = tracer.sampler
        self._inherits = inherits(self._sampler)
        self._keeps_roots = keeps(self._sampler, "_root")
        self._keeps_remote = keeps(self._sampler, "_remote_parent_sampled")
        self.asks_alone = not is_plain(self._sampler)
        random = getattr(TraceFlags, "RANDOM_TRACE_ID", 0) if self._random_flag else 0
        self._root_flags = TraceFlags(_SAMPLED | (random if self._random else 0))
        self._kept_flags = _SAMPLED | random

    def bound(self, attributes: Attributes) -> BoundedAttributes:
        """Return span attributes cleaned and cut by the provider's limits."""
        limits = self.limits
        return BoundedAttributes(
            limits.max_span_attributes,
            attributes,
            immutable=False,
            max_value_len=limits.max_span_attribute_length,
        )

    def start(
        self,
        name: str,
        context: Context,
        start_ns: int,
        links: Sequence[Link] = (),
    ) -> trace.Span:
        """Start a span under the one that is current in ``context``."""
        above: Any = context.get(SPAN_KEY)
        if self._inherits and type(above) in _kinds:
            own = above._context  # noqa: SLF001 - same module
            trace_id, _, _, flags, state, _ = own  # unpacked: its properties cost ten times that
            if flags & _SAMPLED:
                # Below a span of ours that is sampled, a parent-based sampler has one answer.
                # The same as SpanContext(...) without its checks: these ids are valid.
                number = getrandbits(64) if self._plain_ids else 0
                parts = (trace_id, number or self._new_span_id(), False, flags, state, True)
                ids = _make(SpanContext, parts)
                return DeferredSpan(name, ids, own, start_ns, None, self, links)
        # Another library's span may answer with None, whatever the API says.
        parent: Any = trace.get_current_span(context).get_span_context()
        if parent is None or not parent.is_valid:
            links = (*links, *links_of(context))
        internal = trace.SpanKind.INTERNAL
        asked = _guard.call("sampler", self.ask, context, parent, name, internal, None, links)
        if asked is None:
            return trace.INVALID_SPAN
        ids, records, attributes = asked
        if not records:
            return trace.NonRecordingSpan(ids)
        parent = parent if parent is not None and parent.is_valid else None
        return DeferredSpan(name, ids, parent, start_ns, attributes, self, links)

    def ask(
        self,
        context: Context,
        parent: SpanContext | None,
        name: str,
        kind: trace.SpanKind,
        attributes: Attributes,
        links: Sequence[Link] = (),
    ) -> tuple[SpanContext, bool, Attributes]:
        """Ask the sampler about a span.

        Args:
            context: What it starts in.
            parent: What it is below; None or invalid for a root.
            name: Its name.
            kind: Its kind.
            attributes: What it starts with.
            links: Its links.

        Returns:
            Its ids and flags, whether it records, and its attributes.
        """
        if parent is None or not parent.is_valid:
            trace_id, is_random = self._new_trace_id(), self._random
        else:
            trace_id = parent.trace_id
            is_random = self._random_flag and getattr(parent.trace_flags, "random_trace_id", False)
        result = self._sampler.should_sample(context, trace_id, name, kind, attributes, links)
        flags = (
            _SAMPLED
            if result.decision is Decision.RECORD_AND_SAMPLE
            else TraceFlags(TraceFlags.DEFAULT)
        )
        if is_random:
            flags = TraceFlags(flags | TraceFlags.RANDOM_TRACE_ID)
        ids = SpanContext(trace_id, self._new_span_id(), False, flags, result.trace_state)
        return ids, result.decision is not Decision.DROP, result.attributes

    def root(self) -> SpanContext | None:
        """Return the ids of a root span that every sampling keeps; None where it must be asked."""
        if not self._keeps_roots:
            return None
        if self._plain_ids:
            bits = getrandbits(192)  # one call: each costs a cold look at the generator's state
            trace_id, span_id = bits >> 64, bits & _SPAN_BITS
        else:
            trace_id = span_id = 0
        if not (trace_id and span_id):
            trace_id, span_id = self._new_trace_id(), self._new_span_id()
        parts = (trace_id, span_id, False, self._root_flags, _NO_STATE, True)
        return tuple.__new__(SpanContext, parts)

    def below(self, parent: SpanContext) -> SpanContext | None:
        """Return the ids of a span below a valid remote one; None where sampling must be asked."""
        trace_id, _, is_remote, flags, state, _ = parent
        if not (self._keeps_remote and is_remote and flags & _SAMPLED):
            return None
        kept = TraceFlags(flags & self._kept_flags)
        return tuple.__new__(SpanContext, (trace_id, self._new_span_id(), False, kept, state, True))

    def end(self, span: trace.Span, end_ns: int) -> None:
        """End a span; :meth:`DeferredSpan.complete` hands it over."""
        if type(span) in _kinds and span.end_time is None:  # type: ignore[attr-defined]
            span.end_time = end_ns  # type: ignore[attr-defined]

    def emit(self, span: DeferredSpan) -> None:
        """Hand an ended span to the provider's processors."""
        self.provider._active_span_processor.on_end(span.readable())  # noqa: SLF001 - no public way


def _is_valid(link: Link) -> bool:
    context = link.context
    return context.is_valid or bool(link.attributes or context.trace_state)
