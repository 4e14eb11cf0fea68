"""Serves the demo: ``python -m demo_service``."""

from __future__ import annotations

import argparse
import errno
import os
import secrets
import signal
import sys
from types import FrameType

import waitress

from demo_service.access import Access
from demo_service.app import create_app
from demo_service.artifact import ModelError
from otelml._hosts import is_loopback

_THREADS = 16
_MAX_BODY = 4 * 1024 * 1024
_READ_S = 30
_CONNECTIONS = 200


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo_service", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=8000, help="port (default 8000; 0: any)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="with another --host: answer to this name too, without a token",
    )
    options = parser.parse_args(arguments)
    access = _access(options.host, options.allow_host)
    try:
        app = create_app(access)
    except ModelError as error:
        return _fail(str(error))
    try:
        server = waitress.create_server(
            app,
            host=options.host,
            port=options.port,
            threads=_THREADS,
            ident="loan-api",
            max_request_body_size=_MAX_BODY,
            channel_timeout=_READ_S,
            connection_limit=_CONNECTIONS,
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _fail(f"port {options.port} is in use; choose another with --port")
        return _fail(f"cannot listen on {options.host}:{options.port}: {error.strerror or error}")
    # Requests under way are finished first, then what they emitted is flushed at exit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    print(f"serving on http://{options.host}:{server.effective_port}", flush=True)
    server.run()
    return 0


def _access(host: str, names: list[str]) -> Access:
    """Return whom to answer: where others can reach it, those who have a token."""
    if is_loopback(host) or names:
        if not is_loopback(host):
            print(f"warning: whoever reaches {host} can use this service", file=sys.stderr)
        return Access(hosts=frozenset(name.lower() for name in names))
    token = os.environ.get("DEMO_TOKEN", "").strip()
    print(f"warning: others can reach {host}, so each request needs a token", file=sys.stderr)
    if not token:
        token = secrets.token_urlsafe(24)
        print(f"token (DEMO_TOKEN sets it; a browser asks for it as the password): {token}")
    return Access(token=token)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("must be 0 to 65535")
    return port


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
