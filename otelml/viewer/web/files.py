"""The files of the pages, cached by the browser until they change."""

from __future__ import annotations

import functools
import hashlib
import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from otelml.viewer.web.responses import error_response

STATIC = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
          ".svg": "image/svg+xml", ".html": "text/html", ".woff2": "font/woff2"}  # fmt: skip


@functools.lru_cache(maxsize=256)
def _load(path: Path, modified_ns: int) -> tuple[bytes, str]:
    del modified_ns  # part of the key: an edited file is read again
    body = path.read_bytes()
    return body, f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def _find(name: str) -> Path | None:
    """Return the path of a file of ``static/``; None where the name is none of them."""
    try:
        path = (STATIC / name).resolve()
        return path if path.is_relative_to(STATIC.resolve()) and path.is_file() else None
    except (OSError, ValueError):  # too long, or with a zero byte
        return None


def file_response(request: Request, name: str) -> Response:
    """Return a file of ``static/``; 304 where the browser has it."""
    path = _find(name)
    if path is None:
        return error_response(404, f"there is no {request.url.path}")
    body, tag = _load(path, path.stat().st_mtime_ns)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return Response(body, media_type=kind or "application/octet-stream", headers=headers)
