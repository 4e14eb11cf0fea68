"""The JSON API, the live events and the pages of the web UI."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from otelml._version import __version__
from otelml.viewer.queries import (
    BadParameterError,
    NotFoundError,
    compare_models,
    compare_traces,
    download_trace,
    get_calls,
    get_drift,
    get_drift_feature,
    get_model,
    get_quality,
    get_service,
    get_trace,
    get_trace_labels,
    get_trace_version,
    has_models,
    list_logs,
    list_metrics,
    list_models,
    list_predictions,
    list_services,
    list_spans,
    list_traces,
    oldest_ms,
    query_metric,
    search_all,
    services,
)
from otelml.viewer.store import Store, StoreUnavailableError
from otelml.viewer.web.any_text import ANY_TEXT
from otelml.viewer.web.files import file_response
from otelml.viewer.web.host_guard import HostGuard
from otelml.viewer.web.responses import error_response, json_response
from otelml.viewer.web.upload import Load, answer_upload

_logger = logging.getLogger("otelml.viewer")
_TICK_S = 1.0
_HEARTBEAT_TICKS = 15
# Pages that are told of what comes, each by a connection of its own.
MAX_STREAMS = 64

Query = Callable[[sqlite3.Connection, Mapping[str, str]], dict[str, Any]]


class WebApp:
    """Everything behind the web port.

    Args:
        store: Where the answers come from.
        endpoints: What the status names as the receivers' addresses.
        local: Whether it answers for this machine's names alone, so that no web site can reach
            the viewer by pointing its own name here.
        load: Stores a file that is opened on a page.
    """

    def __init__(
        self,
        store: Store,
        endpoints: Mapping[str, str],
        load: Load,
        *,
        local: bool,
    ) -> None:
        self._store, self._load = store, load
        self._endpoints = dict(endpoints)
        self._started_ms = time.time() * 1000
        self._stopping = False
        self._loading = asyncio.Lock()
        self._streams = 0
        routes = [
            Route("/healthz", self._health),
            Route("/api/live", self._live),
            Route("/api/import", self._import, methods=["POST"]),
            Route("/api/status", self._answer(self._status)),
            Route("/api/services", self._answer(lambda c, _: {"services": services(c)})),
            Route("/api/red", self._answer(list_services)),
            Route(f"/api/services/{{name:{ANY_TEXT}}}", self._answer(get_service)),
            Route("/api/calls", self._answer(get_calls)),
            Route("/api/search", self._answer(search_all)),
            Route("/api/models", self._answer(list_models)),
            Route(f"/api/models/{{name:{ANY_TEXT}}}/predictions", self._answer(list_predictions)),
            Route(
                f"/api/models/{{name:{ANY_TEXT}}}/drift/feature", self._answer(get_drift_feature)
            ),
            Route(f"/api/models/{{name:{ANY_TEXT}}}/drift", self._answer(get_drift)),
            Route(f"/api/models/{{name:{ANY_TEXT}}}/quality", self._answer(get_quality)),
            Route(f"/api/models/{{name:{ANY_TEXT}}}", self._answer(get_model)),
            Route("/api/spans", self._answer(list_spans)),
            Route("/api/traces", self._answer(list_traces)),
            Route("/api/traces/{trace_id}/otlp", self._answer(download_trace)),
            Route(
                "/api/traces/{trace_id}",
                self._answer(
                    lambda c, p: get_trace(c, p["trace_id"], adjust=p.get("adjust") != "0")
                ),
            ),
            Route(
                "/api/traces/{trace_id}/version",
                self._answer(lambda c, p: get_trace_version(c, p["trace_id"])),
            ),
            Route("/api/compare/traces", self._answer(compare_traces)),
            Route(f"/api/compare/models/{{name:{ANY_TEXT}}}", self._answer(compare_models)),
            Route("/api/traces/{trace_id}/labels", self._answer(get_trace_labels)),
            Route("/api/logs", self._answer(list_logs)),
            Route("/api/metrics", self._answer(list_metrics)),
            Route("/api/metrics/query", self._answer(query_metric)),
            Route("/api/{rest:path}", self._no_such_api),
            Route("/static/{path:path}", self._static),
            Route(f"/{{path:{ANY_TEXT}}}", self._page),
        ]
        pages = Starlette(
            routes=routes,
            middleware=[Middleware(GZipMiddleware, minimum_size=2048, compresslevel=4)],
            exception_handlers={HTTPException: _refuse, Exception: _fail},
        )
        # Around all of it: Starlette answers errors itself, outside its own middleware.
        self.app = HostGuard(pages, local=local)

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
            "models": has_models(connection),
            "version": __version__,
            "started": self._started_ms,
            "endpoints": self._endpoints,
        }

    async def _live(self, request: Request) -> Response:
        if self._streams >= MAX_STREAMS:
            return error_response(503, f"{MAX_STREAMS} pages are live already; close one")
        return StreamingResponse(self._counted(request), media_type="text/event-stream")

    async def _counted(self, request: Request) -> AsyncIterator[bytes]:
        self._streams += 1
        try:
            async with contextlib.aclosing(self._events(request)) as events:
                async for event in events:
                    yield event
        finally:
            self._streams -= 1

    async def _events(self, request: Request) -> AsyncGenerator[bytes]:
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

    async def _import(self, request: Request) -> Response:
        return await answer_upload(request, self._load, self._loading)

    async def _health(self, request: Request) -> Response:
        del request
        return json_response(b'{"status":"ok"}')

    async def _no_such_api(self, request: Request) -> Response:
        return error_response(404, f"there is no {request.url.path}")

    async def _static(self, request: Request) -> Response:
        return file_response(request, request.path_params["path"])

    async def _page(self, request: Request) -> Response:
        return file_response(request, "index.html")


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer what no route takes, such as another method."""
    del request
    status = getattr(error, "status_code", 400)
    answer = error_response(status, str(getattr(error, "detail", "refused")))
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


async def _fail(request: Request, error: Exception) -> Response:
    """Answer where the viewer itself failed; its log has the rest."""
    _logger.error("the viewer failed to answer %s", request.url.path, exc_info=error)
    return error_response(500, "the viewer failed to answer; its log says why")


def _params(request: Request) -> dict[str, str]:
    params = dict(request.query_params)
    repeated = request.query_params.getlist("where")
    if repeated:
        params["where"] = "\n".join(repeated)
    return params
