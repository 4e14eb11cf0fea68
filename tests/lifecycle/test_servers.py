"""Real servers: every request is answered, each prediction counted once, none cut by SIGTERM."""

from __future__ import annotations

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import run
from tests.lifecycle._kinds import KINDS
from tests.lifecycle._servers import measure, serving

_QUICK = {"gunicorn gevent", "otelml run gunicorn gevent", "uWSGI"}
_MESSAGE = "add `enable-threads = true` to its configuration"


@pytest.mark.parametrize(
    "name", [k if k in _QUICK else pytest.param(k, marks=pytest.mark.slow) for k in KINDS]
)
def test_server(name, tmp_path):
    """Requests are answered and counted; SIGTERM waits for the one under way, as the server does."""
    kind = KINDS[name]
    seen = measure(tmp_path, kind, 100)
    # A telemetry thread that blocks the loop lets the server run into its timeout of 30 s.
    assert (seen.answered, seen.last is not False, seen.ended_s < 15) == (100, True, True), seen.log
    assert "Exception ignored" not in seen.log, seen.log
    expected = 101 if kind.drains else 100
    assert (seen.spans, seen.counted) == (expected, expected), seen.log
    # One that served nothing may send nothing; a master has metrics of its own.
    assert 1 <= seen.ids <= kind.workers + 1


@pytest.mark.parametrize("has_threads", [0, 1])
@pytest.mark.parametrize("worker", [0, 1, 2])
def test_uwsgi_without_threads(has_threads, worker):
    """One message says what to add; newer uWSGIs always run threads, so this stands for an older."""
    code, out, err = run(
        f"""
import sys, types
uwsgi = types.ModuleType("uwsgi")
uwsgi.masterpid, uwsgi.worker_id, uwsgi.has_threads = lambda: 1, lambda: {worker}, {has_threads}
sys.modules["uwsgi"] = uwsgi
import otelml
otelml.init("shop", instrument="none", system=False, logs=False)
otelml.shutdown(0)
""",
        OTEL_SDK_DISABLED="true",
    )
    assert (code, out) == (0, ""), err
    assert err.count(_MESSAGE) == (1 if worker < 2 and not has_threads else 0)


def test_uwsgi_with_threads(tmp_path):
    """The real one, which runs threads, is told nothing."""
    command = [*KINDS["uWSGI"].command, "--enable-threads"]
    with OtlpServer() as server, serving(tmp_path, command, server):
        pass
    assert _MESSAGE not in (tmp_path / "stderr.txt").read_text()
