"""The viewer as one object: receivers, store and web UI, started and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import signal
import socket
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from otelml.exceptions import ConfigurationError, MissingDependencyError, PortInUseError

try:
    import uvicorn

    from otelml._connections import BoundedHttp
    from otelml.viewer.receive import (
        Loaded,
        Work,
        create_grpc_server,
        create_otlp_app,
        load,
        load_from,
    )
    from otelml.viewer.store import Store
    from otelml.viewer.web import OriginGuard, TokenGuard, WebApp, is_loopback
except ImportError as error:
    raise MissingDependencyError("otelml view", "viewer") from error

if TYPE_CHECKING:
    import grpc
    from starlette.types import ASGIApp

_START_TIMEOUT_S = 10.0
_GRACE_S = 2.0
# Longer than senders wait between two exports, 60 s for metrics: one whose connection is closed
# under a request loses that request.
_KEEP_ALIVE_S = 300
_MAX_HEAD_BYTES = 1 << 20
# What a file that was opened on a page may unpack to.
MAX_UPLOADED_BYTES = 512 * 1024 * 1024


class Ports(NamedTuple):
    """The ports that the viewer listens on."""

    grpc: int
    http: int
    web: int


class Viewer:
    """The local viewer.

    Args:
        host: The address to listen on.
        grpc_port: OTLP/gRPC; 0 takes a free one, as for the others.
        http_port: OTLP/HTTP.
        web_port: The web UI and its API.
        db: A file to keep the data in; None keeps it until ``stop``.
        retention_s: Seconds after which data is deleted.
        max_size_mb: Megabytes above which the oldest data is deleted.
        origins: Web pages that may send OTLP from a browser, as ``https://shop.example``.
        token: What senders must send as a bearer token, and browsers as a password; empty where
            nothing is asked for.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        grpc_port: int = 4317,
        http_port: int = 4318,
        web_port: int = 8090,
        db: str | Path | None = None,
        retention_s: float = 86_400.0,
        max_size_mb: float = 1024.0,
        origins: Sequence[str] = (),
        token: str = "",
    ) -> None:
        if retention_s <= 0 or max_size_mb <= 0:
            raise ConfigurationError("--retention and --max-size must be greater than 0")
        self.host = host
        self._wanted = Ports(grpc_port, http_port, web_port)
        self._db = None if db is None else Path(db)
        self._origins, self._token = tuple(origins), token
        self._retention_s, self._max_size_mb = retention_s, max_size_mb
        self._ports: Ports | None = None
        self._store: Store | None = None
        self._grpc: grpc.Server | None = None
        self._web: WebApp | None = None
        self._servers: list[uvicorn.Server] = []
        self._thread: threading.Thread | None = None
        self._cleanup = contextlib.ExitStack()

    @property
    def ports(self) -> Ports:
        """The ports in use; those asked for before ``start``."""
        return self._ports or self._wanted

    @property
    def url(self) -> str:
        """The address of the web UI."""
        host = "localhost" if is_loopback(self.host) or self.host == "0.0.0.0" else self.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.ports.web}"

    def start(self) -> None:
        """Open the store and the ports, and serve in the background.

        Raises:
            PortInUseError: A port is taken; nothing is left running.
            ConfigurationError: The database or the host cannot be used; likewise.
        """
        if self._store is not None:
            return
        with contextlib.ExitStack() as stack:
            http_socket = stack.enter_context(_listen(self.host, self._wanted.http, "--http-port"))
            web_socket = stack.enter_context(_listen(self.host, self._wanted.web, "--web-port"))
            store = Store(self._db, retention_s=self._retention_s, max_size_mb=self._max_size_mb)
            stack.callback(store.close)
            work = Work()
            server, grpc_port = create_grpc_server(
                store, self.host, self._wanted.grpc, "--grpc-port", work, self._token
            )
            stack.callback(lambda: server.stop(_GRACE_S).wait())
            self._ports = Ports(
                grpc_port, http_socket.getsockname()[1], web_socket.getsockname()[1]
            )
            local = is_loopback(self.host)
            self._web = WebApp(store, self._endpoints(), self._load_bytes, local=local)
            otlp = OriginGuard(
                create_otlp_app(store, self._origins, work),
                local=local,
                origins=frozenset(self._origins),
            )
            self._servers = [self._guarded(otlp), self._guarded(self._web.app)]
            self._store, self._grpc = store, server
            server.start()
            self._serve([http_socket, web_socket])
            stack.callback(self._stop_serving)
            self._cleanup = stack.pop_all()

    def _guarded(self, app: ASGIApp) -> uvicorn.Server:
        """Return the server of an application, behind the token where there is one."""
        return _server(TokenGuard(app, self._token) if self._token else app)

    def load(self, path: Path) -> Loaded:
        """Store what a file holds: OTLP JSON, or Jaeger's JSON; call it after ``start``.

        Raises:
            ConfigurationError: It cannot be read, or holds neither.
        """
        if self._store is None:
            raise ConfigurationError("the viewer must be started before it loads a file")
        return load(self._store, path)

    def _load_bytes(self, raw: bytes) -> dict[str, object]:
        """Store a file that was opened on a page; return what is said about it there."""
        if self._store is None:
            raise ConfigurationError("the viewer has ended")
        loaded = load_from(self._store, io.BytesIO(raw), "the file", MAX_UPLOADED_BYTES)
        return {"message": str(loaded), "traces": list(loaded.trace_ids)}

    def stop(self) -> None:
        """Take no more, store what was taken, and close everything."""
        self._cleanup.close()
        self._store = self._grpc = self._web = self._ports = None

    def serve_until_signal(self) -> None:
        """Start, and stop on SIGINT or SIGTERM; call it from the main thread."""
        done = threading.Event()

        def handle(number: int, frame: FrameType | None) -> None:
            del number, frame
            # Not here: the main thread may hold the event's lock where the signal met it.
            threading.Thread(target=done.set, daemon=True).start()

        before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            self.start()
            # A wait without a timeout would keep signals waiting on some systems.
            while not done.wait(0.5):
                pass
        finally:
            self.stop()
            for each, handler in before.items():
                signal.signal(each, handler)

    def _endpoints(self) -> dict[str, str]:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return {"http": f"http://{host}:{self.ports.http}", "grpc": f"{host}:{self.ports.grpc}"}

    def _serve(self, sockets: list[socket.socket]) -> None:
        async def serve() -> None:
            await asyncio.gather(
                *(
                    each.serve(sockets=[listening])
                    for each, listening in zip(self._servers, sockets, strict=True)
                )
            )

        self._thread = threading.Thread(
            target=lambda: asyncio.run(serve()), name="otelml-viewer-http", daemon=True
        )
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(_START_TIMEOUT_S / 0.01)):
            if all(each.started for each in self._servers):
                return
            waited.wait(0.01)
        raise ConfigurationError("the viewer's web server did not start")

    def _stop_serving(self) -> None:
        if self._web is not None:
            self._web.stop()
        for each in self._servers:
            each.should_exit = True
        if self._thread is not None:
            self._thread.join()


def _server(app: object) -> uvicorn.Server:
    # uvicorn and Starlette: one event loop for both ports, streaming bodies and live events.
    return uvicorn.Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]  # an ASGI application
            http=BoundedHttp,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=int(_GRACE_S),
            timeout_keep_alive=_KEEP_ALIVE_S,
            # Names that senders choose stand in addresses.
            h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
            server_header=False,
        )
    )


@contextlib.contextmanager
def _listen(host: str, port: int, option: str) -> Generator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(256)
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                raise PortInUseError(port, option) from error
            raise ConfigurationError(
                f"--host {host}: cannot listen there: {error.strerror}"
            ) from error
        listening.setblocking(False)
        yield listening
