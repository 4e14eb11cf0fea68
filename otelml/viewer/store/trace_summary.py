"""One row of the list of traces, filled as spans arrive."""

from __future__ import annotations

from typing import Any

from otelml import semconv
from otelml.viewer.records import PREDICTION, SpanRow
from otelml.viewer.store.joined import MAX_TEXT, join, put, split
from otelml.viewer.store.rollups import confidence_of


class TraceSummary:
    """What the list of traces shows of one; filled as its spans arrive, in any order."""

    __slots__ = (
        "confidence", "end_ns", "errors", "has_root", "id", "labels", "models", "name",
        "service", "services", "spans", "stages", "start_ns", "title", "trace_id", "untimed",
        "versions",
    )  # fmt: skip

    def __init__(self, number: int, trace_id: bytes) -> None:
        self.id, self.trace_id = number, trace_id
        self.start_ns = self.end_ns = self.spans = self.errors = self.has_root = 0
        self.untimed = False
        self.name = self.service = self.title = ""
        self.services: dict[str, None] = {}
        self.models: dict[str, None] = {}
        self.versions: dict[str, None] = {}
        self.stages: dict[str, None] = {}
        self.labels: dict[str, None] = {}
        self.confidence: float | None = None

    def add(self, span: SpanRow) -> None:
        """Take one more span into account."""
        is_root = int(span.parent_id is None)
        earlier = span.start_ns < self.start_ns
        if not self.spans or (earlier if is_root == self.has_root else is_root):
            self.name, self.service = span.name[:MAX_TEXT], span.origin.service
            self.has_root = is_root
            self.title = span.title if span.title != span.name else ""
        if not self.spans or not span.timed or self.untimed:
            self._begin(span)
        else:
            self.start_ns = span.start_ns if earlier else self.start_ns
            end_ns = span.start_ns + span.duration_ns
            self.end_ns = max(self.end_ns, end_ns)
        self.spans += 1
        self.errors += span.error
        service = span.origin.service
        if service not in self.services:
            put(self.services, service)
        if span.role:
            put(self.models, span.model)
            put(self.versions, span.version)
            put(self.stages, span.stage)
        if span.role == PREDICTION:
            label = (span.ml or {}).get(semconv.ML_PREDICTION_LABEL)
            put(self.labels, "" if label is None else str(label))
            confidence = confidence_of(span)
            if confidence is not None:
                known = self.confidence
                self.confidence = confidence if known is None else min(confidence, known)

    def _begin(self, span: SpanRow) -> None:
        """Take the time of a trace's first span, or of the first that has one."""
        if not self.spans or (self.untimed and span.timed):
            self.start_ns, self.end_ns = span.start_ns, span.start_ns + span.duration_ns
            self.untimed = not span.timed

    def row(self) -> tuple[object, ...]:
        """Return the columns of the table ``traces``."""
        return (
            self.id,
            bytearray(self.trace_id),
            self.start_ns,
            self.end_ns,
            self.end_ns - self.start_ns,
            self.has_root,
            self.name,
            self.service,
            join(self.services),
            join(self.models),
            join(self.versions),
            join(self.stages),
            join(self.labels),
            self.confidence,
            self.spans,
            self.errors,
            self.title,
        )

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> TraceSummary:
        """Return the summary whose columns ``row`` holds."""
        trace = cls(row[0], row[1])
        trace.start_ns, trace.end_ns, _, trace.has_root, trace.name, trace.service = row[2:8]
        sets = [dict.fromkeys(split(joined)) for joined in row[8:13]]
        trace.services, trace.models, trace.versions, trace.stages, trace.labels = sets
        trace.confidence, trace.spans, trace.errors = row[13:16]
        trace.title = row[16] or ""
        return trace
