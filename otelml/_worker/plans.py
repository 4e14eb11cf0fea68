"""What is known beforehand of the predictions that are alike: their spans, as a template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from otelml import _guard
from otelml._records.prediction import PredictionRecord
from otelml._records.results import Results
from otelml._spans import (
    EncodedSink,
    Sinks,
    Template,
    build_template,
    feature_count,
    outline,
    prediction_attributes,
)
from otelml._worker.events import EventPlan
from otelml._worker.measurements import Measured, Measurements

_MOST_PLANS = 512
_MOST_SEEN = 4096
_FULL_PAUSE = 100  # a plan costs as much as some ten predictions without one


class Plan:
    """Predictions that are alike.

    Args:
        template: Their spans; None where they cannot be had so.
        measured: Their streams; None where they are measured one by one.
        event: Their log event.
    """

    __slots__ = ("event", "measured", "template")

    def __init__(
        self, template: Template | None, measured: Measured | None, event: EventPlan
    ) -> None:
        self.template = template
        self.measured = measured
        self.event = event


class Plans:
    """The plans of one worker, bounded in number.

    A plan is made when a second prediction of its kind comes, so that labels without end cost
    nothing, and seldom once there are as many as there may be.

    Args:
        measurements: Where predictions are measured.
    """

    def __init__(self, measurements: Measurements | None) -> None:
        self._measurements = measurements
        self._plans: dict[Any, Plan] = {}
        self._seen: set[int] = set()
        self._until_next = 0
        self._sinks = Sinks()
        self._looked_for: object = None
        self._taken_by: tuple[EncodedSink, ...] = ()
        self.values: Sequence[Any] = ()
        """The id, the value and the confidence of the last one, those that there are."""
        self.taken = 0
        """Predictions whose spans were had by a template."""

    def emit(self, record: PredictionRecord, results: Results, id_text: str) -> Plan | None:
        """Hand over the spans of a prediction, and return its plan.

        None where that must be done span by span.
        """
        if record.error or not record.records:
            return None
        if record.spans is not self._looked_for:
            self._looked_for = record.spans
            self._taken_by = self._sinks.of(record.spans)
        sinks = self._taken_by
        if not sinks:
            return None
        found = outline(record)
        if found is None:
            return None
        key, holes = found
        labels, values, features = results.labels, results.values, record.features
        label = labels[0] if labels and (len(labels) == 1 or len(set(labels)) == 1) else None
        more: list[Any] = [id_text.encode()] if id_text else []
        has_value = values is not None and len(values) == 1 and bool(np.isfinite(values[0]))
        if has_value and values is not None:
            more.append(float(values[0]))
        if results.confidence is not None:
            more.append(results.confidence)
        data = features.data if features is not None else None
        key += (
            record.spans,
            record.model,
            record.version,
            record.variant,
            record.framework,
            record.task,
            record.rows,
            len(data) if type(data) is dict else feature_count(data),
            label,
            len(id_text),
            has_value,
            results.confidence is not None,
        )
        kind = tuple(key)
        plan = self._plans.get(kind) or self._make(kind, record, results, id_text)
        if plan is None or plan.template is None:
            return None
        self.values = more
        spans = plan.template.fill((*holes, *more))
        for sink in sinks:
            sink.put_encoded(spans, self._sinks.like)
        self.taken += 1
        return plan

    def _make(
        self, key: Any, record: PredictionRecord, results: Results, id_text: str
    ) -> Plan | None:
        seen = hash(key)
        if seen not in self._seen:
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen.add(seen)
            return None
        if len(self._plans) >= _MOST_PLANS:
            self._until_next -= 1
            if self._until_next > 0:
                return None
            self._until_next = _FULL_PAUSE
            del self._plans[next(iter(self._plans))]
        attributes = prediction_attributes(record, results, id_text)
        template = _guard.quietly(build_template, record.spans, record, attributes)
        to = self._measurements
        measured = _guard.quietly(to.plan, record, results) if to is not None else None
        plan = self._plans[key] = Plan(template, measured, EventPlan(record, attributes))
        return plan

    def after_chunk(self) -> None:
        """Look anew for who takes spans: all that comes now may have ended after a change."""
        self._looked_for = None

    def forget_sinks(self) -> None:
        """Look anew for who takes spans, whatever has not changed."""
        self._sinks = Sinks()

    def clear(self) -> None:
        """Forget all plans."""
        self._plans.clear()
        self._seen.clear()
