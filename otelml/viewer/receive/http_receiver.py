"""The OTLP/HTTP receiver: protobuf and JSON, gzip and deflate, the errors of the specification."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from otelml.viewer.decode import TooMuchError, render_json
from otelml.viewer.receive.inflate import GZIP_BITS, DamagedError, TooLargeError, inflate
from otelml.viewer.receive.limits import (
    BODY_TIMEOUT_S,
    BUSY,
    DECODERS,
    SLOW,
    TOO_LARGE,
    UNREADABLE,
    BusyError,
    Work,
)
from otelml.viewer.receive.signals import (
    COMMIT_WAIT_S,
    MAX_BODY_BYTES,
    RETRY_AFTER_S,
    SIGNALS,
    Signal,
)
from otelml.viewer.records import Batch
from otelml.viewer.store import Store, StoreUnavailableError

PROTOBUF, JSON = "application/x-protobuf", "application/json"
MAX_DECODED_BYTES = 32 * 1024 * 1024
_LENGTH_DIGITS = 18
_GRPC_INVALID_ARGUMENT, _GRPC_EXHAUSTED, _GRPC_UNAVAILABLE = 3, 8, 14
_CODES = {400: _GRPC_INVALID_ARGUMENT, 413: _GRPC_EXHAUSTED, 429: _GRPC_EXHAUSTED,
          503: _GRPC_UNAVAILABLE}  # fmt: skip
# How the Receiver page counts a request that was refused as a whole.
_REASONS = {400: UNREADABLE, 408: SLOW, 413: TOO_LARGE, 415: UNREADABLE, 429: BUSY}
_RETRIED = frozenset((429, 503))


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def create_otlp_app(
    store: Store, origins: Sequence[str] = (), work: Work | None = None
) -> Starlette:
    """Return the ASGI application that listens on the OTLP/HTTP port.

    Args:
        store: Where data goes.
        origins: Web pages that may send, as ``https://shop.example``; `*` for all.
        work: What is under way in all receivers.
    """
    work = work or Work()
    # Few threads of their own: bodies that wait to be decoded take none from the pages.
    decoders = ThreadPoolExecutor(DECODERS, "otelml-viewer-decode")
    routes = [
        Route(f"/v1/{name}", _endpoint(signal, store, work, decoders), methods=["POST"])
        for name, signal in SIGNALS.items()
    ]
    # Without it a browser asks first, is not allowed, and sends nothing.
    cors = Middleware(
        CORSMiddleware, allow_origins=list(origins), allow_methods=["POST"], allow_headers=["*"]
    )
    return Starlette(routes=routes, middleware=[cors] if origins else [])


def _endpoint(
    signal: Signal, store: Store, work: Work, decoders: ThreadPoolExecutor
) -> Callable[[Request], Any]:
    async def receive(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in {PROTOBUF, JSON}:
            return _error(415, f"Content-Type must be {PROTOBUF} or {JSON}", PROTOBUF)
        body = _Body(request, work)
        try:
            await _within(body.read(), BODY_TIMEOUT_S)
            encoding = request.headers.get("content-encoding", "identity")
            loop = asyncio.get_running_loop()
            batch = await loop.run_in_executor(
                decoders, _decode, signal, body.taken, encoding, kind, work
            )
            # A future per batch: no thread waits while the writer commits.
            future = await run_in_threadpool(store.submit, batch)
            await asyncio.wait_for(asyncio.wrap_future(future), COMMIT_WAIT_S)
        except _RefusedError as error:
            if error.status in _REASONS:
                store.refuse(_REASONS[error.status])
            return _error(error.status, str(error), kind)
        except (StoreUnavailableError, asyncio.TimeoutError) as error:
            return _error(503, str(error) or "the store is too slow", kind)
        finally:
            body.close()
        return Response(_render(signal.answer(batch), kind), media_type=kind)

    return receive


async def _within(reading: Coroutine[Any, Any, None], seconds: float) -> None:
    try:
        await asyncio.wait_for(reading, seconds)
    except asyncio.TimeoutError as error:
        raise _RefusedError(408, f"the body took longer than {seconds:g} s to come") from error


class _Body:
    """A request's body, counted as under way until it is closed."""

    def __init__(self, request: Request, work: Work) -> None:
        self._request, self._work = request, work
        self._size = 0
        self.taken = b""

    async def read(self) -> None:
        """Read all of it.

        Raises:
            _RefusedError: It is too large, too much is under way, or its sender went away.
        """
        length = self._request.headers.get("content-length", "0")
        # More digits than int() reads are too many bytes as well.
        if length.isdigit() and (len(length) > _LENGTH_DIGITS or int(length) > MAX_BODY_BYTES):
            raise _RefusedError(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        parts: list[bytes] = []
        try:
            async for part in self._request.stream():
                self._work.take(len(part))
                self._size += len(part)
                if self._size > MAX_BODY_BYTES:
                    raise _RefusedError(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
                parts.append(part)
        except ClientDisconnect as error:
            raise _RefusedError(400, "the body ended early") from error
        except BusyError as error:
            raise _RefusedError(429, str(error)) from error
        self.taken = b"".join(parts)

    def close(self) -> None:
        """Count it as done with."""
        self._work.give(self._size)
        self._size = 0


def _decode(signal: Signal, body: bytes, encoding: str, kind: str, work: Work) -> Batch:
    try:
        with work.decoding():
            return signal.read(decompress(body, encoding), is_json=kind == JSON)
    except TooMuchError as error:
        raise _RefusedError(413, str(error)) from error
    except (DecodeError, ValueError, RecursionError) as error:
        raise _RefusedError(400, f"the body cannot be decoded: {error}") from error


def decompress(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Encoding; what grows beyond the limit is refused before it is held."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity", "none"}:
        return body
    if encoding == "gzip":
        return _inflate(body, GZIP_BITS)
    if encoding == "deflate":
        # Some senders leave out the zlib header that the name "deflate" stands for.
        zlib_header = body[:1] == b"\x78"
        return _inflate(body, zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)
    raise _RefusedError(415, f"Content-Encoding {encoding!r} is not supported; use gzip")


def _inflate(body: bytes, window_bits: int) -> bytes:
    try:
        return inflate(body, window_bits, MAX_DECODED_BYTES)
    except TooLargeError as error:
        raise _RefusedError(413, f"the body is {error}") from error
    except DamagedError as error:
        raise _RefusedError(400, f"the body cannot be decompressed: {error}") from error


def _render(message: Message, kind: str) -> bytes:
    return render_json(message) if kind == JSON else message.SerializeToString()


def _error(status: int, message: str, kind: str) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status in _RETRIED else {}
    code = _CODES.get(status, _GRPC_INVALID_ARGUMENT)
    body = _render(Status(code=code, message=message), kind)
    return Response(body, status_code=status, media_type=kind, headers=headers)
