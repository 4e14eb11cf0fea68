"""Endpoints that a FastAPI service mounts: the drift monitor, its reports, and feedback.

app.include_router(otelml.fastapi.router())
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from otelml._endpoints import Route, answer_async, read_request, routes_with
from otelml.exceptions import MissingDependencyError

try:
    from fastapi import APIRouter, Request, Response
except ImportError as error:
    raise MissingDependencyError("otelml.fastapi", "fastapi") from error

__all__ = ["router"]


def router(*, prefix: str = "", with_feedback: bool = True, with_review: bool = False) -> APIRouter:
    """Return the endpoints of the drift monitor, and of feedback.

    The paths and answers are those of ``otelml.flask.blueprint``. What waits does so on a thread,
    never on the event loop. For Starlette and other ASGI frameworks there is ``otelml.asgi.app``.

    Args:
        prefix: Where to mount it.
        with_feedback: Whether ``POST /feedback`` is among them.
        with_review: Whether the reviewer's page is, ``/review``: predictions that the model was not
            sure of (``FeedbackOptions.review_below``), for a person to label.
    """
    routes = APIRouter(prefix=prefix, tags=["otelml"])
    for route in routes_with(feedback=with_feedback, review=with_review):
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            routes.add_api_route(
                route.path,
                _view(route),
                methods=[method],
                name=route.name,
                summary=(route.handle.__doc__ or "").partition("\n")[0],
                response_class=Response,
                include_in_schema=method != "HEAD" and not route.name.endswith("_"),
            )
    return routes


def _view(route: Route) -> Callable[[Request], Awaitable[Response]]:
    async def view(request: Request) -> Response:
        asked = await read_request(
            route,
            request.url.path,
            request.headers.raw,
            dict(reversed(request.query_params.multi_items())),
            request.receive,
            request.path_params.get("name", ""),
        )
        told = await answer_async(route, asked)
        return Response(told.body, told.status, dict(told.headers), told.media)

    return view
