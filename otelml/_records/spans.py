"""How spans are made, as far as a record of a prediction knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opentelemetry import trace
from opentelemetry.context import Context


class Spans(Protocol):
    """How spans are made and ended; times are nanoseconds since the epoch."""

    deferred: bool

    def start(
        self,
        name: str,
        context: Context,
        start_ns: int,
        links: Sequence[trace.Link] = (),
    ) -> trace.Span:
        """Start a span under the one that is current in ``context``."""
        ...

    def end(self, span: trace.Span, end_ns: int) -> None:
        """End a span; the deferred kind waits for :meth:`.DeferredSpan.complete`."""
        ...
