"""Spans into the store: traces, spans, links, predictions, feedback and rollups."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict

from otelml import semconv
from otelml.viewer.records import FEEDBACK, PREDICTION, SpanRow
from otelml.viewer.store.catalog import Catalog
from otelml.viewer.store.joined import MAX_TEXT, join, put, split
from otelml.viewer.store.rollups import Rollups, confidence_of
from otelml.viewer.store.trace_summary import TraceSummary

_KEPT_TRACES = 20_000


class SpanWriter:
    """Writes spans; not thread-safe, owned by the store's writer thread."""

    def __init__(self, connection: sqlite3.Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._rollups = Rollups(connection)
        self._traces: OrderedDict[bytes, TraceSummary] = OrderedDict()
        self._dirty: dict[bytes, TraceSummary] = {}
        self._models: dict[tuple[str, str, str], int] = {}
        self._next_trace = 0
        self.new_traces = 0

    def write(self, spans: list[SpanRow]) -> int:
        """Store the spans that are not stored yet; return how many those are."""
        fresh = self._fresh(spans)
        self._connection.executemany(
            "INSERT INTO spans(trace, span_id, resource, scope, raw) VALUES(?,?,?,?,?)",
            [
                (
                    number,
                    span.span_id,
                    self._catalog.resource(span.origin),
                    self._catalog.scope(span.origin),
                    span.raw,
                )
                for number, span in fresh
            ],
        )
        links = [
            (number, span.span_id, *link) for number, span in fresh for link in span.links or ()
        ]
        self._connection.executemany("INSERT INTO links VALUES(?,?,?,?)", links)
        self._write_ml([(number, span) for number, span in fresh if span.role and span.model])
        return len(fresh)

    def flush(self) -> None:
        """Write the summaries that changed since the last commit."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO traces VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [trace.row() for trace in self._dirty.values()],
        )
        self._dirty.clear()
        while len(self._traces) > _KEPT_TRACES:
            self._traces.popitem(last=False)
        self._rollups.flush()

    def forget(self) -> None:
        """Drop everything kept in memory, after a rollback or a deletion."""
        self._traces.clear()
        self._dirty.clear()
        self._models.clear()
        self._rollups.forget()
        self._next_trace = 0

    def _fresh(self, spans: list[SpanRow]) -> list[tuple[int, SpanRow]]:
        """Return the spans not stored yet with their trace's number; senders repeat themselves."""
        known: dict[bytes, set[bytes]] = {}
        fresh: list[tuple[int, SpanRow]] = []
        for span in spans:
            trace = self._trace(span.trace_id)
            ids = known.get(span.trace_id)
            if ids is None:
                ids = known[span.trace_id] = self._span_ids(trace)
            if span.span_id in ids:
                continue
            ids.add(span.span_id)
            trace.add(span)
            self._dirty[span.trace_id] = trace
            fresh.append((trace.id, span))
        return fresh

    def _span_ids(self, trace: TraceSummary) -> set[bytes]:
        if not trace.spans:
            return set()
        rows = self._connection.execute("SELECT span_id FROM spans WHERE trace=?", (trace.id,))
        return {row[0] for row in rows}

    def _trace(self, trace_id: bytes) -> TraceSummary:
        trace = self._traces.get(trace_id)
        if trace is None:
            row = self._connection.execute(
                "SELECT * FROM traces WHERE trace_id=?", (trace_id,)
            ).fetchone()
            trace = self._new_trace(trace_id) if row is None else TraceSummary.from_row(row)
            self._traces[trace_id] = trace
        return trace

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
                predictions.append((model, *_prediction(span), number, span.span_id))
                seen.setdefault(model, []).append(span)
        self._connection.executemany(
            "INSERT INTO predictions(model, start_ns, duration_ns, label, value, confidence, rows,"
            " error, error_type, token, trace, span_id) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
            predictions,
        )
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


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:MAX_TEXT]


def _prediction(span: SpanRow) -> tuple[object, ...]:
    found = span.ml or {}
    rows = found.get(semconv.ML_PREDICTION_ROWS_ATTRIBUTE)
    return (
        span.start_ns,
        span.duration_ns,
        _text(found.get(semconv.ML_PREDICTION_LABEL)),
        _text(found.get(semconv.ML_PREDICTION_VALUE_ATTRIBUTE)),
        confidence_of(span),
        rows if isinstance(rows, int) else 1,
        int(span.error),
        _text(found.get(semconv.ERROR_TYPE)),
        _text(found.get(semconv.ML_PREDICTION_ID)),
    )
