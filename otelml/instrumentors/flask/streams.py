"""The body of a response: a request that streams it ends with the last byte, or when it is closed.

What the server iterates over is wrapped, not the response: hooks and extensions find its body as it
is, with its length, its ranges and what it calls on close. A file with ``direct_passthrough`` is
left to the server, which may have the system send it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from otelml._requests import Held, RequestScope, end_request, leave_request

__all__ = ["Answer", "is_failure", "is_stream"]

_SERVER_ERROR = 500
_WHOLE = frozenset((str, dict, bytes, list))


def is_failure(error: BaseException) -> bool:
    """Whether an exception is an error, rather than a way to answer the client."""
    if isinstance(error, GeneratorExit):
        return False
    if not isinstance(error, HTTPException):
        return True
    code = error.code
    if code is None:  # abort() with a response of one's own
        code = getattr(error.response, "status_code", None)
    return code is None or code >= _SERVER_ERROR


def is_stream(returned: Any) -> bool:
    """Whether what a view returned is made while it is sent."""
    body = returned[0] if isinstance(returned, tuple) and returned else returned
    if type(body) in _WHOLE:
        return False
    if isinstance(body, BaseResponse):
        if body.direct_passthrough:
            return isinstance(body.response, Generator)
        return body.is_streamed
    return isinstance(body, Iterator)


class Answer:
    """What becomes of one request on its way through ``Flask.wsgi_app``."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: Held | None = None

    def hold(self, scope: RequestScope) -> None:
        """Keep a request open for its body."""
        self._held = Held(scope)

    def fail(self, error: BaseException) -> None:
        """End the request: there will be no body."""
        held, self._held = self._held, None
        if held is not None:
            end_request(held.scope, error if is_failure(error) else None)

    def body(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Return the body, which ends the request where that was kept open."""
        held, self._held = self._held, None
        if held is None:
            return body
        leave_request(held.scope)
        return _Body(body, held)


class _Body:
    """A body that is made in its request.

    Args:
        body: What the application returned.
        held: The request.
    """

    def __init__(self, body: Iterable[bytes], held: Held) -> None:
        self._body = body
        self._held = held
        self._items: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._held.step():
            try:
                if self._items is None:
                    self._items = iter(self._body)
                return next(self._items)
            except StopIteration:
                end_request(self._held.scope)
                raise
            except BaseException as error:
                end_request(self._held.scope, error if is_failure(error) else None)
                raise

    def close(self) -> None:
        """Close the body; a client may have gone before its end."""
        with self._held.step():
            try:
                close = getattr(self._body, "close", None)
                if close is not None:
                    close()
            except BaseException as error:
                end_request(self._held.scope, error if is_failure(error) else None)
                raise
            end_request(self._held.scope)

    def __del__(self) -> None:
        # a server that does not close what it did not send
        held = getattr(self, "_held", None)
        if held is not None and not held.scope.closed:
            with held.step():
                end_request(held.scope)
