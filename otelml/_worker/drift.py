"""What the worker does with a drift check: its span, and log events of what it found."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode

from otelml import semconv
from otelml._monitor import Asked, Report, Watch
from otelml._prediction import Runtime
from otelml._spans import DeferredSpan
from otelml._worker.log_records import EVENT_NAME, write_record

_drift_log = logging.getLogger("otelml.drift")
_SHOWN = 20
_WORDS = ("none", "moderate", "significant")


class DriftOutput:
    """Turns checks into spans and log events.

    Args:
        runtime: Gives the way to make spans.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def report(self, report: Report) -> None:
        """Tell of a check."""
        span = self._span(report)
        if report.detected:
            _log(report, semconv.EVENT_DRIFT_DETECTED, report.detected, "drifted", span)
        if report.cleared:
            _log(report, semconv.EVENT_DRIFT_CLEARED, report.cleared, "no longer drift", span)
        if report.skewed:
            words = "differ from the reference since serving began"
            _log(report, semconv.EVENT_DRIFT_SKEW, report.skewed, words, span)

    def accepted(self, watch: Watch, features: list[str], asked: Asked) -> None:
        """Tell that what a model sees now is the new normal."""
        extra = {
            EVENT_NAME: semconv.EVENT_DRIFT_ACCEPTED,
            semconv.ML_MODEL_NAME: watch.model,
            semconv.ML_MODEL_VERSION: watch.version,
            semconv.ML_DRIFT_FEATURES: features[:_SHOWN],
            semconv.ML_DRIFT_ACCEPTED_BY: asked.who,
            semconv.ML_DRIFT_REASON: asked.why,
        }
        message = f"model {watch.model}: {_names(features)} accepted as the new normal"
        write_record(_drift_log, logging.INFO, message, extra, None, time.time_ns())

    def _span(self, report: Report) -> Span:
        spans = self._runtime.choose_spans()
        name = semconv.SPAN_DRIFT_CHECK.format(model=report.model)
        span: Span = spans.start(name, Context(), report.start_ns)
        if not span.is_recording():
            return span
        attributes = _attributes(report)
        if isinstance(span, DeferredSpan):
            spans.end(span, report.end_ns)
            span.complete(attributes, None)
            return span
        span.set_attributes(attributes)
        span.set_status(Status(StatusCode.UNSET))
        spans.end(span, report.end_ns)
        return span


def _attributes(report: Report) -> dict[str, Any]:
    tested = [one for one in report.findings.values() if not one.drift.reason]
    return {
        semconv.ML_MODEL_NAME: report.model,
        semconv.ML_MODEL_VERSION: report.version,
        semconv.ML_DRIFT_WINDOW_ROWS_ATTRIBUTE: report.rows,
        semconv.ML_DRIFT_FEATURES_CHECKED: len(tested),
        semconv.ML_DRIFT_FEATURES_DRIFTED: len(report.drifted),
        semconv.ML_DRIFT_FEATURES_SKEWED: sum(1 for one in tested if one.skewed),
        semconv.ML_DRIFT_STATUS: "learning" if report.learning else "watching",
        semconv.ML_REFERENCE_DIGEST: report.reference_digest,
        semconv.ML_REFERENCE_SOURCE: report.reference_source,
    }


def _names(features: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(features) - _SHOWN} more" if len(features) > _SHOWN else ""
    return ", ".join(features[:_SHOWN]) + more


def _log(report: Report, event: str, features: tuple[str, ...], words: str, span: Span) -> None:
    found = [report.findings[name] for name in features]
    critical = [one.name for one in found if one.critical]
    severity = max(one.severity for one in found)
    calm = event == semconv.EVENT_DRIFT_CLEARED
    extra: Mapping[str, Any] = {
        EVENT_NAME: event,
        semconv.ML_MODEL_NAME: report.model,
        semconv.ML_MODEL_VERSION: report.version,
        semconv.ML_DRIFT_FEATURES: list(features[:_SHOWN]),
        semconv.ML_DRIFT_FEATURES_CRITICAL: critical[:_SHOWN],
        semconv.ML_DRIFT_EVIDENCE_ATTRIBUTE: max(one.log_evidence for one in found),
        semconv.ML_DRIFT_SEVERITY_ATTRIBUTE: _WORDS[severity],
        semconv.ML_DRIFT_WINDOW_ROWS_ATTRIBUTE: report.rows,
    }
    level = logging.INFO if calm else logging.ERROR if critical else logging.WARNING
    message = f"model {report.model}: {_names(features)} {words}"
    write_record(_drift_log, level, message, extra, span, report.end_ns)
