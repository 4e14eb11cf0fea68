"""A file that is dropped on a page: its bytes to whoever stores them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from otelml.exceptions import ConfigurationError
from otelml.viewer.store import StoreUnavailableError
from otelml.viewer.web.responses import error_response, json_response

MAX_FILE_BYTES = 128 * 1024 * 1024
UPLOAD_TIMEOUT_S = 120.0

# From the bytes of a file to what is said about it.
Load = Callable[[bytes], dict[str, Any]]


async def answer_upload(request: Request, load: Load, loading: asyncio.Lock) -> Response:
    """Answer POST /api/import.

    Args:
        request: Its body is the file. Its type must be JSON, which no other site's page may send.
        load: Stores the file.
        loading: Held while one is opened.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return error_response(415, "Content-Type must be application/json")
    if loading.locked():
        # One at a time: each may take what its size allows.
        return error_response(429, "another file is being opened; try again when it is")
    async with loading:
        return await _load(request, load)


async def _load(request: Request, load: Load) -> Response:
    try:
        body = await asyncio.wait_for(_read(request), UPLOAD_TIMEOUT_S)
    except asyncio.TimeoutError:
        return error_response(408, f"the file took longer than {UPLOAD_TIMEOUT_S:g} s to come")
    except ClientDisconnect:
        return error_response(400, "the file ended early")
    if body is None:
        return error_response(
            413, f"larger than {MAX_FILE_BYTES >> 20} MiB; use otelml view --import FILE"
        )
    try:
        found = await run_in_threadpool(load, body)
    except ConfigurationError as error:
        return error_response(400, str(error))
    except StoreUnavailableError as error:
        return error_response(503, str(error))
    return json_response(json.dumps(found).encode())


async def _read(request: Request) -> bytes | None:
    """Return the body; None where it is larger than a file may be."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_FILE_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)
