"""From an application to a decision: one with explicit stages, many with inferred ones."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from opentelemetry import trace

import otelml
from demo_service import faults
from demo_service.artifact import LoanModel
from otelml.samples import APPROVED, REJECTED, Application

_logger = logging.getLogger(__name__)
_THRESHOLD = 0.5


@dataclass(frozen=True)
class Decision:
    """What the model says of one application.

    Args:
        label: ``approved`` or ``rejected``.
        confidence: Probability of that label, 0.5 to 1.
        prediction_id: To give feedback with; empty where telemetry is off.
    """

    label: str
    confidence: float
    prediction_id: str

    def as_json(self) -> dict[str, object]:
        """Return the decision as the API answers it."""
        return {
            "approved": self.label == APPROVED,
            "label": self.label,
            "confidence": round(self.confidence, 4),
            "prediction_id": self.prediction_id,
        }


class Scorer:
    """Scores applications with a trained model.

    Args:
        model: The model.
    """

    def __init__(self, model: LoanModel) -> None:
        self._pipeline = model.pipeline
        self._transform = model.pipeline[:-1].transform
        self._classifier = model.pipeline[-1]
        self._column = self._classifier.classes_.tolist().index(APPROVED)

    def score(self, application: Application) -> Decision:
        """Return the decision on one application, its stages marked by hand."""
        with otelml.prediction("loan", features=application) as prediction:
            with prediction.stage("feature_extraction"):
                faults.inject("feature_extraction")
                table = self._transform([application])
            with prediction.stage("inference"):
                faults.inject("inference")
                probability = float(self._classifier.predict_proba(table)[0, self._column])
            with prediction.stage("post_processing"):
                label, confidence = _decide(probability)
                prediction.set_result(label=label, confidence=confidence)
            _logger.info(
                "loan %s", label, extra={"label": label, "confidence": round(confidence, 4)}
            )
            return Decision(label, confidence, prediction.id)

    def score_batch(self, applications: list[Application]) -> list[Decision]:
        """Return a decision for each application; nothing here speaks of stages."""
        faults.inject("feature_extraction")
        faults.inject("inference")
        probabilities = self._pipeline.predict_proba(applications)[:, self._column].tolist()
        prediction = otelml.current_prediction()
        ids = list(prediction.ids) if prediction else [""] * len(applications)
        return [
            Decision(*_decide(probability), prediction_id)
            for probability, prediction_id in zip(probabilities, ids, strict=True)
        ]


def current_trace_id() -> str:
    """Return the trace of the current request, 32 hexadecimal digits; empty where there is none."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""


def _decide(probability: float) -> tuple[str, float]:
    if probability >= _THRESHOLD:
        return APPROVED, probability
    return REJECTED, 1 - probability
