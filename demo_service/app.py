"""The application factory: the one line of otelml is here."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, InternalServerError

import otelml
from demo_service import __version__, api, artifact, web
from demo_service.access import MAX_FIELDS, Access
from demo_service.scoring import Scorer, current_trace_id

_MAX_BODY = 4 * 1024 * 1024
_MAX_FORM = 64 * 1024


def create_app(access: Access | None = None) -> Flask:
    """Return the application, its model loaded.

    Args:
        access: Whom it answers; this machine alone by default.

    Raises:
        ModelError: There is no model, or none that can be served.
    """
    model = artifact.load(artifact.model_dir())
    otelml.init(
        "loan-api",
        service_version=__version__,
        model="loan",
        model_version=model.metadata.version,
        reference=model.reference,
        # All applications here are invented, so their values may be seen; a real service keeps
        # the default, which sends none.
        privacy="internal",
    )
    app = Flask(__name__)
    app.config.update(
        MAX_CONTENT_LENGTH=_MAX_BODY, MAX_FORM_MEMORY_SIZE=_MAX_FORM, MAX_FORM_PARTS=MAX_FIELDS
    )
    app.before_request((access or Access()).check)
    logging.getLogger("demo_service").setLevel(logging.INFO)
    scorer = Scorer(model)
    app.register_blueprint(api.blueprint(scorer, model.metadata))
    app.register_blueprint(web.blueprint(scorer, model.metadata))
    app.register_blueprint(web.reviewers())
    app.register_error_handler(HTTPException, _answer_error)
    app.after_request(_protect)
    return app


def _answer_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if request.blueprint == web.NAME and isinstance(error, InternalServerError):
        return web.failed_page(), status
    message = error.description or error.name
    if isinstance(error, InternalServerError):
        message = "the model failed; the failure is recorded under this trace id"
    return jsonify(error=message, trace_id=current_trace_id()), status


def _protect(response: Response) -> Response:
    response.headers.setdefault(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    return response
