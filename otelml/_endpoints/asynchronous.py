"""Endpoints under an event loop: an answer may wait, so each has a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from otelml import _guard, _threads
from otelml._endpoints.answer import MAX_BODY, Answer, RefusedError, Request, refusal
from otelml._endpoints.routes import Route, answer

_MOST_WAITING = 32
_waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


async def read_request(
    route: Route,
    path: str,
    headers: Iterable[tuple[bytes, bytes]],
    query: Mapping[str, str],
    receive: Receive,
    name: str = "",
) -> Request:
    """Return a request from an ASGI server as plain data, with not much more than a body may have.

    Args:
        route: The endpoint that is asked.
        path: The whole path, as the client sees it.
        headers: ASGI's.
        query: The first value of each parameter.
        receive: ASGI's.
        name: The report that the path names.
    """
    found = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in headers}
    said = found.get("content-length", "")
    length = int(said) if said.isdecimal() else None
    body = await _read(receive, length) if route.method == "POST" else b""
    return Request(
        path=path,
        query=query,
        authorization=found.get("authorization", ""),
        accept=found.get("accept", ""),
        content_length=length,
        read=lambda _: body,
        name=name,
        headers=found,
    )


async def _read(receive: Receive, content_length: int | None) -> bytes:
    data = bytearray()
    if content_length is not None and content_length > MAX_BODY:
        return b""  # is refused
    while len(data) <= MAX_BODY:
        message = await receive()
        if message["type"] != "http.request":  # the client is gone
            break
        data += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(data)


async def answer_async(route: Route, request: Request) -> Answer:
    """Answer a request without holding up the event loop."""
    loop = asyncio.get_running_loop()
    if _waiting.get(loop, 0) >= _MOST_WAITING:
        return refusal(RefusedError(503, "too many requests wait"))
    done: asyncio.Future[Answer] = loop.create_future()
    work = partial(contextvars.copy_context().run, _work, route, request, loop, done)
    _threads.Thread(work, name="otelml-endpoint").start()
    _waiting[loop] = _waiting.get(loop, 0) + 1  # on the loop alone, so that it needs no lock
    return await done


def _work(
    route: Route, request: Request, loop: asyncio.AbstractEventLoop, done: asyncio.Future[Answer]
) -> None:
    answered, raised = _guard.attempt(answer, route, request)

    def tell() -> None:
        _waiting[loop] -= 1
        if done.done():  # the client is gone
            return
        if answered is not None:
            done.set_result(answered)
        else:
            done.set_exception(raised or RuntimeError("no answer"))

    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(tell)
