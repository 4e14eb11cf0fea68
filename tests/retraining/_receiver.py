"""A receiver of webhooks: verifies what it is sent as its makers say, with code of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time


class Receiver:
    """Listens on loopback; answers with the statuses given, then with 204.

    Args:
        secret: The key of the signature.
        statuses: Of the first answers.
        headers: Of each answer.
        certificate: Of TLS: certificate and key files.
    """

    def __init__(self, secret, statuses=(), headers=None, certificate=None):
        self.secret = secret.encode()
        self.statuses = list(statuses)
        self.requests = []
        self.problems = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.take(dict(self.headers.items()), body)
                self.send_response(outer.statuses.pop(0) if outer.statuses else 204)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_):
                """Be quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}/retrain"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def take(self, headers, body):
        """Keep a request, and what is wrong with it."""
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        wanted = base64.b64encode(hmac.digest(self.secret, signed, hashlib.sha256)).decode()
        if f"v1,{wanted}" not in headers["webhook-signature"].split(" "):
            self.problems.append("signature")
        if abs(time.time() - int(headers["webhook-timestamp"])) > 60:
            self.problems.append("timestamp")
        if headers["Idempotency-Key"] != headers["webhook-id"]:
            self.problems.append("idempotency key")
        self.requests.append((headers, json.loads(body)))

    @property
    def ids(self):
        """The ids of all requests."""
        return [headers["webhook-id"] for headers, _ in self.requests]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
