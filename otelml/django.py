"""Endpoints that a Django service mounts: the drift monitor, its reports, and feedback.

urlpatterns = [path("ml/", include(otelml.django.urlpatterns()))]
"""

from __future__ import annotations

from typing import Any

from otelml._endpoints import Answer, Request, Route, answer, routes_with
from otelml.exceptions import MissingDependencyError

try:
    from django.http import HttpResponse
    from django.urls import path
    from django.views.decorators.csrf import csrf_exempt
except ImportError as error:
    raise MissingDependencyError("otelml.django", "django") from error

__all__ = ["urlpatterns"]


def urlpatterns(*, with_feedback: bool = True, with_review: bool = False) -> list[Any]:
    """Return URL patterns of the drift monitor's endpoints, and of feedback's, for ``include``.

    The paths and answers are those of ``otelml.flask.blueprint``. They ask for no CSRF token: who
    may ask is checked by the bearer token, and pages of other sites are refused.

    Args:
        with_feedback: Whether ``POST /feedback`` is among them.
        with_review: Whether the reviewer's page is, ``/review``: predictions that the model was not
            sure of (``FeedbackOptions.review_below``), for a person to label.

    Example:
        >>> urlpatterns = [path("ml/", include(otelml.django.urlpatterns()))]
    """
    by_path: dict[str, list[Route]] = {}
    for route in routes_with(feedback=with_feedback, review=with_review):
        by_path.setdefault(route.path, []).append(route)
    return [
        path(where.removeprefix("/").replace("{name}", "<str:name>"), _view(found))
        for where, found in by_path.items()
    ]


def _view(routes: list[Route]) -> Any:
    by_method = {route.method: route for route in routes}
    if "GET" in by_method:
        by_method["HEAD"] = by_method["GET"]

    def view(request: Any, name: str = "") -> HttpResponse:
        route = by_method.get(request.method or "")
        if route is None:
            return _response(_NOT_ALLOWED, {"Allow": ", ".join(by_method)})
        said = request.headers.get("Content-Length", "")
        asked = Request(
            path=request.path,
            query={key: values[0] for key, values in request.GET.lists() if values},
            authorization=request.headers.get("Authorization", ""),
            accept=request.headers.get("Accept", ""),
            content_length=int(said) if said.isdecimal() else None,
            read=request.read,
            name=name,
            headers={key.lower(): value for key, value in request.headers.items()},
        )
        return _response(answer(route, asked), {})

    return csrf_exempt(view)


_NOT_ALLOWED = Answer(405, b'{"error":"the path has no such method"}\n')


def _response(told: Answer, headers: dict[str, str]) -> HttpResponse:
    return HttpResponse(
        told.body, status=told.status, headers={**told.headers, **headers}, content_type=told.media
    )
