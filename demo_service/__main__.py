"""Serves the demo: ``python -m demo_service``."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from types import FrameType

import waitress

from demo_service.app import create_app
from demo_service.artifact import ModelError

_THREADS = 16


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo_service", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=8000, help="port (default 8000; 0: any)")
    options = parser.parse_args(arguments)
    try:
        app = create_app()
    except ModelError as error:
        return _fail(str(error))
    try:
        server = waitress.create_server(
            app, host=options.host, port=options.port, threads=_THREADS, ident="loan-api"
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
