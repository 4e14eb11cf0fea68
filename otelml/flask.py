"""Endpoints that a Flask service mounts: the drift monitor, its reports, and feedback.

app.register_blueprint(otelml.flask.blueprint())
"""

from __future__ import annotations

from collections.abc import Callable

from otelml._endpoints import Request, Route, answer, routes_with
from otelml.exceptions import MissingDependencyError

try:
    from flask import Blueprint, Response, request
except ImportError as error:
    raise MissingDependencyError("otelml.flask", "flask") from error

__all__ = ["blueprint"]


def blueprint(
    name: str = "otelml",
    *,
    url_prefix: str | None = None,
    with_feedback: bool = True,
    with_review: bool = False,
) -> Blueprint:
    """Return the endpoints of the drift monitor, and of feedback.

    ``GET /monitor/status``, ``GET /monitor/report``, ``GET /monitor/reports/``,
    ``POST /monitor/trigger``, ``POST /monitor/accept``, ``POST /feedback``. Those of the monitor
    ask for the bearer token in ``OTELML_ADMIN_TOKEN`` where it is set. Each process answers for
    itself.

    Args:
        name: The blueprint's name.
        url_prefix: Where to mount it.
        with_feedback: Whether ``POST /feedback`` is among them.
        with_review: Whether the reviewer's page is, ``/review``: predictions that the model was not
            sure of (``FeedbackOptions.review_below``), for a person to label.
    """
    routes = Blueprint(name, __name__, url_prefix=url_prefix)
    for route in routes_with(feedback=with_feedback, review=with_review):
        path = route.path.replace("{name}", "<name>")
        routes.add_url_rule(path, route.name, _view(route), methods=[route.method])
    return routes


def _view(route: Route) -> Callable[..., Response]:
    def view(name: str = "") -> Response:
        asked = Request(
            path=request.script_root + request.path,
            query=request.args,
            authorization=request.headers.get("Authorization", ""),
            accept=request.headers.get("Accept", ""),
            content_length=request.content_length,
            read=request.stream.read,
            name=name,
            headers={key.lower(): value for key, value in request.headers.items()},
        )
        told = answer(route, asked)
        return Response(told.body, told.status, dict(told.headers), content_type=told.media)

    return view
