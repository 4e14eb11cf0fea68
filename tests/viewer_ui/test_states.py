"""What stands on each page before its data comes, and where it does not come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ui_api import Site
from ui_browser import Browser

PAGES = {
    "/models": "Models",
    "/models/loan": "loan",
    "/services": "Services",
    "/services/loan-api": "loan-api",
    "/traces": "Traces",
    "/traces/{a}": "Traces",
    "/metrics": "Metrics",
    "/logs": "Logs",
    "/compare/traces?a={a}&b={b}": "Compare",
    "/compare/models/loan": "Compare",
}
# The API as it is when much is stored, and when a question is too much for it.
SLOW = """const real = window.fetch;
window.fetch = (what, ...rest) => String(what).includes("/api/") ? new Promise(() => {}) : real(what, ...rest);"""
FAILING = """window.fetch = async () => new Response(JSON.stringify({error: "the query took too long"}),
  {status: 503, headers: {"content-type": "application/json"}});"""


@pytest.fixture
def api_is(browser: Browser) -> Iterator[object]:
    """Puts another `fetch` into every page that is opened from now on."""
    put: list[str] = []

    def become(source: str) -> None:
        found = browser.command("Page.addScriptToEvaluateOnNewDocument", source=source)
        put.append(found["identifier"])

    yield become
    for each in put:
        browser.command("Page.removeScriptToEvaluateOnNewDocument", identifier=each)


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize(("source", "stands"), [(SLOW, ".skeleton"), (FAILING, ".failed")])
def test_a_page_without_its_data_says_what_it_is(
    browser: Browser, site: Site, api_is: object, source: str, stands: str, width: int
) -> None:
    """A heading, bones or one sentence with a way to try again; nothing beside the window."""
    assert callable(api_is)
    api_is(source)
    browser.size(width, 844)
    assert site.seed is not None
    ids = {"a": site.seed.traces[0], "b": site.seed.traces[1]}
    for path, heading in PAGES.items():
        browser.open(site.web + path.format(**ids))
        browser.one(f"main {stands}")
        assert heading in browser.one("main h1").text, path
        assert browser.overflow() == 0, path
        # The rail says where one is, on comparisons too.
        assert len(browser.all("nav [aria-current]")) == 1, path
    if stands == ".failed":
        assert "The query took too long." in browser.one(".failed").text
        browser.one(".failed button", "Retry")
