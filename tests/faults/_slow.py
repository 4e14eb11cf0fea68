"""Proxies before the real backends which answer late."""

from __future__ import annotations

import http.client
import threading
import time
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import grpc

_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_PASSED_ON = ("Content-Type", "Content-Encoding", "VL-Stream-Fields")


class Delay:
    """How long each request is held, in seconds; may be changed at any time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.requests = 0

    def wait(self) -> None:
        """Hold a request."""
        self.requests += 1
        time.sleep(self.seconds)


@contextmanager
def http_proxy(target: str, delay: Delay):
    """Pass POST requests on to ``http://host:port``; yield the address of the proxy."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            delay.wait()
            connection = http.client.HTTPConnection(urlsplit(target).netloc, timeout=30)
            headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
            connection.request("POST", self.path, body, headers)
            with connection.getresponse() as response:
                answer = response.read()
                self.send_response(response.status)
            connection.close()
            self.send_header("Content-Type", response.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def grpc_proxy(target: str, delay: Delay):
    """Pass unary calls on to ``host:port``; yield the address of the proxy."""
    with grpc.insecure_channel(target, options=_UNLIMITED) as channel:

        class Handler(grpc.GenericRpcHandler):
            def service(self, details):
                call = channel.unary_unary(details.method)

                def answer(request: bytes, context) -> bytes:
                    delay.wait()
                    try:
                        return call(request, timeout=30)
                    except grpc.RpcError as error:
                        context.abort(error.code(), error.details())

                return grpc.unary_unary_rpc_method_handler(answer)

        server = grpc.server(futures.ThreadPoolExecutor(32), options=_UNLIMITED)
        server.add_generic_rpc_handlers((Handler(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(5).wait()
