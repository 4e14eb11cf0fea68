"""Endpoints as an ASGI application, and middleware for one of any framework.

app.mount("/ml", otelml.asgi.app())
application = otelml.asgi.middleware(application)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from otelml._endpoints import Answer, Route, answer_async, read_request, route_of, routes_with
from otelml.exceptions import MissingDependencyError

__all__ = ["app", "middleware"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_NOT_FOUND = Answer(404, b'{"error":"there is no such path"}\n')
_NOT_ALLOWED = Answer(405, b'{"error":"the path has no such method"}\n')


def app(
    *, with_feedback: bool = True, with_review: bool = False
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return the endpoints of the drift monitor, and of feedback, as an ASGI application.

    The paths and answers are those of ``otelml.flask.blueprint``. What waits does so on a thread,
    never on the event loop (asyncio's, or uvloop).

    Args:
        with_feedback: Whether ``POST /feedback`` is among them.
        with_review: Whether the reviewer's page is, ``/review``: predictions that the model was not
            sure of (``FeedbackOptions.review_below``), for a person to label.
    """
    mounted = frozenset(routes_with(feedback=with_feedback, review=with_review))

    async def endpoints(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await _send(await _answer(scope, receive, mounted), scope, send)

    return endpoints


def middleware(
    application: Callable[[Scope, Receive, Send], Awaitable[None]],
    *,
    route: Callable[[Scope], str | None] | None = None,
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return an application whose requests have a server span, and whose predictions are theirs.

    For Litestar, Quart and other frameworks that ``init`` does not find by itself (Starlette and
    FastAPI it does). A request begins and ends with the application given here. Without ``init``,
    before it or after, requests pass through.

    Args:
        application: Any ASGI application; lifespan and WebSockets pass through.
        route: From the scope to the template of the request's route, for the span's name and
            ``http.route``; without it a span is named by its method.

    Raises:
        MissingDependencyError: ``opentelemetry-instrumentation-asgi`` is not installed.
    """
    try:
        from otelml.instrumentors.asgi import Wrapped
    except ImportError as error:
        raise MissingDependencyError("otelml.asgi.middleware", "fastapi") from error
    return Wrapped(application, route or _no_route)


def _no_route(_scope: Any) -> str | None:
    return None


async def _live(receive: Receive, send: Send) -> None:
    """Say yes to a server that starts and stops the application by itself."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def _answer(scope: Scope, receive: Receive, mounted: frozenset[Route]) -> Answer:
    whole, root = scope["path"], scope.get("root_path", "").rstrip("/")
    # Servers and routers differ in whether the path includes where the application is mounted.
    beneath = whole[len(root) :] if root and whole.startswith(f"{root}/") else whole
    routes, name = route_of(beneath)
    if not routes and beneath.endswith("/"):  # as Litestar ends each path beneath a mount
        beneath = beneath[:-1]
        routes, name = route_of(beneath)
    routes = [route for route in routes if route in mounted]
    if not routes:
        return _NOT_FOUND
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    chosen = next((route for route in routes if route.method == method), None)
    if chosen is None:
        return _NOT_ALLOWED
    query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    request = await read_request(
        chosen, root + beneath, scope["headers"], dict(reversed(query)), receive, name
    )
    return await answer_async(chosen, request)


async def _send(told: Answer, scope: Scope, send: Send) -> None:
    headers = {"content-type": told.media, "content-length": str(len(told.body)), **told.headers}
    raw = [
        (key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in headers.items()
    ]
    await send({"type": "http.response.start", "status": told.status, "headers": raw})
    body = b"" if scope["method"] == "HEAD" else told.body
    await send({"type": "http.response.body", "body": body})
