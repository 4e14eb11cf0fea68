"""Two traces and two versions of a model side by side."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys
from ui_api import Site
from ui_browser import Browser
from ui_calls import send_calls, send_versions

ROWS = "return [...document.querySelectorAll('.compare-row[role=treeitem]')].map((row) => row.firstElementChild.textContent.replaceAll('\\u202f', ' '))"


def test_a_trace_is_laid_beside_another_in_two_clicks(browser: Browser, empty_site: Site) -> None:
    """From the trace to the list of its operation's requests, and from there to the comparison."""
    fast, slow = send_calls(empty_site.otlp)
    browser.open(empty_site.page(f"/traces/{fast}"))
    browser.one(".trace-tools a", "Compare with").click()
    browser.one(".table tbody tr a").click()
    browser.one(".facts", "B takes 60 ms longer than A")
    assert f"a={fast}&b={slow}" in browser.driver.current_url
    rows = browser.script(ROWS)
    by_name = {row.split(",")[0]: row for row in rows}
    assert "\u00d71 → \u00d78" in by_name["query"]
    assert "difference +36 ms" in by_name["query"]
    assert "only in A" in by_name["audit"]
    assert "only in B" in by_name["warm cache"]
    assert "difference ±0" in by_name["inference"]
    browser.one(".compare-side", "130 ms")
    browser.one(".compare-side", "190 ms")


def test_changed_attributes_swap_and_differences_only(browser: Browser, empty_site: Site) -> None:
    """The arrow keys walk; the selected line shows what changed; the URL holds it all."""
    fast, slow = send_calls(empty_site.otlp)
    browser.open(empty_site.page("/compare/traces", a=fast, b=slow))
    browser.one(".compare-row.on", "POST /apply")
    browser.one(".compare-detail", "The same attributes")
    browser.script("document.querySelector('.span-list').focus()")
    browser.press(*[Keys.ARROW_DOWN] * 3)
    browser.one(".compare-row.on", "query")
    changed = [text.split() for text in browser.texts(".changed tbody tr")]
    assert changed == [["db.keys", "20", "5"]]
    browser.one(".toggle", "differences only").click()
    browser.until(
        lambda: len(browser.script(ROWS)) == 7, "only what differs, with what is above it"
    )
    assert not any(row.startswith("inference,") for row in browser.script(ROWS))
    browser.one(".button", "Swap").click()
    browser.one(".facts", "B takes 60 ms less than A")
    assert f"a={slow}&b={fast}" in browser.driver.current_url
    browser.open(browser.driver.current_url)
    browser.one(".facts", "B takes 60 ms less than A")
    assert browser.problems() == []


def test_what_a_version_did_differently_is_one_click_from_its_page(
    browser: Browser, empty_site: Site
) -> None:
    """From the model's page: slower and failing, with numbers, intervals and the predictions behind."""
    send_versions(empty_site.otlp)
    browser.open(empty_site.page("/models/loan", version="3"))
    browser.one(".page-head a", "Compare versions").click()
    browser.one("h2", "What 3 did differently from 2")
    told = browser.texts(".finding")
    assert any("Slower: median" in text and "11 ms → 21 ms" in text for text in told)
    failing = next(text for text in told if "Fails more often" in text)
    assert "0 % → 20 %" in failing
    assert not any("approved" in text for text in told)
    api = empty_site.api("/compare/models/loan", a="2", b="3")
    table = browser.texts("section[aria-label='All numbers'] tbody tr")
    assert len(table) == len(api["measures"])
    assert len(browser.all("figure")) == 3
    browser.one(".button", "Swap").click()
    browser.one("h2", "What 2 did differently from 3")
    assert {"a=3", "b=2"} <= set(browser.driver.current_url.partition("?")[2].split("&"))
    link = browser.one(".finding a", "predictions").get_attribute("href")
    assert "/models/loan" in link
    assert "version=2" in link


def test_what_cannot_be_compared_says_so(browser: Browser, site: Site, empty_site: Site) -> None:
    """One version, no such version, no such trace, no trace chosen."""
    browser.open(site.page("/compare/models/loan"))
    browser.one(".nothing", "one version only")
    browser.open(site.page("/compare/models/loan", a="99"))
    browser.one(".failed", "no version '99'")
    browser.open(site.page("/compare/traces", a=site.seed.traces[5], b="9" * 32))
    browser.one(".failed", "not stored")
    browser.open(empty_site.page("/compare/traces"))
    browser.one(".page-head", "Open a trace and choose")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_comparisons_fit_a_small_window(browser: Browser, empty_site: Site, theme: str) -> None:
    """At 360 pixels nothing is wider than the window, and the console stays silent."""
    fast, slow = send_calls(empty_site.otlp)
    send_versions(empty_site.otlp)
    browser.size(360, 740)
    for address, ready in (
        (empty_site.page("/compare/traces", a=fast, b=slow, theme=theme), ".compare-row.on"),
        (empty_site.page("/compare/traces", a=fast, theme=theme), ".table tbody tr"),
        (empty_site.page("/compare/models/loan", theme=theme), ".finding"),
        (empty_site.page(f"/traces/{fast}", theme=theme), ".span-row"),
    ):
        browser.open(address)
        browser.one(ready)
        assert browser.overflow() == 0, address
    assert browser.problems() == []
