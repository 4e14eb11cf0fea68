"""Which paths there are, and who may ask for them."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otelml import environment_variables as env
from otelml._endpoints import labels, monitor, reports, review
from otelml._endpoints.answer import Answer, RefusedError, Request, refusal
from otelml._hosts import host_of, is_own_page

_REVIEW: Final = "review"


@dataclass(frozen=True)
class Route:
    """One endpoint.

    Args:
        name: Its name.
        method: ``GET`` or ``POST``.
        path: Its path; ``{name}`` at its end stands for one segment.
        handle: Makes the answer.
        admin: Whether the token is asked for.
        group: What it belongs to, so that it can be left out.
    """

    name: str
    method: str
    path: str
    handle: Callable[[Request], Answer]
    admin: bool = True
    group: str = "monitor"


ROUTES: Final = (
    Route("status", "GET", "/monitor/status", monitor.status),
    Route("report", "GET", "/monitor/report", reports.report),
    Route("reports", "GET", "/monitor/reports/", reports.listed),
    Route("reports_", "GET", "/monitor/reports", reports.listed),
    Route("report_named", "GET", "/monitor/reports/{name}", reports.named),
    Route("retraining", "GET", "/monitor/retraining", monitor.retraining),
    Route("trigger", "POST", "/monitor/trigger", monitor.trigger),
    Route("accept", "POST", "/monitor/accept", monitor.accept),
    Route("feedback", "POST", "/feedback", labels.feedback_of, admin=False, group="feedback"),
    Route("review", "GET", "/review", review.page, group=_REVIEW),
    Route("decide", "POST", "/review", review.decide, group=_REVIEW),
)


def routes_with(*, feedback: bool, review: bool) -> list[Route]:
    """Return the endpoints that a service mounts.

    Args:
        feedback: Whether those of labels are among them.
        review: Whether the reviewer's page is.
    """
    wanted = {"monitor": True, "feedback": feedback, _REVIEW: review}
    return [route for route in ROUTES if wanted[route.group]]


def answer(route: Route, request: Request) -> Answer:
    """Answer a request; what is refused says why."""
    try:
        _check_page(route, request)
        if route.admin:
            _check_token(request.authorization, is_page=route.group == _REVIEW)
        return route.handle(request)
    except RefusedError as error:
        return refusal(error)


def route_of(path: str) -> tuple[list[Route], str]:
    """Return the endpoints of a path, one a method, and the report that it names.

    Args:
        path: Beneath where they are mounted.
    """
    found = [route for route in ROUTES if route.path == path]
    if found:
        return found, ""
    folder, _, name = path.rpartition("/")
    return [route for route in ROUTES if route.path == folder + "/{name}"], name


def _check_page(route: Route, request: Request) -> None:
    """Take nothing from a page of another origin; no browser sends a bearer token by itself."""
    if "host" in request.headers and not host_of(request.headers["host"]):
        raise RefusedError(400, "the request names no host")
    is_bearer = request.authorization.lower().startswith("bearer ")
    if route.method == "POST" and not is_bearer and not is_own_page(request.headers):
        raise RefusedError(403, "a request of another site's page is not taken")


def _check_token(authorization: str, *, is_page: bool) -> None:
    """Ask for the token; a browser sends it as a password, with the reviewer's name."""
    wanted = os.environ.get(env.OTELML_ADMIN_TOKEN, "").strip()
    if not wanted:
        return
    scheme, _, given = authorization.partition(" ")
    if is_page and scheme.lower() == "basic":
        scheme, given = "bearer", review.user_of(given)[1]
    same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), wanted.encode())
    if scheme.lower() != "bearer" or not same:
        challenge = 'Basic realm="review", charset="UTF-8"' if is_page else ""
        raise RefusedError(401, "a valid bearer token is needed", challenge)
