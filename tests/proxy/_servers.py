"""An upstream with odd answers, the proxy before it, and raw requests to both."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from otelml._prediction import current_runtime
from otelml._proxy import Protocols, Reader, Upstream, application
from otelml._proxy.serve import server_of

LARGE = 3_000_000
WAIT_S = 20.0
PREDICTED = json.dumps({"predictions": ["yes"]}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = WAIT_S

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return "Thu, 01 Jan 2026 00:00:00 GMT"

    def _body(self):
        if "chunked" in self.headers.get("transfer-encoding", ""):
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _serve(self):
        route = self.path.partition("?")[0]
        if route == "/early":  # before the body has come
            self.server.early.set()
            self._answer(413, b"too large", close=True)
            self._body()  # else the system resets the connection, and the answer may be lost
            return
        body = self._body()
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        self.server.requests.append((self.command, self.path, headers, body))
        self.server.ports.append(self.client_address[1])
        getattr(self, "_" + route.strip("/").replace("/", "_").partition(".")[0], self._default)(
            body
        )

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_OPTIONS = do_PATCH = _serve  # noqa: N815 - http.server's names

    def _answer(self, status, body, headers=(), close=False, length=True):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if length:
            self.send_header("content-length", str(len(body)))
        if close:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _default(self, body):
        told = {"command": self.command, "path": self.path, "body": body.decode("latin-1")}
        self._answer(200, json.dumps(told).encode(), [("content-type", "application/json")])

    def _invocations(self, body):
        self._answer(200, PREDICTED, [("Content-Type", "application/json")])

    def _404(self, body):
        self._answer(404, b'{"error": "none"}', [("content-type", "application/json")])

    def _500(self, body):
        self._answer(500, b"broken \xff")

    def _599(self, body):
        self._answer(599, b"odd")

    def _204(self, body):
        self._answer(204, b"", length=False)

    def _304(self, body):
        self._answer(304, b"", [("etag", '"a"')], length=False)

    def _302(self, body):
        self._answer(302, b"", [("Location", "http://127.0.0.1:1/elsewhere")])

    def _twice(self, body):
        self._answer(
            200, b"2", [("set-cookie", "a=1"), ("Set-Cookie", "b=2"), ("x-a", ""), ("X-A", "\xe9")]
        )

    def _hop(self, body):
        self._answer(
            200,
            b"h",
            [
                ("Connection", "x-hop, close"),
                ("X-Hop", "1"),
                ("Keep-Alive", "timeout=5"),
                ("x-end", "1"),
            ],
            close=True,
        )

    def _zipped(self, body):
        packed = gzip.compress(PREDICTED, mtime=0)
        self._answer(
            200, packed, [("content-encoding", "gzip"), ("content-type", "application/json")]
        )

    def _broken_zip(self, body):
        self._answer(200, b"no gzip", [("content-encoding", "gzip")])

    def _big(self, body):
        self._answer(200, bytes(range(256)) * (LARGE // 256))

    def _chunked(self, body):
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for part in (b"a", b"bc" * 1000, b"\r\n0\r\n"):
            self._chunk(part)
        self.wfile.write(b"0\r\n\r\n")

    def _until_close(self, body):
        self.send_response(200)
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b"until the end")
        self.close_connection = True

    def _slow_stream(self, body):
        """Wait after the first part until the test says that it has come."""
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self._chunk(b"first")
        assert self.server.go_on.wait(WAIT_S)
        self._chunk(b"second")
        self.wfile.write(b"0\r\n\r\n")

    def _endless(self, body):
        """Send until the connection is closed."""
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        until = time.monotonic() + WAIT_S
        try:
            while time.monotonic() < until:
                self._chunk(b"x" * 1000)
                time.sleep(0.01)
        except OSError:
            self.server.left.set()
        self.close_connection = True

    def _hangs(self, body):
        """Answer only once the connection is closed."""
        self.connection.settimeout(WAIT_S)
        with contextlib.suppress(OSError):
            if not self.connection.recv(1):
                self.server.left.set()
        self.close_connection = True

    def _cut(self, body):
        """Say more than is sent."""
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def _mute(self, body):
        self.close_connection = True

    def _meet(self, body):
        """Answer once so many requests are here at the same time."""
        self.server.meeting.wait(WAIT_S)
        self._answer(200, b"met")


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, *_):
        pass


@contextlib.contextmanager
def upstream():
    """Serve odd answers; yield the server, which keeps the requests."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.requests, server.ports = [], []
    server.left, server.go_on, server.early = (threading.Event() for _ in range(3))
    server.meeting = None
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Proxy:
    """A running proxy."""

    def __init__(self, port, reader):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.reader = reader

    def settle(self):
        """Wait until what has passed is read."""
        until = time.monotonic() + WAIT_S
        runtime = current_runtime()

        def is_busy():
            waits = self.reader._queue or self.reader._is_busy
            return waits or (runtime is not None and any(runtime.active.counts.values()))

        while is_busy():
            assert time.monotonic() < until
            time.sleep(0.005)


@contextlib.contextmanager
def proxied(url, *, template=None, path=None, local=True, timeout_s=None, **bounds):
    """Serve the proxy as the command does, on a thread."""
    target = Upstream(url, timeout_s=timeout_s)
    reader = Reader(**bounds)
    reader.start()
    server = server_of(application(target, Protocols(template, path), reader, local=local))
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    async def run():
        try:
            await server.serve(sockets=[listener])
        finally:
            await target.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        yield Proxy(listener.getsockname()[1], reader)
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
        reader.stop(WAIT_S)
        listener.close()
        assert not thread.is_alive()


def raw(url, request):
    """Send bytes on a connection of their own; return all that comes back until its end."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=WAIT_S) as connection:
        connection.sendall(request)
        parts = []
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(1 << 16):
                parts.append(part)
    return b"".join(parts)
