"""The JSON API, the live events and the pages of the web UI."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import mimetypes
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from otelml._version import __version__
from otelml.viewer.queries.logs import list_logs
from otelml.viewer.queries.metrics import list_metrics, query_metric
from otelml.viewer.queries.models import get_model, list_models
from otelml.viewer.queries.predictions import list_predictions
from otelml.viewer.queries.search import search
from otelml.viewer.queries.traces import get_trace, list_traces, services
from otelml.viewer.queries.window import BadParameterError, NotFoundError, oldest_ms
from otelml.viewer.store import Store, StoreUnavailableError

WEB = Path(__file__).parent / "web"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TICK_S = 1.0
_HEARTBEAT_TICKS = 15
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
          ".svg": "image/svg+xml", ".html": "text/html", ".woff2": "font/woff2"}  # fmt: skip

Query = Callable[[sqlite3.Connection, Mapping[str, str]], dict[str, Any]]


class WebApp:
    """Everything behind the web port.

    Args:
        store: Where the answers come from.
        endpoints: What the status names as the receivers' addresses.
        hosts: Host names that requests may carry, so that no web site can reach the viewer by
            pointing its own name here; None accepts all.
    """

    def __init__(
        self, store: Store, endpoints: Mapping[str, str], hosts: frozenset[str] | None
    ) -> None:
        self._store = store
        self._endpoints = dict(endpoints)
        self._started_ms = time.time() * 1000
        self._stopping = False
        routes = [
            Route("/healthz", self._health),
            Route("/api/live", self._live),
            Route("/api/status", self._answer(self._status)),
            Route("/api/services", self._answer(lambda c, _: {"services": services(c)})),
            Route("/api/search", self._answer(search)),
            Route("/api/models", self._answer(list_models)),
            Route("/api/models/{name:path}/predictions", self._answer(list_predictions)),
            Route("/api/models/{name:path}", self._answer(get_model)),
            Route("/api/traces", self._answer(list_traces)),
            Route(
                "/api/traces/{trace_id}",
                self._answer(lambda c, p: get_trace(c, p["trace_id"])),
            ),
            Route("/api/logs", self._answer(list_logs)),
            Route("/api/metrics", self._answer(list_metrics)),
            Route("/api/metrics/query", self._answer(query_metric)),
            Route("/api/{rest:path}", self._no_such_api),
            Route("/static/{path:path}", self._static),
            Route("/{path:path}", self._page),
        ]
        self.app = Starlette(
            routes=routes,
            middleware=[
                Middleware(_Guard, hosts=hosts),
                Middleware(GZipMiddleware, minimum_size=2048, compresslevel=4),
            ],
        )

    def stop(self) -> None:
        """End the open event streams."""
        self._stopping = True

    def _answer(self, query: Query) -> Callable[[Request], Any]:
        def run(params: Mapping[str, str]) -> bytes:
            with self._store.reader() as connection:
                found = query(connection, params)
            return json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()

        async def endpoint(request: Request) -> Response:
            params = {**_params(request), **request.path_params}
            try:
                return _json(await run_in_threadpool(run, params))
            except BadParameterError as error:
                return _error(400, str(error))
            except NotFoundError as error:
                return _error(404, str(error))
            except StoreUnavailableError as error:
                return _error(503, str(error))

        return endpoint

    def _status(self, connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
        del params
        return {
            **self._store.status(),
            "oldest": oldest_ms(connection),
            "version": __version__,
            "started": self._started_ms,
            "endpoints": self._endpoints,
        }

    async def _live(self, request: Request) -> Response:
        return StreamingResponse(self._events(request), media_type="text/event-stream")

    async def _events(self, request: Request) -> AsyncIterator[bytes]:
        seen = -1
        quiet = 0
        while not self._stopping and not await request.is_disconnected():
            if self._store.version != seen:
                seen, quiet = self._store.version, 0
                status = await run_in_threadpool(self._read_status)
                yield b"event: data\ndata: " + json.dumps(status).encode() + b"\n\n"
            else:
                quiet += 1
                if quiet % _HEARTBEAT_TICKS == 0:
                    yield b": keep-alive\n\n"
            await asyncio.sleep(_TICK_S)

    def _read_status(self) -> dict[str, Any]:
        with self._store.reader() as connection:
            return self._status(connection, {})

    async def _health(self, request: Request) -> Response:
        del request
        return _json(b'{"status":"ok"}')

    async def _no_such_api(self, request: Request) -> Response:
        return _error(404, f"there is no {request.url.path}")

    async def _static(self, request: Request) -> Response:
        return _file(request, request.path_params["path"])

    async def _page(self, request: Request) -> Response:
        return _file(request, "index.html")


def _params(request: Request) -> dict[str, str]:
    params = dict(request.query_params)
    repeated = request.query_params.getlist("where")
    if repeated:
        params["where"] = "\n".join(repeated)
    return params


def _json(body: bytes, status: int = 200) -> Response:
    return Response(
        body,
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _error(status: int, message: str) -> Response:
    return _json(json.dumps({"error": message}).encode(), status)


@functools.lru_cache(maxsize=256)
def _load(path: Path, modified_ns: int) -> tuple[bytes, str]:
    del modified_ns  # part of the key: an edited file is read again
    body = path.read_bytes()
    return body, f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def _file(request: Request, name: str) -> Response:
    path = (WEB / name).resolve()
    if not path.is_relative_to(WEB.resolve()) or not path.is_file():
        return _error(404, f"there is no {request.url.path}")
    body, tag = _load(path, path.stat().st_mtime_ns)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return Response(body, media_type=kind or "application/octet-stream", headers=headers)


class _Guard:
    """Adds the security headers, and refuses requests for another host's name."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        app: ASGIApp = self._app
        if self._hosts is not None:
            host = Request(scope).url.hostname or ""
            if host not in self._hosts:
                app = _error(421, f"this viewer does not answer for {host[:100]!r}")
        await app(scope, receive, send_with_headers)
