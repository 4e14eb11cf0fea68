"""A page of another origin in Chromium, against each listener of ``make demo`` and ``/metrics``.

It is tried from another site, from another port of this machine, and by a name that leads here.
"""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from demo_service import train
from otelml.viewer import Viewer
from tests.viewer_ui import ui_browser

_EVIL = "evil.example"
_TRY = """
const [url, bodies, done] = arguments;
const said = {};
const attempt = async (name, make) => {
  try {
    const answer = await make();
    const text = await answer.text();
    said[name] = answer.type === "opaque" || !text ? "" : text.slice(0, 200);
  } catch (error) { said[name] = ""; }
};
(async () => {
  await attempt("cors", () => fetch(url, {mode: "cors"}));
  await attempt("credentials", () => fetch(url, {mode: "cors", credentials: "include"}));
  await attempt("no-cors", () => fetch(url, {mode: "no-cors"}));
  for (const [media, body] of bodies) {
    const headers = {"Content-Type": media};
    await attempt("POST " + media, () => fetch(url, {method: "POST", mode: "no-cors", headers, body}));
    await attempt("cors POST " + media, () => fetch(url, {method: "POST", mode: "cors", headers, body}));
  }
  said.script = await new Promise((end) => {
    const script = document.createElement("script");
    script.onload = () => end("loaded");
    script.onerror = () => end("");
    script.src = url;
    document.head.append(script);
  });
  said.frame = await new Promise((end) => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
      try { end(frame.contentDocument ? frame.contentDocument.body.innerText : ""); }
      catch (error) { end(""); }
    };
    frame.src = url;
    document.body.append(frame);
  });
  done(said);
})();
"""
_APPLICATION = (
    '{"age": 41, "annual_income": 38500, "employment_years": 9.5, "employment_type": "employed",'
    '"home_ownership": "mortgage", "purpose": "car", "loan_amount": 9000, "term_months": 36,'
    '"credit_score": 700, "debt_to_income": 0.2, "open_accounts": 3, "late_payments": 0}'
)
_SPAN = (
    '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":'
    '{"stringValue":"planted"}}]},"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80'
    '319c","spanId":"b7ad6b7169203331","name":"planted","startTimeUnixNano":"1","endTimeUnixNano":'
    '"2"}]}]}]}'
)
_BODIES = [
    ["text/plain", _APPLICATION],
    ["text/plain", _SPAN],
    ["application/x-www-form-urlencoded", "age=41&actual=approved&who=x&why=y"],
    ["application/json", _SPAN],
]


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><main>evil</main>")

    def log_message(self, *_):
        """Nothing."""


def _port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as told:
        return told.read().decode()


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    """Demo, ``/metrics``, the viewer's pages and its receiver, as ``make demo`` starts them."""
    folder = tmp_path_factory.mktemp("model")
    assert train.main(["--rows", "1000", "--out", str(folder)]) == 0
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    demo, metrics = _port(), _port()
    environment = {
        **os.environ,
        "DEMO_MODEL_DIR": str(folder),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{viewer.ports.http}",
        "OTELML_PROMETHEUS": "true",
        "OTEL_EXPORTER_PROMETHEUS_PORT": str(metrics),
        "OTELML_LOGS_JSON": "false",
    }
    command = [sys.executable, "-m", "demo_service", "--port", str(demo)]
    service = subprocess.Popen(command, env=environment)
    try:
        for _ in range(600):
            try:
                _get(f"http://127.0.0.1:{demo}/healthz")
                break
            except (urllib.error.URLError, ConnectionError):
                assert service.poll() is None
                time.sleep(0.1)
        yield {
            "demo": demo, "metrics": metrics, "web": viewer.ports.web, "otlp": viewer.ports.http
        }  # fmt: skip
    finally:
        service.terminate()
        service.wait(30)
        viewer.stop()


@pytest.fixture(scope="module")
def page():
    """The page of the other origin."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium, for which the other site's name leads here."""
    before = ui_browser.FLAGS
    ui_browser.FLAGS = (*before, f"--host-resolver-rules=MAP {_EVIL} 127.0.0.1")
    try:
        one = ui_browser.Browser(tmp_path_factory.mktemp("profile"))
    finally:
        ui_browser.FLAGS = before
    one.driver.set_script_timeout(60)
    yield one
    one.close()


_PATHS = [
    *(("demo", path) for path in ("/", "/healthz", "/predict", "/predict/batch", "/feedback",
                                  "/review", "/ml/review", "/ml/monitor/status",
                                  "/ml/monitor/trigger", "/ml/monitor/accept")),
    ("metrics", "/metrics"),
    *(("web", path) for path in ("/", "/api/status", "/api/traces")),
    *(("otlp", path) for path in ("/v1/traces", "/v1/logs")),
]  # fmt: skip


@pytest.mark.parametrize("site", [_EVIL, "127.0.0.1", "localhost"])
def test_nothing_is_read_and_nothing_changes(browser, page, ports, site):
    """Whatever the page tries: requests, forms, scripts, frames."""
    browser.open(f"http://{site}:{page}/")
    for listener, path in _PATHS:
        url = f"http://127.0.0.1:{ports[listener]}{path}"
        said = browser.driver.execute_async_script(_TRY, url, _BODIES)
        assert not any(said.values()), (url, said)
    told = _get(f"http://127.0.0.1:{ports['metrics']}/metrics")
    assert "process_" in told
    assert "ml_prediction" not in told  # no application was decided
    assert "ml_feedback" not in told
    assert "planted" not in _get(f"http://127.0.0.1:{ports['web']}/api/services?range=all")


def test_by_a_name_that_leads_here(browser, ports):
    """DNS rebinding: the page's own origin is the listener, and it is not answered."""
    for listener, path in _PATHS:
        browser.driver.get(f"http://{_EVIL}:{ports[listener]}{path}")
        text = browser.script("return document.documentElement.innerText")
        assert "alone" in text or "does not answer for" in text, (listener, path, text)
