"""A label for a prediction."""

from __future__ import annotations

from otelml._endpoints.answer import Answer, RefusedError, Request, as_json, body_of, text_of
from otelml._feedback import feedback
from otelml._prediction import current_runtime
from otelml.exceptions import FeedbackError

_SOURCE = "api"


def _source(said: str | None) -> str:
    """Return where a label is from: a client may say it only where the service lets it."""
    runtime = current_runtime()
    allowed = runtime.config.feedback.client_sources if runtime is not None else ()
    return said if said is not None and said in allowed else _SOURCE


def feedback_of(request: Request) -> Answer:
    """Take in one label."""
    body = body_of(request, "prediction_id", "actual", "source", "reviewer", "timestamp")
    for key in ("prediction_id", "actual"):
        if body.get(key) is None:
            raise RefusedError(400, f"{key} is required")
    try:
        result = feedback(
            body["prediction_id"],
            body["actual"],
            source=_source(text_of(body, "source")),
            reviewer=text_of(body, "reviewer"),
            timestamp=body.get("timestamp"),
        )
    except FeedbackError as error:
        raise RefusedError(503 if error.reason == "store" else 400, str(error)) from None
    return as_json(
        {"outcome": result.outcome, "predicted": result.predicted, "actual": result.actual}
    )
