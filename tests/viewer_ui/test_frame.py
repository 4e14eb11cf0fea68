"""Search, keyboard, time range, theme, failure: what every page shares."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys
from ui_api import Site
from ui_browser import Browser

PAGES = (
    "/models", "/models/loan", "/services", "/services/loan-api", "/traces",
    "/traces?view=spans", "/trace", "/metrics", "/logs",
)  # fmt: skip
READY = {
    "/models": ".table tbody tr",
    "/models/loan": ".stat",
    "/services": ".map .node",
    "/services/loan-api": ".chart",
    "/traces": ".table tbody tr",
    "/traces?view=spans": ".table tbody tr",
    "/trace": ".span-row",
    "/metrics": ".metric-head",
    "/logs": ".log",
}


def _address(site: Site, page: str, **params: str) -> str:
    if page == "/traces?view=spans":
        return site.page("/traces", view="spans", **params)
    return site.page(f"/traces/{site.seed.traces[5]}" if page == "/trace" else page, **params)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_no_page_overflows_or_complains_in_a_small_window(
    browser: Browser, site: Site, page: str, theme: str
) -> None:
    """At 360 pixels nothing is wider than the window, and the console stays silent."""
    browser.size(360, 740)
    browser.open(_address(site, page, theme=theme))
    browser.one(READY[page])
    assert browser.overflow() == 0
    dark = (
        browser.script("return getComputedStyle(document.body).backgroundColor")
        != "rgb(255, 255, 255)"
    )
    assert dark == (theme == "dark")
    assert browser.problems() == []


@pytest.mark.parametrize("page", PAGES)
def test_no_page_complains_in_a_large_window(browser: Browser, site: Site, page: str) -> None:
    """The console stays silent, the strict content security policy included."""
    browser.open(_address(site, page))
    browser.one(READY[page])
    assert browser.problems() == []
    assert browser.overflow() == 0


def test_search_by_trace_id_opens_the_trace(browser: Browser, site: Site) -> None:
    """`/` focuses the box; an id and Enter lead to the trace."""
    trace_id = site.seed.traces[7]
    browser.open(site.page("/models"))
    browser.press("/")
    browser.press(trace_id)
    browser.one(".hit", "POST /predict")
    browser.press(Keys.ENTER)
    browser.one(".span-row", "POST /predict")
    assert f"/traces/{trace_id}" in browser.driver.current_url


def test_search_by_model_name_opens_the_model(browser: Browser, site: Site) -> None:
    """A model's name leads to its page."""
    browser.open(site.page("/logs"))
    browser.one("input[role=combobox]").send_keys("loan")
    browser.until(
        lambda: any(text.startswith("model") for text in browser.texts(".hit")),
        "the model among the hits",
    )
    place = next(
        index for index, text in enumerate(browser.texts(".hit")) if text.startswith("model")
    )
    browser.press(*[Keys.ARROW_DOWN] * place, Keys.ENTER)
    browser.one(".stats")
    assert "/models/loan" in browser.driver.current_url


def test_trace_is_walked_with_the_keyboard(browser: Browser, site: Site) -> None:
    """Down selects, left folds, right unfolds, slash searches, escape goes back."""
    trace = site.api(f"/traces/{site.seed.traces[5]}")
    browser.open(site.page("/traces"))
    browser.one(".table tbody tr")
    browser.open(site.page(f"/traces/{trace['trace_id']}"))
    browser.one(".span-row.on", "POST /predict")
    browser.press(Keys.ARROW_DOWN)
    browser.one(".span-row.on", "predict loan")
    assert f"span={trace['spans'][1]['span_id']}" in browser.driver.current_url
    browser.press(Keys.ARROW_LEFT)
    browser.until(lambda: len(browser.all(".span-row")) == 2, "a folded tree")
    browser.press(Keys.ARROW_RIGHT)
    browser.until(lambda: len(browser.all(".span-row")) == 5, "an unfolded tree")
    browser.press("/", "inference", Keys.ENTER)
    browser.one(".span-row.on", "inference")
    browser.press(Keys.ESCAPE, Keys.ESCAPE)
    browser.one("h1", "Traces")
    browser.one(".scatter")


def test_dragging_over_a_chart_zooms_and_the_url_holds_it(browser: Browser, site: Site) -> None:
    """The zoom is in the URL, a reload keeps it, and the chip leaves it."""
    browser.open(site.page("/logs"))
    browser.one(".log-histogram canvas")
    browser.drag(".log-histogram .u-over", (0.3, 0.5), (0.6, 0.5))
    browser.one(".zoomed")
    assert "from=" in browser.driver.current_url
    browser.open(browser.driver.current_url)
    browser.one(".zoomed").click()
    browser.until(lambda: not browser.all(".zoomed"), "the zoom to be left")
    assert "from=" not in browser.driver.current_url


def test_theme_toggle_is_kept(browser: Browser, site: Site) -> None:
    """Auto, light, dark in turn; a new page has the chosen one."""
    browser.open(site.page("/models"))
    for expected in ("light", "dark"):
        browser.one("header .icon-button").click()
        assert browser.script("return document.documentElement.dataset.theme") == expected
    browser.open(site.page("/logs"))
    assert browser.script("return document.documentElement.dataset.theme") == "dark"
    browser.one("header .icon-button").click()
    assert browser.script("return localStorage.getItem('otelml.theme')") == "auto"


def test_pausing_is_in_the_url(browser: Browser, site: Site) -> None:
    """The button stops and starts following."""
    browser.open(f"{site.web}/models")
    browser.one("button.live", "live").click()
    browser.one("button.live", "paused")
    assert "live=0" in browser.driver.current_url


def test_empty_viewer_says_how_to_send(browser: Browser, empty_site: Site) -> None:
    """Every page names the two commands, ready to copy."""
    for page in ("/", "/models", "/services", "/traces", "/metrics", "/logs"):
        browser.open(f"{empty_site.web}{page}")
        browser.one(".empty h1", "received yet")
        commands = browser.texts(".command code")
        assert commands[0] == "otelml demo"
        assert (
            commands[1]
            == f"OTEL_EXPORTER_OTLP_ENDPOINT={empty_site.otlp} otelml run -- python app.py"
        )
    assert browser.problems() == []


def test_unknown_trace_says_what_failed(browser: Browser, site: Site) -> None:
    """A trace that is not stored gives the API's own sentence and a way to retry."""
    browser.open(site.page(f"/traces/{'9' * 32}"))
    browser.one(".failed", "could not be loaded")
    browser.one(".failed button", "Retry")


def test_unreachable_viewer_shows_a_banner_and_recovers(browser: Browser, site: Site) -> None:
    """While nothing answers, what was loaded stays under a banner; it leaves by itself."""
    browser.open(site.page("/models"))
    browser.one(".table tbody tr", "loan")
    browser.command("Network.enable")
    browser.command("Network.setBlockedURLs", urls=["*/api/*"])
    browser.one(".rail-link", "Logs").click()
    browser.one(".banner", "does not answer")
    browser.command("Network.setBlockedURLs", urls=[])
    browser.until(lambda: not browser.all(".banner"), "the banner to leave")
    browser.one(".log", "prediction approved")


def test_new_data_appears_by_itself(browser: Browser, empty_site: Site, send_one) -> None:
    """A page that is open follows what arrives, without a reload."""
    browser.open(f"{empty_site.web}/logs")
    browser.one(".empty h1", "No logs received yet")
    send_one(empty_site)
    browser.one(".log", "the first record")


def test_the_tail_waits_while_one_reads(browser: Browser, site: Site) -> None:
    """Scrolling away from the top stops the tail and offers the way back."""
    browser.open(f"{site.web}/logs")
    browser.one(".log", "prediction approved")
    browser.size(1000, 400)
    browser.script("document.querySelector('.log-list').scrollTop = 200")
    browser.one(".follow", "back to the newest").click()
    browser.until(lambda: not browser.all(".follow"), "the tail to follow again")


def test_charts_have_a_table_behind_them(browser: Browser, site: Site) -> None:
    """Each chart of the model page has a named table with a row of heads."""
    browser.open(site.page("/models/loan"))
    browser.one(".stat")
    browser.until(lambda: len(browser.all("figure")) == 4, "four charts")
    heads = browser.script(
        "return [...document.querySelectorAll('figure table')].map((table) => [table.caption.textContent, table.rows.length > 1])"
    )
    assert [name for name, _ in heads] == [
        "Median latency by stage over time",
        "Latency heatmap",
        "Share of labels over time",
        "Confidence histogram",
    ]
    assert all(filled for _, filled in heads)
