"""An API that has labels, on loopback: by cursor, or since a watermark."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class Api:
    """Serves rows in pages.

    Args:
        rows: Each an object; may grow.
        page: Rows of one answer.
        token: Asked for as a bearer token.
    """

    def __init__(self, rows, page=100, token="") -> None:
        self.rows, self.page, self.token = rows, page, token
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.refusals: list[tuple[int, dict[str, str]]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, body, headers = api.answer(self.path, self.headers)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/labels"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, path, headers):
        query = dict(parse_qsl(urlsplit(path).query))
        self.asked.append((headers.get("Authorization", ""), query))
        if self.refusals:
            status, more = self.refusals.pop(0)
            return status, b"no", more
        if self.token and headers.get("Authorization") != f"Bearer {self.token}":
            return 401, b"{}", {}
        if "since" in query or ("cursor" not in query and urlsplit(path).path.endswith("/since")):
            since = float(query.get("since", 0))
            found = [row for row in self.rows if row["at"] >= since][: self.page]
            return 200, json.dumps(found).encode(), {}
        first = int(query.get("cursor", 0))
        content = {"data": {"items": self.rows[first : first + self.page]}, "next": None}
        if first + self.page < len(self.rows):
            content["next"] = str(first + self.page)
        return 200, json.dumps(content).encode(), {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
