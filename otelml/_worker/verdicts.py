"""Log events of what complete labels say, and of retraining."""

from __future__ import annotations

import logging
import time
from typing import Any

from otelml import semconv
from otelml import semconv_quality as names
from otelml._quality import Judgement
from otelml._retraining import Decision, Trigger
from otelml._worker.log_records import EVENT_NAME, write_record

_quality_log = logging.getLogger("otelml.quality")
_retraining_log = logging.getLogger("otelml.retraining")
_WORDS = ("none", "moderate", "significant")


def tell_judgement(found: Judgement) -> None:
    """Log that quality is worse than at training, or no longer is; nothing else."""
    if not found.event:
        return
    degraded = found.event == "alarm"
    extra: dict[str, Any] = {
        EVENT_NAME: names.EVENT_QUALITY_DEGRADED if degraded else names.EVENT_QUALITY_RECOVERED,
        semconv.ML_MODEL_NAME: found.model,
        semconv.ML_MODEL_VERSION: found.version,
        names.ML_QUALITY_METRIC: found.metric,
        names.ML_QUALITY_VALUE: found.value,
        names.ML_QUALITY_REFERENCE.name: found.baseline.value,
        names.ML_QUALITY_BASELINE: found.baseline.source,
        names.ML_QUALITY_LOSS.name: found.loss.value,
        names.ML_QUALITY_LOSS_LOWER.name: found.loss.lower,
        names.ML_QUALITY_LOSS_UPPER.name: found.loss.upper,
        names.ML_QUALITY_SEVERITY.name: _WORDS[found.severity],
        names.ML_QUALITY_EVIDENCE.name: found.evidence,
        names.ML_QUALITY_ROWS: found.rows,
    }
    what = f"{found.metric} is {found.value:.3g}, at training it was {found.baseline.value:.3g}"
    words = "is worse than at training" if degraded else "is as good as at training again"
    message = f"model {found.model} {words}: {what}"
    level = logging.WARNING if degraded else logging.INFO
    write_record(_quality_log, level, message, extra, None, int(found.at_s * 1e9))


def tell_recommended(decision: Decision) -> None:
    """Log that a model should be retrained, and why."""
    extra = {
        **_model(decision),
        EVENT_NAME: names.EVENT_RETRAINING_RECOMMENDED,
        names.ML_RETRAINING_REASON: next(r for r, holds in decision.rules.items() if holds),
        names.ML_RETRAINING_REASONS: list(decision.reasons),
    }
    message = f"model {decision.model} should be retrained: {'; '.join(decision.reasons)}"
    write_record(_retraining_log, logging.WARNING, message, extra, None, time.time_ns())


def tell_trigger(trigger: Trigger, outcome: str, detail: str) -> None:
    """Log what became of a trigger."""
    extra = {
        **_model(trigger),
        EVENT_NAME: names.EVENT_RETRAINING_TRIGGERED,
        names.ML_RETRAINING_ID: trigger.id,
        names.ML_RETRAINING_TRIGGER: trigger.kind,
        names.ML_RETRAINING_OUTCOME: outcome,
    }
    ended = f" ({detail})" if detail else ""
    message = f"retraining of {trigger.model} by {trigger.kind}: {outcome}{ended}"
    level = logging.ERROR if outcome == names.OUTCOME_FAILED else logging.INFO
    write_record(_retraining_log, level, message, extra, None, time.time_ns())


def _model(of: Decision | Trigger) -> dict[str, str]:
    return {semconv.ML_MODEL_NAME: of.model, semconv.ML_MODEL_VERSION: of.version}
