"""The upstream: one pool of connections without a bound of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import httpx

from otelml._proxy.headers import Headers
from otelml._suppression import suppressed
from otelml.exceptions import ConfigurationError

__all__ = ["Failure", "Upstream"]

_CONNECT_S: Final = 10.0
_IDLE_S: Final = 1.0  # servers keep connections for longer: none is closed under a request
_MOST_IDLE: Final = 256
_BROKEN: Final = 500
_PORTS: Final = {"http": 80, "https": 443}
# RFC 9209, section 2.3: what came of a request that got no answer.
_FAILURES: Final[tuple[tuple[type[BaseException], int, str], ...]] = (
    (httpx.ConnectTimeout, 504, "connection_timeout"),
    (httpx.ReadTimeout, 504, "http_response_timeout"),
    (httpx.WriteTimeout, 504, "connection_write_timeout"),
    (httpx.ConnectError, 502, "connection_refused"),
    (httpx.TransportError, 502, "http_response_incomplete"),
)


class Failure(Exception):  # noqa: N818 - an outcome
    """The upstream gave no answer.

    Args:
        status: 502 or 504.
        reason: A proxy error type of RFC 9209.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class _Stream(httpx.AsyncByteStream):
    def __init__(self, chunks: AsyncIterator[bytes] | None) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._chunks is not None:
            async for chunk in self._chunks:
                yield chunk


class Upstream:
    """A model server.

    Args:
        url: Its base URL; a path is put before that of each request.
        timeout_s: Seconds that it may be silent for; None waits as long as the client does.
        verify: Whether its certificate is checked.

    Raises:
        ConfigurationError: ``url`` is no http(s) URL.
    """

    def __init__(self, url: str, *, timeout_s: float | None = None, verify: bool = True) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            good = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        plain = not (parts.username or parts.query or parts.fragment) and url.isascii()
        if not (good and plain):
            raise ConfigurationError(
                "what was given is not the URL of a model server, such as http://127.0.0.1:5000"
            )
        port = parts.port
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        usual = port is None or port == _PORTS[parts.scheme]
        authority = host if usual else f"{host}:{port}"
        self.authority = authority.encode("ascii", "replace")
        self.origin = f"{parts.scheme}://{authority}"
        self._prefix = parts.path.rstrip("/").encode("ascii", "replace")
        self._timeout = {
            "connect": _CONNECT_S if timeout_s is None else min(_CONNECT_S, timeout_s),
            "read": timeout_s,
            "write": timeout_s,
            "pool": None,
        }
        self._transport = httpx.AsyncHTTPTransport(
            verify=verify,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=_MOST_IDLE,
                keepalive_expiry=_IDLE_S,
            ),
        )

    async def ask(
        self, method: str, target: bytes, headers: Headers, body: AsyncIterator[bytes] | None
    ) -> httpx.Response:
        """Send a request; return the answer's head, with its body still to come.

        Args:
            method: Of the request.
            target: Path and query, as the client wrote them.
            headers: All headers that are sent.
            body: Its body; None where it has none.

        Raises:
            Failure: There was no answer.
        """
        whole = target if target == b"*" else self._prefix + target
        request = httpx.Request(
            method,
            self.origin,
            headers=headers,
            stream=_Stream(body),
            extensions={"timeout": self._timeout, "target": whole},
        )
        try:
            with suppressed():  # the proxy has its own span for it
                return await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            raise failure_of(error) from error

    async def end(self, answer: httpx.Response) -> None:
        """Give an answer's connection back, or close it where the next request is not to have it.

        A server that has failed may close its connection behind the answer without saying so, as
        uvicorn does. A request that were sent on it meanwhile would be lost, another client's too.

        Args:
            answer: That of :meth:`ask`, read to its end or not.
        """
        connection = answer.extensions.get("network_stream")
        with suppress(httpx.TransportError, OSError):
            if answer.status_code >= _BROKEN and connection is not None:
                await connection.aclose()  # the pool finds it closed, and drops it
            await answer.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


def failure_of(error: Exception) -> Failure:
    """Return what came of a request."""
    status, reason = next(found[1:] for found in _FAILURES if isinstance(error, found[0]))
    return Failure(status, reason)
