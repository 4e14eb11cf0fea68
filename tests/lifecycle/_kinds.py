"""The servers that are tried, each with its command."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tests.lifecycle._servers import tool

_GUNICORN = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:{port}"]
_GEVENT = ["-k", "gevent", "shop:app"]
_RUN = [sys.executable, "-m", "otelml", "run", "--"]
_UVICORN = [sys.executable, "-m", "uvicorn", "--port", "{port}"]
_UWSGI = [tool("uwsgi"), "--http-socket", "127.0.0.1:{port}", "--wsgi-file", "shop.py"]
_GRACEFUL = ["--hook-master-start", "unix_signal:15 gracefully_kill_them_all"]
_PYWSGI = """
import signal, sys
{before}
from shop import app
{after}
import gevent
from gevent.pywsgi import WSGIServer
server = WSGIServer(("127.0.0.1", int(sys.argv[1])), app, log=None)
gevent.signal_handler(signal.SIGTERM, lambda: server.stop(timeout=10))
server.serve_forever()
"""
_PATCH = "import gevent.monkey; gevent.monkey.patch_all()"


@dataclass(frozen=True)
class Kind:
    """A server.

    Args:
        command: How it is started without otelml; ``{port}`` is a free port.
        workers: Processes that serve.
        drains: Whether the server itself waits for requests under way at SIGTERM.
        run: Whether otelml comes in by ``otelml run`` rather than by ``init``.
    """

    command: list[str]
    workers: int = 1
    drains: bool = True
    run: bool = False

    def how(self, *, with_otelml: bool) -> tuple[list[str], str]:
        """Its command, and the value of the application's variable ``WITH``."""
        if not with_otelml:
            return self.command, "none"
        return ([*_RUN, *self.command], "run") if self.run else (self.command, "init")


def _gunicorn(*options, workers=1, run=False):
    return Kind([*_GUNICORN, "-w", str(workers), *options], workers, run=run)


def _pywsgi(before="", after=""):
    program = _PYWSGI.format(before=before, after=after)
    return Kind([sys.executable, "-c", program, "{port}"], drains=False)


def _uwsgi(*options):
    command = [*_UWSGI, "--callable", "app", "--master", "--processes", "2", *_GRACEFUL, *options]
    return Kind(command, workers=2)


KINDS = {
    "gunicorn gevent": _gunicorn(*_GEVENT),
    "gunicorn gevent, preload": _gunicorn(*_GEVENT, "--preload", workers=2),
    "otelml run gunicorn gevent": _gunicorn(*_GEVENT, run=True),
    "otelml run gunicorn gevent, preload": _gunicorn(*_GEVENT, "--preload", run=True),
    "gunicorn sync": _gunicorn("shop:app", workers=2),
    "gunicorn sync, preload": _gunicorn("--preload", "shop:app", workers=2),
    "gunicorn gthread": _gunicorn("-k", "gthread", "--threads", "4", "shop:app"),
    "gunicorn gthread, preload": _gunicorn(
        "-k", "gthread", "--threads", "4", "--preload", "shop:app", workers=2
    ),
    "gevent.pywsgi, patched before": _pywsgi(before=_PATCH),
    "gevent.pywsgi, patched after": _pywsgi(after=_PATCH),
    "uvicorn, ASGI": Kind([*_UVICORN, "shop:asgi"]),
    "uvicorn, two workers": Kind([*_UVICORN, "--workers", "2", "shop:asgi"], workers=2),
    "uvicorn, WSGI by asgiref": Kind([*_UVICORN, "--factory", "shop:wsgi_by_asgiref"]),
    "waitress": Kind(
        [sys.executable, "-m", "waitress", "--listen", "127.0.0.1:{port}", "shop:app"],
        drains=False,
    ),
    "uWSGI": _uwsgi("--enable-threads"),
    "uWSGI, lazy-apps": _uwsgi("--enable-threads", "--lazy-apps"),
    "uWSGI, two threads": _uwsgi("--threads", "2"),
}
