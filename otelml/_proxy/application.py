"""The proxy as an ASGI application: bytes pass, copies are read later."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final, cast

import httpx
from opentelemetry.propagate import inject

from otelml import _guard, _hosts
from otelml._prediction import current_runtime
from otelml._proxy.choose import Protocols
from otelml._proxy.headers import Headers, passed_on, to_upstream
from otelml._proxy.reading import Reader
from otelml._proxy.seen import Seen
from otelml._proxy.upstream import Failure, Upstream, failure_of
from otelml.instrumentors.asgi import Wrapped

__all__ = ["application"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_BAD_REQUEST: Final = 400


class _GoneError(Exception):
    """The client has gone before its request was whole."""


class _Incoming:
    """The body of a request, and whether its client is still there.

    Args:
        receive: Where it comes from.
        seen: The prediction that it is of.
    """

    def __init__(self, receive: Receive, seen: Seen | None) -> None:
        self._receive = receive
        self._seen = seen
        self._is_whole = asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            _GoneError: The client has gone.
        """
        seen, more = self._seen, True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise _GoneError
            chunk, more = message.get("body", b""), message.get("more_body", False)
            if chunk:
                if seen is not None:
                    seen.request.add(chunk)
                yield chunk
        self.has_come()

    def has_come(self) -> None:
        """Take note that the upstream has all of it."""
        if self._seen is not None:
            self._seen.sent()
        self._is_whole.set()

    async def gone(self) -> None:
        """Wait until the client has gone."""
        await self._is_whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class _Proxy:
    """Passes requests on.

    Args:
        upstream: Where to.
        protocols: Which of them are predictions.
        reader: Reads the bodies of those.
    """

    def __init__(self, upstream: Upstream, protocols: Protocols, reader: Reader) -> None:
        self._upstream = upstream
        self._protocols = protocols
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        seen = _guard.call("proxy", self._see, scope)
        incoming = _Incoming(receive, seen)
        forwarding = asyncio.create_task(self._forward(scope, incoming, send, seen))
        leaving = asyncio.create_task(incoming.gone())
        try:
            await asyncio.wait((forwarding, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (forwarding, leaving):
                task.cancel()
            await asyncio.gather(forwarding, leaving, return_exceptions=True)
        if not forwarding.cancelled():
            forwarding.result()

    def _see(self, scope: Scope) -> Seen | None:
        if current_runtime() is None:
            return None
        known = self._protocols.known(scope["method"], scope["path"])
        return None if known is None else Seen(known, self._reader.budget, scope["headers"])

    async def _forward(
        self, scope: Scope, incoming: _Incoming, send: Send, seen: Seen | None
    ) -> None:
        failure = ""
        try:
            failure = await self._exchange(scope, incoming, send, seen)
        except _GoneError:
            return  # nobody is there to be answered
        finally:
            if seen is not None:
                _guard.call("proxy", seen.end, failure)
                self._reader.submit(seen)
        if not failure:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _exchange(
        self, scope: Scope, incoming: _Incoming, send: Send, seen: Seen | None
    ) -> str:
        """Pass a request on, and its answer but the end; return why there is no whole answer."""
        given: Headers = scope["headers"]
        trace: dict[str, str] = {}
        _guard.call("proxy", inject, trace)
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in given)
        if not has_body:
            incoming.has_come()
        try:
            answer = await self._upstream.ask(
                scope["method"],
                _target(scope),
                to_upstream(given, self._upstream.authority, trace),
                incoming.chunks() if has_body else None,
            )
        except Failure as failure:
            await _fail(send, failure)
            return failure.reason
        try:
            await _pass(answer, send, seen)
        except httpx.TransportError as error:
            return failure_of(error).reason  # the connection ends where the upstream's did
        finally:
            await self._upstream.end(answer)
        return ""


async def _pass(answer: httpx.Response, send: Send, seen: Seen | None) -> None:
    headers = passed_on(answer.headers.raw)
    head = {"type": "http.response.start", "status": answer.status_code, "headers": headers}
    if seen is not None:
        seen.answered(answer.status_code, headers)
        if seen.holds(headers):
            held = [chunk async for chunk in _copied(answer, seen)]
            seen.read_answer()
            await send(head)
            for chunk in held:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            return
    await send(head)
    async for chunk in _copied(answer, seen):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _copied(answer: httpx.Response, seen: Seen | None) -> AsyncIterator[bytes]:
    # Not by `aiter_raw`, which gives the connection back at the end: `Upstream.end` says whether.
    async for chunk in cast("AsyncIterator[bytes]", answer.stream):
        if seen is not None and seen.answer is not None:
            seen.answer.add(chunk)
        yield chunk


async def _fail(send: Send, failure: Failure) -> None:
    body = json.dumps({"error": f"the model server gave no answer: {failure.reason}"}).encode()
    told = f"otelml; error={failure.reason}".encode()
    await _tell(send, failure.status, body + b"\n", [(b"proxy-status", told)])


async def _tell(send: Send, status: int, body: bytes, headers: Headers) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _target(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path


def application(
    upstream: Upstream, protocols: Protocols, reader: Reader, *, local: bool = True
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return the proxy.

    Args:
        upstream: Where requests go.
        protocols: Which of them are predictions.
        reader: Reads the bodies of those.
        local: Whether it is for this machine alone: requests by other names, and those of pages of
            other origins, are refused then.
    """
    wrapped = Wrapped(
        _Proxy(upstream, protocols, reader), lambda scope: protocols.route(scope["path"])
    )

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise TypeError(f"the proxy answers no {scope['type']}")
        path = scope.get("raw_path") or scope["path"].encode()
        status, reason = 0, ""
        if local:
            names = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
            }
            status, reason = _hosts.refusal(scope["method"], names, local=True)
        if not status and not path.startswith(b"/") and path != b"*":
            status, reason = _BAD_REQUEST, "the request's target is not a path"
        if status:
            await _tell(send, status, json.dumps({"error": reason}).encode() + b"\n", [])
        else:
            await wrapped(scope, receive, send)

    return proxy
