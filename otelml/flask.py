"""Endpoints that a Flask service mounts: the drift monitor, and feedback.

app.register_blueprint(otelml.flask.blueprint())
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Callable
from typing import Any

from otelml import environment_variables as env
from otelml._feedback import feedback
from otelml._startup import Telemetry, running
from otelml.exceptions import FeedbackError, MissingDependencyError

try:
    from flask import Blueprint, Response, jsonify, request
except ImportError as error:
    raise MissingDependencyError("otelml.flask", "flask") from error

__all__ = ["blueprint"]

_MAX_BODY = 64 * 1024
_MAX_WAIT_S = 30.0
Answer = Any


class _RefusedError(Exception):
    """A request that cannot be served.

    Args:
        status: The HTTP status.
        message: What is wrong.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def blueprint(
    name: str = "otelml", *, url_prefix: str | None = None, with_feedback: bool = True
) -> Blueprint:
    """Return the endpoints of the drift monitor, and of feedback.

    ``GET /monitor/status``, ``GET /monitor/report``, ``POST /monitor/trigger``,
    ``POST /monitor/accept``, ``POST /feedback``. Those of the monitor ask for the bearer token in
    ``OTELML_ADMIN_TOKEN`` where it is set. Each process answers for itself.

    Args:
        name: The blueprint's name.
        url_prefix: Where to mount it.
        with_feedback: Whether ``POST /feedback`` is among them.
    """
    routes = Blueprint(name, __name__, url_prefix=url_prefix)
    routes.register_error_handler(_RefusedError, _refuse)
    routes.add_url_rule("/monitor/status", "status", _admin(_status))
    routes.add_url_rule("/monitor/report", "report", _admin(_report))
    routes.add_url_rule("/monitor/trigger", "trigger", _admin(_trigger), methods=["POST"])
    routes.add_url_rule("/monitor/accept", "accept", _admin(_accept), methods=["POST"])
    if with_feedback:
        routes.add_url_rule("/feedback", "feedback", _feedback, methods=["POST"])
    return routes


def _refuse(error: _RefusedError) -> Answer:
    answer: Response = jsonify(error=str(error))
    answer.status_code = error.status
    if error.status == 401:  # noqa: PLR2004 - unauthorized
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _admin(view: Callable[[Telemetry], Answer]) -> Callable[[], Answer]:
    def guarded() -> Answer:
        _check_token()
        telemetry = running()
        if telemetry is None:
            raise _RefusedError(503, "otelml.init() has not been called in this process")
        if not telemetry.config.drift.enabled:
            raise _RefusedError(503, "the drift monitor is turned off")
        return view(telemetry)

    return guarded


def _check_token() -> None:
    wanted = os.environ.get(env.OTELML_ADMIN_TOKEN, "").strip()
    if not wanted:
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), wanted.encode())
    if scheme.lower() != "bearer" or not same:
        raise _RefusedError(401, "a valid bearer token is needed")


def _body() -> dict[str, Any]:
    if (request.content_length or 0) > _MAX_BODY:
        raise _RefusedError(413, f"the body may have {_MAX_BODY} bytes")
    data = request.stream.read(_MAX_BODY + 1)
    if len(data) > _MAX_BODY:
        raise _RefusedError(413, f"the body may have {_MAX_BODY} bytes")
    if not data.strip():
        return {}
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise _RefusedError(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise _RefusedError(400, "the body must be an object")
    return body


def _text(body: dict[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise _RefusedError(400, f"{key} must be text")
    return value


def _check_keys(body: dict[str, Any], *known: str) -> None:
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise _RefusedError(400, f"no such key: {', '.join(unknown)}; there are {', '.join(known)}")


def _status(telemetry: Telemetry) -> Answer:
    return jsonify(models=telemetry.drift_status())


def _report(telemetry: Telemetry) -> Answer:
    model, version = request.args.get("model"), request.args.get("version")
    found = [
        report
        for report in telemetry.drift_reports()
        if model in (None, report["model"]) and version in (None, report["version"])
    ]
    if not found:
        raise _RefusedError(404, "there is no report yet; POST /monitor/trigger makes one")
    return jsonify(reports=found)


def _trigger(telemetry: Telemetry) -> Answer:
    body = _body()
    _check_keys(body, "model", "version", "timeout")
    timeout = body.get("timeout", 5.0)
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if not is_number or not 0 <= timeout <= _MAX_WAIT_S:
        raise _RefusedError(400, f"timeout must be seconds, 0 to {_MAX_WAIT_S:g}")
    reports = telemetry.check_drift(
        _text(body, "model"), _text(body, "version"), timeout_s=float(timeout)
    )
    answer: Response = jsonify(reports=reports)
    if not reports:  # nothing to check, or still at work
        answer.status_code = 202
    return answer


def _accept(telemetry: Telemetry) -> Answer:
    body = _body()
    _check_keys(body, "model", "version", "features", "who", "why")
    features = body.get("features")
    if features is not None and not (
        isinstance(features, list) and all(isinstance(one, str) for one in features)
    ):
        raise _RefusedError(400, "features must be a list of names")
    who, why = _text(body, "who"), _text(body, "why")
    if not who or not why:
        raise _RefusedError(400, "who accepts, and why, must be said")
    accepted = telemetry.accept_drift(
        _text(body, "model"), _text(body, "version"), features=features, who=who, why=why
    )
    if not any(one["features"] for one in accepted):
        raise _RefusedError(409, "there is no checked window of such a model to accept")
    return jsonify(accepted=accepted)


def _feedback() -> Answer:
    body = _body()
    _check_keys(body, "prediction_id", "actual", "source", "reviewer", "timestamp")
    for key in ("prediction_id", "actual"):
        if body.get(key) is None:
            raise _RefusedError(400, f"{key} is required")
    try:
        result = feedback(
            body["prediction_id"],
            body["actual"],
            source=_text(body, "source") or "api",
            reviewer=_text(body, "reviewer"),
            timestamp=body.get("timestamp"),
        )
    except FeedbackError as error:
        raise _RefusedError(400, str(error)) from None
    return jsonify(outcome=result.outcome, predicted=result.predicted, actual=result.actual)
