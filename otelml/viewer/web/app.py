"""The JSON API, the live events and the pages of the web UI."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from otelml._version import __version__
from otelml.viewer.queries import (
    BadParameterError,
    NotFoundError,
    get_model,
    get_trace,
    list_logs,
    list_metrics,
    list_models,
    list_predictions,
    list_traces,
    oldest_ms,
    query_metric,
    search_all,
    services,
)
from otelml.viewer.store import Store, StoreUnavailableError
from otelml.viewer.web.files import file_response
from otelml.viewer.web.host_guard import HostGuard
from otelml.viewer.web.responses import error_response, json_response

_TICK_S = 1.0
_HEARTBEAT_TICKS = 15

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
            Route("/api/search", self._answer(search_all)),
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
                Middleware(HostGuard, hosts=hosts),
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
                return json_response(await run_in_threadpool(run, params))
            except BadParameterError as error:
                return error_response(400, str(error))
            except NotFoundError as error:
                return error_response(404, str(error))
            except StoreUnavailableError as error:
                return error_response(503, str(error))

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
        return json_response(b'{"status":"ok"}')

    async def _no_such_api(self, request: Request) -> Response:
        return error_response(404, f"there is no {request.url.path}")

    async def _static(self, request: Request) -> Response:
        return file_response(request, request.path_params["path"])

    async def _page(self, request: Request) -> Response:
        return file_response(request, "index.html")


def _params(request: Request) -> dict[str, str]:
    params = dict(request.query_params)
    repeated = request.query_params.getlist("where")
    if repeated:
        params["where"] = "\n".join(repeated)
    return params
