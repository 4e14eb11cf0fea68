"""What BigQuery's API answers to one query over a table of numbers and a text, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_PAGE = 2_500


@contextmanager
def bigquery(columns: dict[str, list[Any]]) -> Iterator[tuple[str, list[str]]]:
    """Serve a table; yield the address and the queries that were asked.

    Args:
        columns: Each a list of numbers or of texts.
    """
    asked: list[str] = []
    job = {"projectId": "p", "jobId": "j", "location": "EU"}
    table = {"projectId": "p", "datasetId": "d", "tableId": "t"}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body["query"])
            self._page(0)

        def do_GET(self) -> None:
            if "/jobs/" in self.path:
                query = {"query": asked[-1], "destinationTable": table}
                self._answer(
                    {
                        "jobReference": job,
                        "configuration": {"jobType": "QUERY", "query": query},
                        "statistics": {"query": {"statementType": "SELECT"}},
                        "status": {"state": "DONE"},
                    }
                )
                return
            self._page(int(parse_qs(urlsplit(self.path).query).get("pageToken", ["0"])[0]))

        def _page(self, start: int) -> None:
            named = asked[-1].removeprefix("SELECT ").partition(" FROM")[0].split(", ")
            chosen = {name: columns[name] for name in named}
            count = len(columns[named[0]])
            end = min(start + _PAGE, count)
            rows = zip(*(values[start:end] for values in chosen.values()), strict=True)
            kinds = {n: "STRING" if isinstance(v[0], str) else "FLOAT" for n, v in chosen.items()}
            page: dict[str, Any] = {
                "jobComplete": True,
                "jobReference": job,
                "schema": {"fields": [{"name": n, "type": kind} for n, kind in kinds.items()]},
                "totalRows": str(count),
                "rows": [{"f": [{"v": str(value)} for value in row]} for row in rows],
            }
            self._answer(page | ({"pageToken": str(end)} if end < count else {}))

        def _answer(self, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
