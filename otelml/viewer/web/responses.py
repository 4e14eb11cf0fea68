"""Answers in JSON."""

from __future__ import annotations

import json

from starlette.responses import Response


def json_response(body: bytes, status: int = 200) -> Response:
    """Return a JSON answer that no cache keeps."""
    return Response(
        body,
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def error_response(status: int, message: str) -> Response:
    """Return an error in one sentence."""
    return json_response(json.dumps({"error": message}).encode(), status)
