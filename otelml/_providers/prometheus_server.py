"""The server of ``/metrics``: one path, for whom it is meant, and never many at once."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable
from http import HTTPStatus
from http.client import LineTooLong
from io import BufferedIOBase
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from otelml import _threads
from otelml._hosts import is_authorized, refusal

__all__ = ["serve"]

_MOST: Final = 16
_ASKED_S: Final = 10  # to have asked, however slowly the bytes come
_TAKEN_S: Final = 60  # to have asked and taken the answer
_HEAD: Final = 65_537 + 65_536  # bytes of a request's first line, and of all its headers


class _ClosedError(Exception):
    """It was closed without waiting for its loop."""


class _Server(ThreadingMixIn, WSGIServer):
    """Answers a few requests at once, each on a thread; further ones are turned away."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64  # so that those beyond the most are turned away, and do not wait

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = _threads.Lock()
        self._until: dict[socket.socket, float] = {}
        super().__init__(*args, **kwargs)

    def server_bind(self) -> None:
        """Listen, without asking for the machine's name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, where not too many are open."""
        with self._lock:
            is_full = len(self._until) >= _MOST
            if not is_full:
                self._until[request] = time.monotonic() + _ASKED_S
        if is_full:
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # there is no thread to be had
            self._forget(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer it, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._forget(request)

    def _forget(self, request: socket.socket) -> None:
        with self._lock:
            self._until.pop(request, None)

    def asked(self, request: socket.socket) -> None:
        """Give a connection whose head is whole the time for its answer."""
        with self._lock:
            if request in self._until:
                self._until[request] = time.monotonic() + _TAKEN_S

    def serve(self) -> None:
        """Answer until it is shut down or closed; the base class asks a closed one for ever."""
        with contextlib.suppress(_ClosedError):
            self.serve_forever()

    def service_actions(self) -> None:
        """End connections that took too long, leave the loop of a closed one; called each round."""
        now = time.monotonic()
        with self._lock:
            for request, until in self._until.items():
                if until < now:
                    with contextlib.suppress(OSError):  # it is over already
                        request.shutdown(socket.SHUT_RDWR)
        if self.socket.fileno() < 0:
            raise _ClosedError

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is no error of the service's."""


class _Head:
    """Reads a head as far as it may go: the base class takes a hundred lines, each of its most."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._left = _HEAD

    def readline(self, size: int) -> bytes:
        """Return a line.

        Raises:
            http.client.LineTooLong: There are too many; it is answered 431.
        """
        line = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise LineTooLong("head")
        return line

    def close(self) -> None:
        """Close what it reads."""
        self._file.close()


class _Handler(WSGIRequestHandler):
    timeout = _ASKED_S

    def setup(self) -> None:
        """Get ready to read the head; no body is ever read."""
        super().setup()
        self.rfile = _Head(self.rfile)  # type: ignore[assignment]

    def parse_request(self) -> bool:
        """Read the head."""
        is_whole = super().parse_request()
        self.server.asked(self.connection)  # type: ignore[attr-defined]
        return is_whole

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - of the base class
        """Write no line a request."""


def serve(host: str, port: int, token: str, *, local: bool) -> _Server:
    """Listen on an address; the caller runs its ``serve``.

    Args:
        host: The address.
        port: The port.
        token: What a scrape must send as a bearer token; empty where nothing is asked for.
        local: Whether it is for this machine alone, so that other names in ``Host`` are refused.

    Raises:
        OSError: It cannot listen there.
    """
    from prometheus_client import make_wsgi_app  # an extra, which the caller has asked for

    family = socket.AF_INET6 if ":" in host else socket.AF_INET

    class OfFamily(_Server):
        address_family = family

    server = OfFamily((host, port), _Handler)
    server.set_app(_guarded(make_wsgi_app(), token, local=local))
    return server


def _guarded(metrics: Any, token: str, *, local: bool) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        headers = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        status, reason = refusal("GET", headers, local=local)
        more = []
        if not status and environ["REQUEST_METHOD"] != "GET":
            status, reason = 405, "only GET is answered"
        elif not status and environ.get("PATH_INFO") not in {"/metrics", "/"}:
            status, reason = 404, "there is /metrics"
        elif not status and token and not is_authorized(headers.get("authorization"), token):
            status, reason, more = 401, "a bearer token is needed", [("WWW-Authenticate", "Bearer")]
        if status:
            body = reason.encode() + b"\n"
            head = [("Content-Type", "text/plain; charset=utf-8"), *more]
            head += [("Content-Length", str(len(body))), *_HEADERS]
            start_response(f"{status} {HTTPStatus(status).phrase}", head)
            return [body]

        def begin(status: str, head: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*head, *_HEADERS], *rest)

        answer: Iterable[bytes] = metrics(environ, begin)
        return answer

    return app


_HEADERS: Final = [
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]
