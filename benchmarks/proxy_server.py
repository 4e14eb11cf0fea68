"""A model server, or a proxy before it, in a process of its own.

``python -m benchmarks.proxy_server VARIANT [UPSTREAM]`` serves one of: ``model``, which answers as
MLflow's server does, at once; ``bare``, a reverse proxy of uvicorn and httpx without telemetry; and
``otelml``, what ``otelml proxy`` serves, with real exporters. Its first line is its port; it ends
with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from typing import Any

import httpx
import uvicorn

COLUMNS = [f"f{i}" for i in range(11)]
BODY = json.dumps(
    {"dataframe_split": {"columns": COLUMNS, "data": [[i / 11 for i in range(11)]]}}
).encode()
ANSWER = json.dumps({"predictions": [{"label": "yes", "score": 0.875}]}).encode()
_HOP = {b"connection", b"keep-alive", b"te", b"transfer-encoding", b"upgrade"}


async def _body(receive: Any) -> Any:
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def _model(_scope: Any, receive: Any, send: Any) -> None:
    async for _ in _body(receive):
        pass
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(ANSWER)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def _bare(upstream: str) -> Any:
    limits = httpx.Limits(max_connections=None, keepalive_expiry=1.0)
    transport = httpx.AsyncHTTPTransport(trust_env=False, limits=limits)
    authority = upstream.removeprefix("http://").encode()

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        passed = [(n, v) for n, v in scope["headers"] if n not in _HOP and n != b"host"]
        request = httpx.Request(
            scope["method"],
            upstream,
            headers=[(b"host", authority), *passed],
            content=_body(receive),
            extensions={"target": scope["raw_path"]},
        )
        answer = await transport.handle_async_request(request)
        headers = [(n.lower(), v) for n, v in answer.headers.raw if n.lower() not in _HOP]
        await send(
            {"type": "http.response.start", "status": answer.status_code, "headers": headers}
        )
        async for chunk in answer.aiter_raw():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return proxy


def _otelml(upstream: str) -> Any:
    import otelml
    from otelml._proxy import Protocols, Reader, Upstream, application

    otelml.init("model-proxy", model="loan", instrument=("asgi", "logging", "system"))
    reader = Reader()
    reader.start()
    return application(Upstream(upstream), Protocols(), reader)


def main() -> None:
    """Serve until standard input ends."""
    variant, *upstream = sys.argv[1:]
    out, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for good
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    proxies = {"bare": _bare, "otelml": _otelml}
    made: Any = _model if variant == "model" else proxies[variant](*upstream)
    config = uvicorn.Config(
        made, http="h11", ws="none", lifespan="off", server_header=False, date_header=False,
        proxy_headers=False, access_log=False, log_config=None, log_level="critical",
        timeout_keep_alive=60,
    )  # fmt: skip
    server = uvicorn.Server(config)

    def stop() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop, daemon=True).start()
    print(listener.getsockname()[1], file=out, flush=True)
    asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
