"""What the Collector's own load generator sends is stored, each item once, and the pages show it."""

from __future__ import annotations

import subprocess

import pytest
from ui_api import Site
from ui_browser import Browser

from engines.build import binary
from otelml.viewer import Viewer

pytestmark = [pytest.mark.stack]  # make test-stack builds it

WORKERS, EACH = 4, 50
KINDS = ("Gauge", "Sum", "Histogram", "ExponentialHistogram")


@pytest.fixture
def viewer():
    """A viewer of its own."""
    started = Viewer(grpc_port=0, http_port=0, web_port=0)
    started.start()
    yield started
    started.stop()


@pytest.fixture(params=["grpc", "http"])
def send(request: pytest.FixtureRequest, viewer: Viewer):
    """Run the generator to its end, over gRPC or HTTP; it fails where anything is refused."""
    over_http = request.param == "http"
    port = viewer.ports.http if over_http else viewer.ports.grpc
    to = ["--otlp-insecure", "--otlp-endpoint", f"127.0.0.1:{port}"]

    def run(signal: str, *options: str) -> None:
        command = [str(binary("telemetrygen")), signal, *to, *["--otlp-http"] * over_http]
        done = subprocess.run(
            [*command, "--rate", "0", *options],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-2000:]
        assert "partial success" not in said

    return run


def site_of(viewer: Viewer) -> Site:
    """Its pages and its API."""
    return Site(
        web=f"http://127.0.0.1:{viewer.ports.web}", otlp=f"http://127.0.0.1:{viewer.ports.http}"
    )


def test_traces(browser: Browser, viewer: Viewer, send) -> None:
    """Failed spans with links, sent one by one as its queue drops what comes too fast."""
    send(
        "traces", "--traces", str(EACH), "--child-spans", "3", "--workers", str(WORKERS),
        "--span-links", "2", "--status-code", "Error", "--service", "gen", "--batch=false",
    )  # fmt: skip
    site = site_of(viewer)
    status = site.api("/status")
    assert (status["traces"], status["spans"]) == (WORKERS * EACH, WORKERS * EACH * 4)
    assert (status["rejected"], status["dropped"]) == (0, 0)
    listed = site.api("/traces", limit=WORKERS * EACH)["traces"]
    assert {(trace["spans"], trace["error"]) for trace in listed} == {(4, True)}
    browser.open(site.page(f"/traces/{listed[0]['trace_id']}"))
    browser.until(lambda: len(browser.all(".span-row")) == 4, "a trace's four spans")
    browser.open(site.page("/services"))
    browser.one(".table tbody tr", "gen")
    assert browser.problems() == []


def test_large_spans(viewer: Viewer, send) -> None:
    """Megabytes in an attribute."""
    send("traces", "--traces", "3", "--child-spans", "1", "--size", "1")
    status = site_of(viewer).api("/status")
    assert (status["spans"], status["rejected"], status["dropped"]) == (6, 0, 0)


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_metrics(browser: Browser, viewer: Viewer, send, temporality: str) -> None:
    """Each kind; several workers write one series of deltas, each later than the other at times."""
    workers = 1 if temporality == "cumulative" else WORKERS
    for kind in KINDS:
        send(
            "metrics", "--metrics", str(EACH), "--metric-type", kind, "--workers", str(workers),
            "--aggregation-temporality", temporality, "--otlp-metric-name", f"gen.{kind}",
        )  # fmt: skip
    site = site_of(viewer)
    status = site.api("/status")
    assert (status["rejected"], status["dropped"]) == (0, 0), status
    assert status["points"] == len(KINDS) * EACH * workers
    assert [each["name"] for each in site.api("/metrics")["metrics"]] == [
        f"gen.{kind}" for kind in sorted(KINDS)
    ]
    for kind in KINDS:
        browser.open(site.page("/metrics", name=f"gen.{kind}"))
        browser.one("h1, h2", f"gen.{kind}")
    assert browser.problems() == []


def test_logs(browser: Browser, viewer: Viewer, send) -> None:
    """Each with its severity."""
    send(
        "logs", "--logs", str(EACH), "--workers", str(WORKERS), "--body", "generated",
        "--severity-number", "17", "--severity-text", "Error",
    )  # fmt: skip
    site = site_of(viewer)
    status = site.api("/status")
    assert (status["logs"], status["rejected"], status["dropped"]) == (WORKERS * EACH, 0, 0)
    browser.open(site.page("/logs"))
    browser.one(".log", "generated")
    assert browser.problems() == []
