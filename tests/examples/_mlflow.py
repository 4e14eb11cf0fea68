"""What `mlflow models serve` answers at /invocations, for the proxy's example; no model in it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ModelServer(ThreadingHTTPServer):
    """Answers by one column; fails while it is told to.

    Args:
        failing: The status of each answer; 200 while all is well.
        seen: Headers of the requests so far.
    """

    daemon_threads = True
    failing = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[dict[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_GET(self) -> None:
        self._answer(200, {})

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        if self.server.failing != 200:
            self._answer(self.server.failing, {"error_code": "INTERNAL_ERROR"})
            return
        table = sent["dataframe_split"]
        at = table["columns"].index("alcohol")
        labels = ["barolo" if row[at] > 12.8 else "barbera" for row in table["data"]]
        time.sleep(0.002)
        self._answer(200, {"predictions": labels})

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """Serve on loopback."""
    with ModelServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
