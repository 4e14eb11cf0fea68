"""The web form: an application in, a decision with its trace out, and feedback on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

import otelml
import otelml.flask
from demo_service.artifact import Metadata
from demo_service.fields import FIELDS
from demo_service.scoring import Scorer, current_trace_id
from demo_service.validation import Errors, InvalidApplicationError, from_form, validate
from otelml.exceptions import FeedbackError
from otelml.samples import APPROVED, REJECTED

NAME = "web"
_EXAMPLES = {field.name: field.example for field in FIELDS}


def blueprint(scorer: Scorer, metadata: Metadata) -> Blueprint:
    """Return the pages."""
    routes = Blueprint(NAME, __name__)
    routes.context_processor(lambda: {"metadata": metadata})

    def form() -> ResponseReturnValue:
        return _page(_EXAMPLES)

    def decide() -> ResponseReturnValue:
        entered = request.form.to_dict()
        try:
            application = validate(from_form(entered))
        except InvalidApplicationError as error:
            return _page(entered, errors=error.errors), 422
        decision = scorer.score(application)
        result = decision.as_json() | {"trace_id": current_trace_id()}
        return _page(entered, result=result)

    def review() -> ResponseReturnValue:
        entered = request.form.to_dict()
        result = _shown_result(entered)
        actual = entered.pop("actual", "")
        if actual not in {APPROVED, REJECTED}:
            return _page(entered, failure="Choose whether it should have been approved."), 422
        try:
            outcome = otelml.feedback(str(result["prediction_id"]), actual, source="form").outcome
        except FeedbackError as error:
            return _page(entered, failure=f"The feedback was not taken: {error}."), 400
        return _page(entered, result=result, reviewed=actual, outcome=outcome)

    routes.add_url_rule("/", view_func=form)
    routes.add_url_rule("/", view_func=decide, methods=["POST"])
    routes.add_url_rule("/review", view_func=review, methods=["POST"])
    return routes


def reviewers() -> Blueprint:
    """Return the endpoints of the monitor and the reviewer's page, below ``/ml``."""
    return otelml.flask.blueprint(url_prefix="/ml", with_feedback=False, with_review=True)


def failed_page() -> str:
    """Return the form as it was entered, and that the model failed."""
    return _page(
        request.form.to_dict() or _EXAMPLES,
        failure="The model failed, so there is no decision. Your input is kept; try again.",
        trace_url=_trace_url(current_trace_id()),
    )


def _shown_result(entered: dict[str, str]) -> dict[str, object]:
    """Take the decision that the page showed out of what its feedback form sent."""
    label = entered.pop("label", "")
    try:
        confidence = min(max(float(entered.pop("confidence", "")), 0.0), 1.0)
    except ValueError:
        confidence = 0.0
    trace_id = entered.pop("trace_id", "")
    return {
        "approved": label == APPROVED,
        "confidence": confidence,
        "prediction_id": entered.pop("prediction_id", ""),
        "trace_id": trace_id if trace_id.isalnum() else "",
    }


def _page(
    entered: Mapping[str, str],
    *,
    errors: Errors | None = None,
    result: Mapping[str, object] | None = None,
    **more: Any,
) -> str:
    known = {field.name for field in FIELDS}
    values = {name: value for name, value in entered.items() if name in known}
    if result is not None:
        more["trace_url"] = _trace_url(str(result["trace_id"]))
    html: str = render_template(
        "loan.html", fields=FIELDS, values=values, errors=errors or {}, result=result, **more
    )
    return html


def _trace_url(trace_id: str) -> str:
    base = os.environ.get("OTELML_VIEWER_URL") or "http://127.0.0.1:8090"
    return f"{base.rstrip('/')}/traces/{trace_id}" if trace_id else ""
