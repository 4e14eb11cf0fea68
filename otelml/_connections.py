"""How many connections a listener holds, and how long one may take to say what it wants."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

_OWN_FILES: Final = 64  # of exporters, logs, modules
_FEWEST: Final = 16
_MOST: Final = 1 << 16


def most_by_files(each: int) -> int:
    """Return how many connections fit the files that the process may open.

    Args:
        each: Files that a connection needs.
    """
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return _MOST
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return _MOST
    return max((files - _OWN_FILES) // each, _FEWEST)


class BoundedHttp(H11Protocol):
    """HTTP of one connection, closed where its head does not come or there are too many."""

    MOST = 256
    """Connections at once: each takes a file of the process."""
    HEAD_S = 30.0
    """Seconds for a head, from when it is waited for or begins."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.MOST:
            transport.abort()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let a connection go."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; the time for a head begins with its first byte."""
        super().data_received(data)
        if self._is_asked():
            self._stop_waiting()
        elif self._head_timer is None:
            self._await_head()

    def _is_asked(self) -> bool:
        """Tell whether a request is being answered."""
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.HEAD_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if not self._is_asked() and not self.transport.is_closing():
            self.transport.close()
