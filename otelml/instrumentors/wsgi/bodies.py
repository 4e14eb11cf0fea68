"""A body that is made while it is sent, in its request, which ends with the last of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from otelml._requests import Held, end_request

__all__ = ["AsyncHeldBody", "HeldBody"]


class Holding:
    """What holds a request open for its body, however that is iterated over.

    Args:
        body: What the application returned.
        held: The request.
        is_failure: Whether an exception is an error, rather than a way to answer.
    """

    def __init__(self, body: Any, held: Held, is_failure: Callable[[BaseException], bool]) -> None:
        self.body = body
        self.held = held
        self._is_failure = is_failure

    def close(self) -> None:
        """Close the body; a client may have gone before its end."""
        with self.held.step():
            try:
                close = getattr(self.body, "close", None)
                if close is not None:
                    close()
            except BaseException as error:
                self.fail(error)
                raise
            end_request(self.held.scope)

    def fail(self, error: BaseException) -> None:
        """End the request by an exception."""
        end_request(self.held.scope, error if self._is_failure(error) else None)

    def __del__(self) -> None:
        # a server that does not close what it did not send
        held = getattr(self, "held", None)
        if held is not None and not held.scope.closed:
            with held.step():
                end_request(held.scope)


class HeldBody(Holding):
    """A body of a request that goes on until its last part, or until it is closed."""

    _items: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self.held.step():
            try:
                if self._items is None:
                    self._items = iter(self.body)
                return next(self._items)
            except StopIteration:
                end_request(self.held.scope)
                raise
            except BaseException as error:
                self.fail(error)
                raise


class AsyncHeldBody(Holding):
    """Such a body that is awaited while it is sent."""

    _items: AsyncIterator[Any] | None = None

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        """Make the next part."""
        with self.held.step():
            try:
                if self._items is None:
                    self._items = aiter(self.body)
                return await anext(self._items)
            except StopAsyncIteration:
                end_request(self.held.scope)
                raise
            except BaseException as error:
                self.fail(error)
                raise
