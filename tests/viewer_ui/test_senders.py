"""What real senders sent is what they were told was taken, what is stored, and what pages show."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ui_api import Site
from ui_browser import Browser
from ui_seed import post

from otelml.viewer import Viewer

pytestmark = pytest.mark.slow  # each is a process, and most are installed first

HERE = Path(__file__).parent / "senders"
ROUNDS = 20
SPANS = 3 * ROUNDS
JOBS = 3 * ROUNDS
SENDERS = (
    "node grpc", "node proto", "node http", "python sdk-http", "python sdk-grpc", "python logfire",
    "python openinference",
)  # fmt: skip
INSTALL = {"logfire": "logfire==5.4.0", "openinference": "openinference-instrumentation==0.1.72"}
INSTALL_S, SEND_S = 280, 120


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Node SDK and its exporters."""
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "send.mjs"):
        shutil.copy(HERE / name, folder)
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    subprocess.run(install, cwd=folder, check=True, timeout=INSTALL_S)
    return folder


@pytest.fixture
def viewer() -> Any:
    """A viewer of its own, so that everything in it is the sender's."""
    running = Viewer(grpc_port=0, http_port=0, web_port=0)
    running.start()
    yield running
    running.stop()


def _python(kind: str, folder: Path) -> str:
    """An interpreter that has the sender."""
    if kind not in INSTALL:
        return sys.executable
    subprocess.run(
        [sys.executable, "-m", "venv", str(folder / "venv")], check=True, timeout=INSTALL_S
    )
    python = str(folder / "venv" / "bin" / "python")
    wanted = [INSTALL[kind], "opentelemetry-exporter-otlp-proto-http"]
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *wanted], check=True, timeout=INSTALL_S
    )
    return python


def _send(sender: str, viewer: Viewer, request: pytest.FixtureRequest, folder: Path) -> Any:
    language, _, kind = sender.partition(" ")
    ports = viewer.ports
    address = f"http://127.0.0.1:{ports.grpc if 'grpc' in kind else ports.http}"
    if language == "node":
        command, folder = ["node", "send.mjs", kind], request.getfixturevalue("node")
    else:
        command = [_python(kind, folder), str(HERE / "send.py"), kind]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [*command, address, str(ROUNDS)],
        cwd=folder, env=clean, capture_output=True, text=True, timeout=SEND_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _total(site: Site, **params: str) -> float:
    answer = site.api("/metrics/query", **params)
    return sum(
        value for each in answer["series"] for value in each["values"] if value is not None
    )  # fmt: skip


@pytest.mark.parametrize("sender", SENDERS)
def test_what_was_sent_is_stored_and_shown(
    browser: Browser, viewer: Viewer, request: pytest.FixtureRequest, tmp_path: Path, sender: str
) -> None:
    """Spans, a counter, a histogram and logs: sent, acknowledged, stored, shown, one number."""
    acknowledged = _send(sender, viewer, request, tmp_path)
    site = Site(
        web=f"http://127.0.0.1:{viewer.ports.web}", otlp=f"http://127.0.0.1:{viewer.ports.http}"
    )
    stored = site.api("/status")
    assert (stored["rejected"], stored["dropped"]) == (0, 0), stored
    assert (acknowledged["spans"], stored["spans"]) == (SPANS, SPANS)
    assert (acknowledged["logs"], stored["logs"]) == (ROUNDS, ROUNDS)
    assert acknowledged["exports"] >= ROUNDS / 5
    name = {"name": "sender.jobs", "agg": "sum"}
    assert _total(site, **name) == JOBS
    halves = site.api("/metrics/query", **name, by="kind")["series"]
    assert {each["labels"]["kind"] for each in halves} == {"odd", "even"}
    assert _total(site, name="sender.duration", agg="sum") == pytest.approx(
        sum((n + 1) / 10 for n in range(ROUNDS))
    )

    browser.open(site.page("/traces"))
    # What a person reads is what the sender means, not always the span's name.
    browser.one(".table tbody tr", "LLM small" if "openinference" in sender else "job")
    assert len(browser.all(".table tbody tr")) == ROUNDS
    browser.one(".toggle", "errors only").click()
    browser.until(lambda: len(browser.all(".table tbody tr")) == 1, "the trace that failed")
    browser.one(".row-link").click()
    browser.one(".thrown", "disk full")
    assert [row["name"] for row in site.api("/traces", error=1)["traces"]] == ["job"]
    assert "sender-scope" in browser.texts(".pair dd")
    assert any("ünïcode 🔥" in text for text in browser.texts(".pair dd"))
    browser.open(site.page("/logs"))
    browser.one(".page-head", f"{ROUNDS} records")
    browser.one(".log", f"round {ROUNDS - 1}")
    browser.open(site.page("/metrics", name="sender.jobs", agg="sum"))
    browser.one(".metric-head", "sender.jobs")
    browser.one("figure canvas")
    assert browser.problems() == []


def test_json_that_was_written_by_hand_is_taken(viewer: Viewer) -> None:
    """Hand-made JSON: numbers as strings and as numbers, ids in capitals, fields nobody knows."""
    now = time.time_ns()
    body = {
        "resourceSpans": [{"unknown": 1, "scopeSpans": [{"spans": [{
            "traceId": "ABCDEF" + "0" * 26, "spanId": "ABCDEF0123456789", "name": "by hand",
            "startTimeUnixNano": now - 10**6, "endTimeUnixNano": str(now), "kind": "SPAN_KIND_SERVER",
            "attributes": [{"key": "n", "value": {"intValue": 7}}],
        }]}]}]
    }  # fmt: skip
    site = Site(
        web=f"http://127.0.0.1:{viewer.ports.web}", otlp=f"http://127.0.0.1:{viewer.ports.http}"
    )

    post(site.otlp, "traces", body)
    (span,) = site.api(f"/traces/abcdef{'0' * 26}")["spans"]
    assert (span["name"], span["kind"], span["attributes"]) == ("by hand", "server", {"n": 7})
