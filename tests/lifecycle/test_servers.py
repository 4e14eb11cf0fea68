"""Real servers: every request is answered, each prediction counted once, none cut by SIGTERM."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests._otlp_server import OtlpServer
from tests.lifecycle._servers import ask, end, predictions, serving, tool

_GUNICORN = [sys.executable, "-m", "gunicorn", "-w", "1", "-b", "127.0.0.1:{port}"]
_GEVENT = [*_GUNICORN, "-k", "gevent", "shop:app"]
_RUN = [sys.executable, "-m", "otelml", "run", "--"]
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


def _pywsgi(before="", after=""):
    return [sys.executable, "-c", _PYWSGI.format(before=before, after=after), "{port}"]


# Each with how otelml comes in, and whether the server itself waits for requests under way.
_KINDS = {
    "gevent": (_GEVENT, "init", True),
    "gevent, preload": ([*_GEVENT, "--preload"], "init", True),
    "otelml run gevent": ([*_RUN, *_GEVENT], "run", True),
    "otelml run gevent, preload": ([*_RUN, *_GEVENT, "--preload"], "run", True),
    "pywsgi, patched before": (_pywsgi(before=_PATCH), "init", False),
    "pywsgi, patched after": (_pywsgi(after=_PATCH), "init", False),
    "sync": ([*_GUNICORN, "shop:app"], "init", True),
    "gthread": ([*_GUNICORN, "-k", "gthread", "--threads", "4", "shop:app"], "init", True),
    "uvicorn": ([sys.executable, "-m", "uvicorn", "--port", "{port}", "shop:asgi"], "init", True),
    "waitress": (
        [sys.executable, "-m", "waitress", "--listen", "127.0.0.1:{port}", "shop:app"],
        "init",
        False,
    ),
}
_SLOW = set(_KINDS) - {"gevent", "otelml run gevent"}


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=pytest.mark.slow) if k in _SLOW else k for k in _KINDS]
)
def test_server(kind, tmp_path):
    """Requests are answered and counted; SIGTERM waits for the one under way, as the server does."""
    command, way, drains = _KINDS[kind]
    with OtlpServer() as server, serving(tmp_path, command, server, WITH=way) as (process, url):
        assert ask(url, 100) == 100
        answered, seconds = end(process, url, slow=drains)
        # A telemetry thread that blocks the loop lets the server run into its timeout of 30 s.
        assert (answered, seconds < 15) == (True, True), Path(process.log).read_text()
        expected = 101 if drains else 100
        assert server.span_names().count("predict loan") == expected
        assert predictions(server) == expected


def test_uwsgi(tmp_path):
    """Workers forked after init, without --lazy-apps, count for themselves, each by its own id."""
    command = [tool("uwsgi"), "--master", "--processes", "2", "--enable-threads", "--die-on-term"]
    app = ["--http-socket", "127.0.0.1:{port}", "--wsgi-file", "shop.py", "--callable", "app"]
    with OtlpServer() as server, serving(tmp_path, [*command, *app], server) as (process, url):
        assert ask(url, 100) == 100
        _, seconds = end(process, url, slow=False)
        assert seconds < 15, Path(process.log).read_text()
        assert server.span_names().count("predict loan") == 100
        assert predictions(server) == 100
        # The master may be an instance too: it has metrics of its own.
        assert len({r["service.instance.id"] for r in server.resources}) in {2, 3}
