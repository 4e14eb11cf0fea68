"""Pages hold still while telemetry arrives, and keep nothing of what has gone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from ui_api import Site
from ui_browser import Browser
from ui_live import OBSERVE, PAGES, READY, STANDS, Traffic, watch

from otelml.viewer import Viewer

UPDATES = 3
MOST_SHIFT = 0.01
MOST_GROWTH_MB_S = 0.1
FIRST_ROW = "const row = document.querySelector('main .table tbody tr, main .log-line'); return row && row.innerText"
ANSWERS = "return performance.getEntriesByType('resource').filter((each) => each.name.includes('/api/') && each.responseEnd > 0).length"


@pytest.fixture(scope="module")
def live() -> Iterator[Site]:
    """A viewer that a fleet sends to."""
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    yield Site(
        web=f"http://127.0.0.1:{viewer.ports.web}", otlp=f"http://127.0.0.1:{viewer.ports.http}"
    )
    viewer.stop()


@pytest.fixture(scope="module")
def traffic(live: Site) -> Traffic:
    """The fleet, whose last two minutes are stored."""
    fleet = Traffic(live.otlp, scale=4)
    fleet.catch_up()
    return fleet


def _stands(browser: Browser, page: str) -> None:
    browser.until(lambda: browser.script(STANDS, READY[page]), f"{READY[page]} on {page}")


def _updated(browser: Browser, traffic: Traffic) -> None:
    """Sends, and waits until the page has asked and drawn again."""
    before = browser.script(ANSWERS)
    traffic.catch_up()
    browser.until(lambda: browser.script(ANSWERS) > before, "the page to ask again")
    time.sleep(0.5)


@pytest.mark.parametrize("page", PAGES)
def test_nothing_moves_while_telemetry_arrives(
    browser: Browser, live: Site, traffic: Traffic, page: str
) -> None:
    """Lines, charts and numbers stay in their places while what they say is renewed."""
    browser.open(f"{live.web}{page}?range=5m")
    _stands(browser, page)
    for _ in range(2):  # the first answers of every panel
        _updated(browser, traffic)
    browser.script(OBSERVE + "window.watchedFrom = performance.now()")
    for _ in range(UPDATES):
        _updated(browser, traffic)
    moved = browser.script("return window.shifts.filter((each) => each.at >= window.watchedFrom)")
    assert sum(each["value"] for each in moved) < MOST_SHIFT, moved


@pytest.mark.parametrize("page", ["/traces", "/logs"])
def test_lines_stay_under_the_pointer_and_newer_ones_wait(
    browser: Browser, live: Site, traffic: Traffic, page: str
) -> None:
    """What is pointed at stays; a button says how much waits, and goes there."""
    browser.open(f"{live.web}{page}?range=5m")
    _stands(browser, page)
    _updated(browser, traffic)
    box = browser.one(".table-box" if page == "/traces" else ".log-list")
    ActionChains(browser.driver).move_to_element(box).perform()
    first = browser.script(FIRST_ROW)
    for _ in range(UPDATES):
        _updated(browser, traffic)
    assert browser.script(FIRST_ROW) == first
    browser.one(".follow", "newer").click()
    browser.until(lambda: browser.script(FIRST_ROW) != first, "the newest line")


def test_a_filter_shows_its_answer_under_the_pointer(
    browser: Browser, live: Site, traffic: Traffic
) -> None:
    """A held table is about one question: another one is answered at once."""
    browser.open(f"{live.web}/traces?range=5m")
    _stands(browser, "/traces")
    box = browser.one(".table-box")
    browser.script("document.querySelector('input[name=min_ms]').focus()")
    ActionChains(browser.driver).move_to_element(box).perform()
    browser.press("99999999")
    browser.one(".nothing", "No traces match")


def test_an_open_record_stays_in_its_place(browser: Browser, live: Site, traffic: Traffic) -> None:
    """A record that is being read is not pushed away, wherever the pointer is."""
    browser.open(f"{live.web}/logs?range=5m")
    _stands(browser, "/logs")
    browser.script("document.querySelector('.log-level').click()")
    text = browser.one(".log-json pre").text
    for _ in range(UPDATES):
        _updated(browser, traffic)
    assert browser.one(".log-json pre").text == text
    assert browser.script(
        "return document.querySelector('.log').contains(document.querySelector('.log-json'))"
    )


def test_markup_shares_no_part_with_what_was_drawn_before(browser: Browser, live: Site) -> None:
    """A shared part would lead from each line to the whole page of the moment it was first drawn."""
    browser.open(f"{live.web}/logs")
    browser.driver.set_script_timeout(15)
    shared = browser.driver.execute_async_script("""
      const done = arguments[arguments.length - 1];
      import("/static/lib/html.js").then(({ html }) => {
        const make = (text) => html`<p>${text}<b class="still">fixed <i>text</i></b></p>`;
        const [first, second] = ["a", "b", "c"].map(make).slice(1);
        done([first.props.children[0], first.props.children[1] === second.props.children[1],
          first.props.children[1].props.children[1] === second.props.children[1].props.children[1]]);
      });
    """)
    assert shared == ["b", False, False]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_heap_is_flat_while_telemetry_arrives(
    browser: Browser, empty_site: Site, page: str
) -> None:
    """Most of a minute of fast traffic: what is replaced is let go, and no line moves."""
    with Traffic(empty_site.otlp, scale=10) as sending:
        seen = watch(browser, empty_site.web, page, seconds=45, readings=18)
    assert not sending.failed
    assert seen.redraws > 5, seen
    assert seen.growth_mb_s < MOST_GROWTH_MB_S, seen
    assert seen.shift < 10 * MOST_SHIFT, seen
