"""The span of a request that a server answers, deferred: described when it is read or sent."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanContext
from opentelemetry.util.types import Attributes

from otelml import semconv_http as names
from otelml._servers.describe import Describer, Parts
from otelml._spans import DeferredSpan, DeferredSpans


class ServerSpan(DeferredSpan):
    """A deferred span whose name and attributes are made when somebody asks for them.

    What reads, sets or reorders them finds what contrib's span would have at that moment.

    Args:
        context: Its ids and flags.
        parent: Those of its parent, or None for a root.
        start_ns: Its start, nanoseconds since the epoch.
        source: The tracer's resources and limits.
        describer: Makes its name and attributes.
        parts: What they are made of.
        rule: The route; None where the request matched none.
    """

    kind = trace.SpanKind.SERVER
    _built: Any = None
    _name: str | None = None
    _code = 0

    def __init__(
        self,
        context: SpanContext,
        parent: SpanContext | None,
        start_ns: int,
        source: DeferredSpans,
        describer: Describer,
        parts: Parts,
        rule: str | None,
    ) -> None:
        # Not the base's: it would make what this span puts off.
        self._context = context
        self.parent = parent
        self.start_time = start_ns
        self.source = source
        self._describer = describer
        self._parts = parts
        self._rule = rule

    def begin(self, name: str, kind: trace.SpanKind, attributes: Attributes) -> None:
        """Be described at once, in the way of the SDK's spans."""
        self.kind = kind
        self._name = name
        self._built = self.source.bound(attributes)

    @property
    def name(self) -> str:
        """Its name."""
        found = self._name
        if found is None:
            found = self._name = self._describer.name(self._parts, self._rule)
        return found

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def _attributes(self) -> Any:
        found = self._built
        if found is None:
            found = self._describer.attributes(self._parts, self._rule)
            if self._code:
                found[names.HTTP_RESPONSE_STATUS_CODE] = self._code
            self._built = found
        return found

    @_attributes.setter
    def _attributes(self, attributes: Any) -> None:
        self._built = attributes

    def answer(self, code: int) -> None:
        """Take note of the status of the response, which is no error."""
        if self.end_time is not None:
            return
        if self._built is None:
            self._code = code
        else:
            self.set_attribute(names.HTTP_RESPONSE_STATUS_CODE, code)
