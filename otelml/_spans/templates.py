"""Spans of a prediction as OTLP bytes, made from a template: no span objects, no messages.

What is constant for a model is encoded once, by the SDK's own encoder, from specimens whose ids,
times and numbers are marks that are easy to find. A template is what stands between the marks; a
prediction fills in its own with one ``Struct.pack``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.trace import SpanContext

from otelml import _fast_paths, _guard, semconv
from otelml._privacy import current_policy
from otelml._records.prediction import PredictionRecord
from otelml._spans.attributes import stage_attributes
from otelml._spans.deferred import DeferredSpan, DeferredSpans
from otelml._spans.endings import infer_spans
from otelml._spans.marks import Mark, Marks, Template, field

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_REMOTE: Final = 2
ID_ATTRIBUTES: Final = (semconv.ML_PREDICTION_ID,)
NUMBER_ATTRIBUTES: Final = (
    semconv.ML_PREDICTION_VALUE_ATTRIBUTE,
    semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE,
)


class EncodedSink(Protocol):
    """A span processor that takes spans that are encoded already."""

    @property
    def takes_encoded(self) -> bool:
        """Whether what it exports to takes OTLP bytes."""
        ...

    def put_encoded(self, spans: Sequence[bytes], like: ReadableSpan) -> None:
        """Queue spans.

        Args:
            spans: One ``ScopeSpans.spans`` field each, with tag and length.
            like: A span that has their resource and scope.
        """
        ...


def build_template(
    source: DeferredSpans,
    record: PredictionRecord,
    attributes: Mapping[str, Any],
) -> Template:
    """Return the template of all predictions that are like ``record``.

    Args:
        source: The tracer's resource and limits.
        record: A prediction that :func:`outline` gives something for.
        attributes: Those of its own span.

    Raises:
        ValueError: Its spans cannot be had by a template.
    """
    marks = Marks()
    limit = source.attribute_limit
    specimens: list[tuple[bytes, list[Mark]]] = []
    for stage in record.stages:
        shared = stage_attributes(record, stage)
        specimens.append(_specimen(source, stage.span, shared, marks))
    specimens.append(_specimen(source, record.span, attributes, marks))
    if limit is not None and len(attributes) > limit:
        raise ValueError("more attributes than the limit")
    return Template(specimens)


def _specimen(
    source: DeferredSpans, span: Any, attributes: Mapping[str, Any], marks: Marks
) -> tuple[bytes, list[Mark]]:
    trace_id, span_id, parent_id = marks.id(16), marks.id(8), marks.id(8)
    start, end = marks.time(), marks.time()
    found = [trace_id, span_id, start, end]
    flags = span.get_span_context().trace_flags
    parent: SpanContext | None = None
    if span.parent is not None:
        parent = SpanContext(
            trace_id.number, parent_id.number, span.parent.is_remote, span.parent.trace_flags
        )
        found.insert(2, parent_id)
    marked = dict(attributes)
    for key in attributes:
        if key in ID_ATTRIBUTES:
            mark = marks.id(len(attributes[key]))
            marked[key] = mark.value.decode()
            found.append(mark)
        elif key in NUMBER_ATTRIBUTES:
            mark = marks.number()
            marked[key] = mark.value
            found.append(mark)
    ids = SpanContext(trace_id.number, span_id.number, False, flags)
    made = DeferredSpan(span.name, ids, parent, start.value, None, source)
    made.set_attributes(marked)
    made.end_time = end.value
    return _encoded(made.readable()), found


def _encoded(span: ReadableSpan) -> bytes:
    """Return a span as a field of ``ScopeSpans``, as the SDK's encoder has it."""
    request = encode_spans([span])
    return field(request.resource_spans[0].scope_spans[0].spans[0].SerializeToString())


def outline(record: PredictionRecord) -> tuple[list[Any], list[Any]] | None:
    """Return what of a prediction's spans is the same for all of a template, and what is not.

    Returns:
        What is the same; and ids and times, in the order of the holes, without those of the
        prediction's attributes. None where a span holds more than a template does.
    """
    span: Any = record.span
    if (
        type(span) is not DeferredSpan
        or span._attributes  # noqa: SLF001 - of this room
        or span._events is not None  # noqa: SLF001 - of this room
        or span._links is not None  # noqa: SLF001 - of this room
        or span._status is not None  # noqa: SLF001 - of this room
        or span._handed_over  # noqa: SLF001 - of this room
    ):
        return None
    context = span._context  # noqa: SLF001 - of this room
    trace_number, number, _, flags, state, _ = context
    if state or not flags & 1:
        return None
    trace_id, span_id = trace_number.to_bytes(16, "big"), number.to_bytes(8, "big")
    context_above: Any = span.parent
    above = 0 if context_above is None else _REMOTE if context_above.is_remote else 1
    same: list[Any] = [span.name, flags, above]
    other: list[Any] = []
    for stage in record.stages:
        below: Any = stage.span
        if below is None and stage.inferred:
            infer_spans(record)
            return outline(record)
        if (
            type(below) is not DeferredSpan
            or below._attributes  # noqa: SLF001 - of this room
            or below._events is not None  # noqa: SLF001 - of this room
            or below._links is not None  # noqa: SLF001 - of this room
            or below._status is not None  # noqa: SLF001 - of this room
            or below._handed_over  # noqa: SLF001 - of this room
            or stage.error
        ):
            return None
        if below.parent is context:  # trace, flags and state are those of the prediction
            parent_id, trace_below = span_id, trace_id
        else:
            parent: SpanContext | None = below.parent
            trace_number, _, _, flags, state, _ = below._context  # noqa: SLF001 - of this room
            if state or not flags & 1 or parent is None or parent.is_remote:
                return None
            same.append(flags)
            parent_id = parent.span_id.to_bytes(8, "big")
            trace_below = trace_number.to_bytes(16, "big")
        same += (below.name, stage.name, stage.inferred)
        number = below._context[1]  # noqa: SLF001 - of this room
        other += (
            trace_below,
            number.to_bytes(8, "big"),
            parent_id,
            below.start_time,
            below.end_time,
        )
    other += (trace_id, span_id)
    if context_above is not None:
        other.append(context_above.span_id.to_bytes(8, "big"))
    other += (span.start_time, span.end_time)
    return same, other


class Sinks:
    """Who takes encoded spans of a source: everybody that its spans go to, or nobody."""

    def __init__(self) -> None:
        self._source: DeferredSpans | None = None
        self._checked: object = None
        self._resource: object = None
        self._found: tuple[EncodedSink, ...] = ()
        self.like: Any = None

    def of(self, source: Any) -> tuple[EncodedSink, ...]:
        """Return the sinks; empty where somebody needs spans as the SDK has them."""
        if type(source) is not DeferredSpans:
            return ()
        multi = source.provider._active_span_processor  # noqa: SLF001 - no public way
        processors = getattr(multi, "_span_processors", None)
        resource = source.tracer.resource
        if (
            processors is not self._checked
            or source is not self._source
            or resource is not self._resource
        ):
            self._source, self._checked, self._resource = source, processors, resource
            self._found = _guard.quietly(self._look, source, processors) or ()
        if current_policy().redacted:
            return ()  # what must not leave is looked for in spans
        return self._found

    def _look(self, source: DeferredSpans, processors: Any) -> tuple[EncodedSink, ...]:
        off = any(map(_fast_paths.is_off, (_fast_paths.ENCODING, _fast_paths.TEMPLATES)))
        if off or source.limits.max_span_attribute_length is not None:
            return ()
        ids = SpanContext(1, 1, is_remote=False)
        self.like = DeferredSpan("", ids, None, 1, None, source).readable()
        taken = tuple(one for one in processors if getattr(one, "takes_encoded", False) is True)
        return taken if len(taken) == len(processors) else ()
