"""The JSON API: predict, predict a batch, feedback, health."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

import otelml.exceptions
from demo_service.artifact import Metadata
from demo_service.scoring import Scorer, current_trace_id
from demo_service.validation import (
    MAX_FIELDS,
    Errors,
    InvalidApplicationError,
    shown_name,
    validate,
    validate_batch,
)
from otelml.samples import APPROVED, REJECTED

_FEEDBACK_FIELDS = ("prediction_id", "actual", "source", "reviewer")
# What clients may say: under any other name, one of them could count once more with each label.
_SOURCES = frozenset({"officer", "simulate"})


def blueprint(scorer: Scorer, metadata: Metadata) -> Blueprint:
    """Return the JSON endpoints."""
    routes = Blueprint("api", __name__)
    routes.register_error_handler(InvalidApplicationError, _answer_invalid)
    routes.register_error_handler(otelml.exceptions.FeedbackError, _answer_feedback_error)

    def predict() -> ResponseReturnValue:
        application = validate(_json_body())
        decision = scorer.score(application)
        return jsonify(decision.as_json() | {"trace_id": current_trace_id()})

    def predict_batch() -> ResponseReturnValue:
        decisions = scorer.score_batch(validate_batch(_json_body()))
        return jsonify(
            predictions=[decision.as_json() for decision in decisions],
            trace_id=current_trace_id(),
        )

    def feedback() -> ResponseReturnValue:
        body = _feedback_body(_json_body())
        result = otelml.feedback(
            body["prediction_id"],
            body["actual"],
            source=body["source"] if body.get("source") in _SOURCES else "api",
            reviewer=body.get("reviewer"),
        )
        return jsonify(outcome=result.outcome, predicted=result.predicted, actual=result.actual)

    def healthz() -> ResponseReturnValue:
        return jsonify(
            status="ok", model="loan", version=metadata.version, trained_at=metadata.trained_at
        )

    routes.add_url_rule("/predict", view_func=predict, methods=["POST"])
    routes.add_url_rule("/predict/batch", view_func=predict_batch, methods=["POST"])
    routes.add_url_rule("/feedback", view_func=feedback, methods=["POST"])
    routes.add_url_rule("/healthz", view_func=healthz)
    return routes


def _json_body() -> Any:
    """Return the request's body.

    Raises:
        BadRequest: It is not JSON.
        UnsupportedMediaType: It does not say that it is JSON; a page's form cannot say so.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("send JSON as Content-Type: application/json")
    try:
        return json.loads(request.get_data())
    except UnicodeDecodeError:
        raise BadRequest("the body is not JSON: it is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {str(error)[:120] or 'too deep'}") from None


def _feedback_body(body: Any) -> dict[str, str]:
    """Return a checked feedback body.

    Raises:
        InvalidApplicationError: With a message for each wrong field.
    """
    if not isinstance(body, dict):
        raise InvalidApplicationError({"feedback": "must be an object"})
    if len(body) > MAX_FIELDS:
        raise InvalidApplicationError(
            {"feedback": f"has {len(body):,} fields; {MAX_FIELDS} at most"}
        )
    errors: Errors = {}
    for name in ("prediction_id", "actual"):
        if body.get(name) is None:
            errors[name] = "is required"
    for name, value in body.items():
        if name not in _FEEDBACK_FIELDS:
            errors[shown_name(name)] = f"is not a field; there are {', '.join(_FEEDBACK_FIELDS)}"
        elif value is not None and not isinstance(value, str):
            errors[name] = "must be text"
    if isinstance(body.get("actual"), str) and body["actual"] not in {APPROVED, REJECTED}:
        errors["actual"] = f"must be {APPROVED} or {REJECTED}"
    if errors:
        raise InvalidApplicationError(errors)
    return body


def _answer_invalid(error: InvalidApplicationError) -> tuple[Response, int]:
    return jsonify(errors=error.errors), 422


def _answer_feedback_error(error: otelml.exceptions.FeedbackError) -> tuple[Response, int]:
    return jsonify(error=str(error), reason=error.reason), 400
