"""The OTLP/HTTP receiver: protobuf and JSON, gzip and deflate, the errors of the specification."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
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

from otelml.viewer.decode import parse_json, render_json
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
_GRPC_INVALID_ARGUMENT, _GRPC_UNAVAILABLE = 3, 14
_CODES = {400: _GRPC_INVALID_ARGUMENT, 503: _GRPC_UNAVAILABLE}


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def create_otlp_app(store: Store) -> Starlette:
    """Return the ASGI application that listens on the OTLP/HTTP port."""
    routes = [
        Route(f"/v1/{name}", _endpoint(signal, store), methods=["POST"])
        for name, signal in SIGNALS.items()
    ]
    # Browsers' senders; nothing can be read through this port, so any origin may write.
    cors = Middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["POST"], allow_headers=["*"]
    )
    return Starlette(routes=routes, middleware=[cors])


def _endpoint(signal: Signal, store: Store) -> Callable[[Request], Any]:
    async def receive(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in {PROTOBUF, JSON}:
            return _error(415, f"Content-Type must be {PROTOBUF} or {JSON}", PROTOBUF)
        try:
            body = await _read(request)
            encoding = request.headers.get("content-encoding", "identity")
            batch = await run_in_threadpool(_decode, signal, body, encoding, kind)
            # A future per batch: no thread waits while the writer commits.
            future = await run_in_threadpool(store.submit, batch)
            await asyncio.wait_for(asyncio.wrap_future(future), COMMIT_WAIT_S)
        except _RefusedError as error:
            return _error(error.status, str(error), kind)
        except (StoreUnavailableError, asyncio.TimeoutError) as error:
            return _error(503, str(error) or "the store is too slow", kind)
        return Response(_render(signal.answer(batch), kind), media_type=kind)

    return receive


async def _read(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise _RefusedError(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise _RefusedError(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
            parts.append(part)
    except ClientDisconnect as error:
        raise _RefusedError(400, "the body ended early") from error
    return b"".join(parts)


def _decode(signal: Signal, body: bytes, encoding: str, kind: str) -> Batch:
    raw = decompress(body, encoding)
    try:
        if kind == JSON:
            message = parse_json(raw, signal.request())
        else:
            message = signal.request.FromString(raw)
        return signal.decode(message)
    except (DecodeError, ValueError, RecursionError) as error:
        raise _RefusedError(400, f"the body cannot be decoded: {error}") from error


def decompress(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Encoding; what grows beyond the limit is refused before it is held."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity", "none"}:
        return body
    if encoding == "gzip":
        return _inflate(body, 16 + zlib.MAX_WBITS)
    if encoding == "deflate":
        # Some senders leave out the zlib header that the name "deflate" stands for.
        zlib_header = body[:1] == b"\x78"
        return _inflate(body, zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS)
    raise _RefusedError(415, f"Content-Encoding {encoding!r} is not supported; use gzip")


def _inflate(body: bytes, window_bits: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        while body:
            stream = zlib.decompressobj(window_bits)
            part = stream.decompress(body, MAX_DECODED_BYTES - size + 1)
            size += len(part)
            if size > MAX_DECODED_BYTES:
                raise _RefusedError(
                    413, f"the body is larger than {MAX_DECODED_BYTES} bytes when decompressed"
                )
            if not stream.eof:
                raise _RefusedError(400, "the compressed body is cut short")
            parts.append(part)
            body = stream.unused_data
    except zlib.error as error:
        raise _RefusedError(400, f"the body cannot be decompressed: {error}") from error
    return b"".join(parts)


def _render(message: Message, kind: str) -> bytes:
    return render_json(message) if kind == JSON else message.SerializeToString()


def _error(status: int, message: str, kind: str) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}  # noqa: PLR2004 - HTTP
    code = _CODES.get(status, _GRPC_INVALID_ARGUMENT)
    body = _render(Status(code=code, message=message), kind)
    return Response(body, status_code=status, media_type=kind, headers=headers)
