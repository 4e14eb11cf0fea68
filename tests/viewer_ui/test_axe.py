"""Axe finds nothing on any page: large and small, light and dark, full, empty and failing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ui_api import Site
from ui_browser import Browser
from ui_odd import SPAN_IDS, TRACE, send_details, send_odd, send_refused

from otelml.viewer import Viewer

pytestmark = pytest.mark.slow  # npm installs axe

HERE = Path(__file__).parent
INSTALL_S = 200
SIZES = {"large": (1400, 900), "small": (390, 844)}
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then((found) => done(found.violations.map((each) =>
  [each.id, each.help, each.nodes.slice(0, 3).map((node) => node.html.slice(0, 200) + " " + (node.any[0]?.message ?? ""))])));
"""
FULL = {
    "models": ("/models", {}, ".table tbody tr"),
    "model": ("/models/loan", {}, ".stat"),
    "services": ("/services", {}, ".table tbody tr"),
    "service": ("/services/loan-api", {}, ".table tbody tr"),
    "traces": ("/traces", {}, ".table tbody tr"),
    "spans": ("/traces", {"view": "spans"}, ".table tbody tr"),
    "trace": ("trace", {}, ".span-row"),
    "two traces": ("two", {}, ".compare-row"),
    "two versions": ("/compare/models/loan", {}, ".findings, .nothing, .pad"),
    "metrics": ("/metrics", {}, "figure canvas"),
    "logs": ("/logs", {}, ".log"),
    "status": ("/status", {}, ".stat"),
    "unknown": ("/nowhere", {}, ".empty"),
    "no trace": (f"/traces/{'9' * 32}", {}, ".failed"),
}
ODD = {
    "span": (f"/traces/{TRACE.hex()}", {"span": SPAN_IDS[0]}, ".detail"),
    "details": ("/metrics", {"name": "old.summary"}, "table"),
    "no buckets": ("/metrics", {"name": "no.buckets", "agg": "p95"}, ".nothing"),
    "open record": ("/logs", {}, ".log"),
    "refused": ("/status", {}, ".stat"),
}


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core."""
    folder = tmp_path_factory.mktemp("axe")
    shutil.copy(HERE / "package.json", folder)
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    subprocess.run(install, cwd=folder, check=True, timeout=INSTALL_S)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def odd() -> Iterator[Site]:
    """A viewer to which all kinds of odd telemetry were sent."""
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    otlp = f"http://127.0.0.1:{viewer.ports.http}"
    for send in (send_odd, send_details, send_refused):
        send(otlp)
    yield Site(web=f"http://127.0.0.1:{viewer.ports.web}", otlp=otlp)
    viewer.stop()


def _violations(browser: Browser, axe: str) -> list[Any]:
    browser.script(axe)
    browser.driver.set_script_timeout(60)
    return list(browser.driver.execute_async_script(RUN))


def _check(browser: Browser, axe: str, url: str, ready: str) -> None:
    for theme in ("light", "dark"):
        browser.open(f"{url}{'&' if '?' in url else '?'}theme={theme}")
        browser.one(ready)
        browser.script(
            "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
        )
        assert _violations(browser, axe) == [], theme


@pytest.mark.parametrize("page", FULL)
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing(browser: Browser, site: Site, axe: str, page: str, size: str) -> None:
    """Every page with what `ui_seed` sent."""
    path, params, ready = FULL[page]
    if path == "trace":
        path = f"/traces/{site.seed.traces[5]}"
    if path == "two":
        path, params = "/compare/traces", {"a": site.seed.traces[5], "b": site.seed.traces[6]}
    browser.size(*SIZES[size])
    _check(browser, axe, site.page(path, **params), ready)


@pytest.mark.parametrize("page", ODD)
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_where_telemetry_is_odd(
    browser: Browser, odd: Site, axe: str, page: str, size: str
) -> None:
    """Stack traces, folded texts, tables of details, reasons of refusal."""
    path, params, ready = ODD[page]
    browser.size(*SIZES[size])
    url = odd.page(path, **params)
    if page == "open record":
        browser.open(url)
        browser.one(".log-level").click()
        browser.one(".log-json")
        assert _violations(browser, axe) == []
    else:
        _check(browser, axe, url, ready)


@pytest.mark.parametrize("page", ["/models", "/traces", "/metrics", "/logs", "/status"])
def test_axe_finds_nothing_where_nothing_came(
    browser: Browser, empty_site: Site, axe: str, page: str
) -> None:
    """What stands there before the first telemetry."""
    _check(browser, axe, f"{empty_site.web}{page}", "main h1")


def test_axe_would_find_what_is_wrong(browser: Browser, site: Site, axe: str) -> None:
    """A button without a name is told: the check is not blind."""
    browser.open(site.page("/logs"))
    browser.one(".log")
    browser.script("document.querySelector('main').append(document.createElement('button'))")
    assert [each[0] for each in _violations(browser, axe)] == ["button-name"]
