"""The services' pages, the search for spans, and files: what the pages show is what the API says."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from ui_api import Site
from ui_browser import Browser, plain

from otelml.viewer import Viewer

NS = 1_000_000_000
TRACES = 300


def _scene():
    path = Path(__file__).parents[1] / "viewer" / "scene.py"
    spec = importlib.util.spec_from_file_location("otelml_viewer_scene", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _send(otlp: str, request) -> None:
    sent = urllib.request.Request(
        f"{otlp}/v1/traces",
        request.SerializeToString(),
        {"Content-Type": "application/x-protobuf"},
    )
    with urllib.request.urlopen(sent, timeout=60) as response:
        response.read()


@pytest.fixture(scope="module")
def shop():
    """A viewer with four services, a look-up that got slower, and deadlocks."""
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    found = Site(
        web=f"http://127.0.0.1:{viewer.ports.web}", otlp=f"http://127.0.0.1:{viewer.ports.http}"
    )
    now = time.time_ns()
    found.slower_ms = now / 1e6 - 300_000
    scene = _scene().Scene(slower_ns=now - 300 * NS, deadlocks=100)
    for part in range(3):
        start = now - (900 - 300 * part) * NS
        _send(found.otlp, scene.request(start, start + 299 * NS, TRACES // 3))
    found.failed = scene.failed
    yield found
    viewer.stop()


def rows(browser: Browser, label: str) -> list[str]:
    """Return the lines of a table."""
    return browser.texts(f"table[aria-label='{label}'] tbody tr")


def test_without_predictions_the_first_page_is_services(browser: Browser, shop: Site) -> None:
    browser.open(shop.page("/"))
    browser.one("h1", "Services")
    browser.one(".rail-link.on", "Services")
    browser.one(".map .node")
    listed = [row["name"] for row in shop.api("/red")["services"]]
    assert [row.split("\t")[0].split("\n")[0] for row in rows(browser, "Services")] == listed


def test_with_predictions_the_first_page_is_models(browser: Browser, site: Site) -> None:
    browser.open(site.page("/"))
    browser.one("h1", "Models")
    browser.one(".rail-link.on", "Models")


def test_the_map_says_who_calls_whom_and_its_table_too(browser: Browser, shop: Site) -> None:
    browser.open(shop.page("/services"))
    browser.one(".map .node")
    found = shop.api("/calls")
    names = browser.script(
        "return [...document.querySelectorAll('.map .node-name')].map((e) => e.textContent)"
    )
    assert sorted(names) == sorted(node["name"] for node in found["nodes"])
    lines = browser.script(
        "return [...document.querySelectorAll('.map .edge')].map((e) => e.parentNode.getAttribute('aria-label'))"
    )
    assert len(lines) == len(found["edges"]) == 4
    assert any(line.startswith("loan-api calls feature-store: ") for line in lines)
    assert any(line.startswith("loan-api sends messages to audit: ") for line in lines)
    assert len(rows(browser, "Calls")) == 4


def test_each_number_leads_to_its_spans(browser: Browser, shop: Site) -> None:
    """The errors of a service are the spans that failed in it."""
    (row,) = (row for row in shop.api("/red")["services"] if row["name"] == "gateway")
    browser.open(shop.page("/services"))
    line = browser.one("table[aria-label=Services] tbody tr", "gateway")
    line.find_element("css selector", "a.fail").click()
    browser.one("input[name=query]")
    browser.until(lambda: rows(browser, "Spans"), "the spans")
    assert "view=spans" in browser.driver.current_url
    shown = rows(browser, "Spans")
    assert len(shown) == shop.api("/spans", query="service=gateway status=error")["total"]
    assert len(shown) >= row["errors"] == TRACES // 100
    assert all("rolled back" in each for each in shown)


def test_which_operation_got_slower_stands_on_the_page(browser: Browser, shop: Site) -> None:
    """With the time since when; a click shows the time around it."""
    browser.open(shop.page("/services"))
    line = browser.one("table[aria-label=Operations] tbody tr", "GET /features/{id}")
    said = plain(line.text)
    assert "slower since" in said
    line.find_element("css selector", "button.change").click()
    browser.one(".zoomed")
    start, end = (
        float(browser.driver.current_url.split(f"{key}=")[1].split("&")[0])
        for key in ("from", "to")
    )
    assert start < shop.slower_ms < end


def test_a_service_has_its_charts_operations_and_neighbours(browser: Browser, shop: Site) -> None:
    browser.open(shop.page("/services/feature-store"))
    browser.until(lambda: len(browser.all("figure")) == 2, "two charts")
    assert len(rows(browser, "Operations")) == 2
    browser.until(lambda: rows(browser, "Called by"), "who calls it")
    assert rows(browser, "Called by")[0].startswith("loan-api")
    assert "postgresql" in rows(browser, "Calls")[0]
    browser.one("table[aria-label='Called by'] .row-link").click()
    browser.until(lambda: rows(browser, "Spans"), "the calls")
    assert browser.one("input[name=query]").get_attribute("value") == (
        "service=feature-store caller=loan-api"
    )


def test_which_request_failed_with_deadlock(browser: Browser, shop: Site) -> None:
    """The word finds the traces; a click opens the span that says it."""
    browser.open(shop.page("/traces"))
    browser.one("input[name=query]").send_keys("deadlock")
    browser.until(lambda: len(rows(browser, "Traces")) == len(shop.failed), "the failed traces")
    browser.one("table[aria-label=Traces] .row-link").click()
    browser.one(".span-row.on", "SELECT features")
    assert browser.driver.current_url.split("?")[0].rsplit("/", 1)[1] in shop.failed


def test_slowest_first_is_over_the_whole_range(browser: Browser, shop: Site) -> None:
    """By the column's head as by the buttons; pages go on in that order."""
    total = shop.api("/traces")["total"]
    assert total > 200
    browser.open(shop.page("/traces"))
    browser.one("table[aria-label=Traces] th button", "Duration").click()
    slowest = shop.api("/traces", order="slowest", limit=1000)["traces"]
    browser.until(lambda: "order=slowest" in browser.driver.current_url, "the order")
    first = f"/traces/{slowest[0]['trace_id']}"
    links = "return [...document.querySelectorAll('.table .row-link')].map((e) => e.pathname)"
    browser.until(lambda: browser.script(links)[:1] == [first], "the slowest")
    browser.one(".page-head", f"200 of {total}")
    browser.one(".pages button", "Next").click()
    second = f"/traces/{slowest[200]['trace_id']}"
    browser.until(lambda: browser.script(links)[:1] == [second], "the second page")
    assert browser.script(links)[-1] == f"/traces/{slowest[min(399, total - 1)]['trace_id']}"


def test_cells_can_be_narrowed_by_a_box(browser: Browser, shop: Site) -> None:
    """Of more traces than are listed the box is asked of the viewer."""
    browser.open(shop.page("/traces"))
    browser.one("table[aria-label=Traces] tbody tr")
    browser.drag(".u-over", (0.1, 0.02), (0.9, 0.45))
    browser.one(".zoomed")
    assert "min_ms=" in browser.driver.current_url
    assert "max_ms=" in browser.driver.current_url


def test_a_query_that_makes_no_sense_says_why(browser: Browser, shop: Site) -> None:
    browser.open(shop.page("/traces", query="duration>soon"))
    browser.one(".failed", "Duration needs a time such as 200ms")


def test_the_help_fills_the_search(browser: Browser, shop: Site) -> None:
    browser.open(shop.page("/traces"))
    browser.one(".search-help summary").click()
    browser.one(".example", "error~timeout").click()
    browser.until(
        lambda: browser.one("input[name=query]").get_attribute("value") == "error~timeout",
        "the example",
    )
    browser.one(".nothing", "No traces match")


def test_a_trace_goes_out_as_a_file_and_comes_in_again(
    browser: Browser, shop: Site, empty_site: Site, tmp_path: Path
) -> None:
    """The link's file, chosen in another viewer, opens there."""
    trace_id = shop.failed[0]
    browser.open(shop.page(f"/traces/{trace_id}"))
    link = browser.one("a[download]", "Download")
    with urllib.request.urlopen(link.get_attribute("href"), timeout=30) as response:
        body = response.read()
    assert json.loads(body)["resourceSpans"]
    file = tmp_path / "trace.json"
    file.write_bytes(body)
    browser.open(f"{empty_site.web}/traces")
    browser.one("input[type=file]").send_keys(str(file))
    browser.one(".span-row", "POST /loans")
    assert f"/traces/{trace_id}" in browser.driver.current_url
    assert (
        empty_site.api(f"/traces/{trace_id}")["spans"] == shop.api(f"/traces/{trace_id}")["spans"]
    )


def test_a_file_of_something_else_says_so(
    browser: Browser, empty_site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "x.json"
    file.write_text("hello")
    browser.open(f"{empty_site.web}/traces")
    browser.one("input[type=file]").send_keys(str(file))
    browser.one("[role=alert]", "neither OTLP JSON")


def test_the_keyboard_reaches_map_and_tables(browser: Browser, shop: Site) -> None:
    """A node of the map is a link; Enter opens the service."""
    browser.open(shop.page("/services"))
    browser.one(".map .node")
    browser.script("document.querySelector('.map-box').focus()")
    browser.press(Keys.TAB, Keys.ENTER)
    browser.one("h1", "Services / ")
    assert "/services/" in browser.driver.current_url
