"""The listener: uvicorn, on a socket that is bound before anything is said."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import uvicorn

from otelml._connections import BoundedHttp, most_by_files
from otelml._proxy.upstream import Upstream
from otelml.exceptions import OtelmlError

__all__ = ["ListenError", "serve", "server_of"]

_BACKLOG: Final = 2_048
_GRACE_S: Final = 10


class ListenError(OtelmlError):
    """The port cannot be listened on."""


def serve(
    application: Any, upstream: Upstream, host: str, port: int, ready: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get ten seconds.

    Args:
        application: The proxy.
        upstream: Its upstream, closed at the end.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        ready: Called with the URL once connections are taken.

    Raises:
        ListenError: The port cannot be listened on.
    """
    listener = _listen(host, port)
    name = f"[{host}]" if ":" in host else host
    server = server_of(application)

    async def run() -> None:
        try:
            await server.serve(sockets=[listener])
        finally:
            await upstream.close()

    with _quiet_signals(), listener:
        ready(f"http://{name}:{listener.getsockname()[1]}")
        asyncio.run(run())


def server_of(application: Any) -> uvicorn.Server:
    """Return the server of a proxy, which passes on what the upstream says and adds nothing."""

    class Http(BoundedHttp):
        MOST = most_by_files(2)  # the client's and the upstream's

    config = uvicorn.Config(
        application,
        http=Http,
        ws="none",
        lifespan="off",
        # Headers and addresses are the upstream's and the client's.
        server_header=False,
        date_header=False,
        proxy_headers=False,
        access_log=False,
        log_config=None,
        log_level="critical",
        timeout_graceful_shutdown=_GRACE_S,
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ListenError(
            f"cannot listen on port {port} of {host}: {reason}; "
            "choose others with --host and --port"
        ) from None


@contextmanager
def _quiet_signals() -> Generator[None]:
    """Keep the signals that uvicorn ends by, and raises again, from ending the process."""

    def nothing(_number: int, _frame: FrameType | None) -> None:
        return

    before = {one: signal.signal(one, nothing) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
