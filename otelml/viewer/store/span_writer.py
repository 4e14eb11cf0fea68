"""Spans into the store: traces, spans, links, predictions, feedback and rollups."""

from __future__ import annotations

import sqlite3
from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import TypeAlias

from otelml import semconv
from otelml.viewer.records import COLLIDING, FEEDBACK, PREDICTION, SpanRow
from otelml.viewer.store.catalog import Catalog
from otelml.viewer.store.histograms import latency_bucket
from otelml.viewer.store.joined import MAX_TEXT, join, put, split
from otelml.viewer.store.many_rows import ManyRows
from otelml.viewer.store.operations import Operations
from otelml.viewer.store.rollups import Rollups, confidence_of, rows_of
from otelml.viewer.store.tables import INTO_SPANS, SPAN_COLUMNS
from otelml.viewer.store.trace_summary import TraceSummary

_KEPT_TRACES = 20_000
_ASKED = 64
_READ_TRACES = f"SELECT * FROM traces WHERE trace_id IN ({','.join('?' * _ASKED)})"  # noqa: S608 - no values
_SPANS = ManyRows(INTO_SPANS, SPAN_COLUMNS)
_TRACES = ManyRows("INSERT OR REPLACE INTO traces", 17)
_PREDICTIONS = ManyRows(
    "INSERT INTO predictions(model, start_ns, duration_ns, label, value, confidence, rows,"
    " error, error_type, token, trace, span_id)",
    12,
)
# A span and the trace that it is of.
_Placed: TypeAlias = tuple[TraceSummary, SpanRow]


class SpanWriter:
    """Writes spans; not thread-safe, owned by the store's writer thread."""

    def __init__(self, connection: sqlite3.Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._rollups = Rollups(connection)
        self._operations = Operations(connection)
        self._traces: OrderedDict[bytes, TraceSummary] = OrderedDict()
        self._dirty: dict[bytes, TraceSummary] = {}
        self._models: dict[tuple[str, str, str], int] = {}
        self._next_trace = 0
        self.new_traces = 0
        # What was not taken since the store last looked, by reason and message.
        self.refused: Counter[tuple[str, str]] = Counter()

    def write(self, spans: list[SpanRow]) -> int:
        """Store the spans that are not stored yet; return how many those are."""
        fresh = self._fresh(spans)
        for _, span in fresh:
            span.latency = latency_bucket(span.duration_ns)
        add = self._operations.add
        operations = [add(span) for _, span in fresh]
        senders = self._senders(fresh)
        _SPANS.insert(self._connection, _rows(fresh, operations, senders))
        self._connection.executemany(
            "INSERT INTO links VALUES(?,?,?,?)",
            [(trace.id, span.span_id, *link) for trace, span in fresh for link in span.links or ()],
        )
        self._write_ml([(trace.id, span) for trace, span in fresh if span.role and span.model])
        return len(fresh)

    def flush(self) -> None:
        """Write the summaries that changed since the last commit."""
        _TRACES.insert(self._connection, (trace.row() for trace in self._dirty.values()))
        self._dirty.clear()
        while len(self._traces) > _KEPT_TRACES:
            self._traces.popitem(last=False)
        self._rollups.flush()
        self._operations.flush()

    def forget(self) -> None:
        """Drop everything kept in memory, after a rollback or a deletion."""
        self._traces.clear()
        self._dirty.clear()
        self._models.clear()
        self._rollups.forget()
        self._operations.forget()
        self._next_trace = 0

    def _senders(self, fresh: list[_Placed]) -> dict[int, tuple[int, int]]:
        """Return the ids of resource and scope of each origin, by the origin's identity."""
        origins = {id(span.origin): span.origin for _, span in fresh}
        return {
            key: (self._catalog.resource(origin), self._catalog.scope(origin))
            for key, origin in origins.items()
        }

    def _fresh(self, spans: list[SpanRow]) -> list[_Placed]:
        """Return the spans not stored yet, each with its trace; senders repeat themselves."""
        known: dict[bytes, SpanRow] = {}
        fresh: list[_Placed] = []
        self._read_traces(spans)
        for span in spans:
            trace = self._traces[span.trace_id]
            ids = span.trace_id + span.span_id
            if ids in known or (trace.spans and self._is_stored(trace, span)):
                if not self._is_same(trace, span, known.get(ids)):
                    self.refused[COLLIDING, f"another span has the id {span.span_id.hex()}"] += 1
                continue
            known[ids] = span
            fresh.append((trace, span))
        # Only now: what a trace had before this batch is what is looked up.
        for trace, span in fresh:
            trace.add(span)
            self._dirty[span.trace_id] = trace
        return fresh

    def _is_stored(self, trace: TraceSummary, span: SpanRow) -> bool:
        """Look one span up; reading a trace's whole set would slow down as it grows."""
        row = self._connection.execute(
            "SELECT 1 FROM spans WHERE trace=? AND span_id=?", (trace.id, span.span_id)
        ).fetchone()
        return row is not None

    def _is_same(self, trace: TraceSummary, span: SpanRow, other: SpanRow | None) -> bool:
        """Tell whether a span repeats what is stored, or ``other`` of the same batch."""
        if other is not None:
            return (other.raw, other.origin.resource) == (span.raw, span.origin.resource)
        row = self._connection.execute(
            "SELECT raw, resource FROM spans WHERE trace=? AND span_id=?", (trace.id, span.span_id)
        ).fetchone()
        return bool(row == (span.raw, self._catalog.resource(span.origin)))

    def _read_traces(self, spans: list[SpanRow]) -> None:
        """Have the summaries of all traces of these spans at hand; many are asked for at once."""
        missing = [
            trace_id
            for trace_id in dict.fromkeys(span.trace_id for span in spans)
            if trace_id not in self._traces
        ]
        found: dict[bytes, TraceSummary] = {}
        for at in range(0, len(missing), _ASKED):
            asked = missing[at : at + _ASKED]
            # One statement for all, whatever their number: the rest of its places stay empty.
            for row in self._connection.execute(
                _READ_TRACES, asked + [None] * (_ASKED - len(asked))
            ):
                found[row[1]] = TraceSummary.from_row(row)
        for trace_id in missing:
            trace = found.get(trace_id)
            self._traces[trace_id] = self._new_trace(trace_id) if trace is None else trace

    def _new_trace(self, trace_id: bytes) -> TraceSummary:
        if not self._next_trace:
            # Predictions and spans outlive no trace, so the highest number is in use or free.
            (highest,) = self._connection.execute("SELECT max(id) FROM traces").fetchone()
            self._next_trace = (highest or 0) + 1
        number = self._next_trace
        self._next_trace += 1
        self.new_traces += 1
        return TraceSummary(number, trace_id)

    def _write_ml(self, spans: list[tuple[int, SpanRow]]) -> None:
        predictions: list[tuple[object, ...]] = []
        seen: dict[int, list[SpanRow]] = {}
        for number, span in spans:
            if span.role == FEEDBACK:
                self._write_feedback(span)
                continue
            model = self._model(span)
            self._rollups.add(model, span)
            if span.role == PREDICTION:
                predictions.append((model, *_prediction(span), number, bytearray(span.span_id)))
                seen.setdefault(model, []).append(span)
        _PREDICTIONS.insert(self._connection, predictions)
        for model, group in seen.items():
            self._touch_model(model, group)

    def _model(self, span: SpanRow) -> int:
        key = (span.model, span.version, span.variant)
        found = self._models.get(key)
        if found is None:
            row = self._connection.execute(
                "INSERT INTO models(name, version, variant) VALUES(?,?,?)"
                " ON CONFLICT(name, version, variant) DO UPDATE SET name=name RETURNING id",
                key,
            ).fetchone()
            found = self._models[key] = int(row[0])
        return found

    def _touch_model(self, model: int, spans: list[SpanRow]) -> None:
        (services,) = self._connection.execute(
            "SELECT services FROM models WHERE id=?", (model,)
        ).fetchone()
        names = dict.fromkeys(split(services))
        framework = None
        for span in spans:
            put(names, span.origin.service)
            framework = (span.ml or {}).get(semconv.ML_MODEL_FRAMEWORK) or framework
        starts = [span.start_ns for span in spans]
        self._connection.execute(
            "UPDATE models SET first_ns=min(coalesce(first_ns, ?1), ?1),"
            " last_ns=max(coalesce(last_ns, 0), ?2), services=?3,"
            " framework=coalesce(?4, framework) WHERE id=?5",
            (min(starts), max(starts), join(names), framework and str(framework), model),
        )

    def _write_feedback(self, span: SpanRow) -> None:
        found = span.ml or {}
        self._connection.executemany(
            "INSERT INTO feedback VALUES(?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
            " actual=excluded.actual, predicted=excluded.predicted, outcome=excluded.outcome,"
            " time_ns=excluded.time_ns WHERE excluded.time_ns >= time_ns",
            [
                (
                    *link,
                    _text(found.get(semconv.ML_LABEL_ACTUAL)),
                    _text(found.get(semconv.ML_LABEL_PREDICTED)),
                    _text(found.get(semconv.ML_FEEDBACK_OUTCOME)),
                    span.start_ns,
                )
                for link in span.links or ()
            ],
        )


def _rows(
    fresh: list[_Placed], operations: list[int], senders: dict[int, tuple[int, int]]
) -> Iterator[tuple[object, ...]]:
    """Yield the columns of spans, one at a time: none waits for the garbage collector.

    The module sqlite3 asks of each ``bytes`` whether it is something else; of ``bytearray`` not.
    """
    for (trace, span), operation in zip(fresh, operations, strict=True):
        parent = span.parent_id
        yield (
            trace.id,
            bytearray(span.span_id),
            parent if parent is None else bytearray(parent),
            operation,
            span.start_ns,
            span.duration_ns,
            int(span.error),
            *senders[id(span.origin)],
            bytearray(span.raw),
        )


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:MAX_TEXT]


def _prediction(span: SpanRow) -> tuple[object, ...]:
    found = span.ml or {}
    return (
        span.start_ns,
        span.duration_ns,
        _text(found.get(semconv.ML_PREDICTION_LABEL)),
        _text(found.get(semconv.ML_PREDICTION_VALUE_ATTRIBUTE)),
        confidence_of(span),
        rows_of(span),
        int(span.error),
        _text(found.get(semconv.ERROR_TYPE)),
        _text(found.get(semconv.ML_PREDICTION_ID)),
    )
