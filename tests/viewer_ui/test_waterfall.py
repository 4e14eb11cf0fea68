"""The waterfall: zoom, minimap, folding, critical path, clocks, services, and what arrives later."""

from __future__ import annotations

import time

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from ui_api import Site
from ui_browser import Browser
from ui_calls import FAST, send_calls, send_rows, span_id
from ui_seed import BIG_TRACE_SPANS

TREE = "return [...document.querySelectorAll('.span-row')].map((row) => row.firstElementChild.textContent.split(',')[0])"
TICKS = ".ruler .tick-0", ".ruler .tick-4"


@pytest.fixture
def trace(browser: Browser, empty_site: Site) -> str:
    """The fast trace of several services, open."""
    fast, _ = send_calls(empty_site.otlp)
    browser.open(empty_site.page(f"/traces/{fast}"))
    browser.one(".span-row", "audit")
    return fast


def ends(browser: Browser) -> list[str]:
    """The first and the last time on the scale."""
    return [browser.texts(css)[0] for css in TICKS]


def near(browser: Browser, *wanted: float) -> bool:
    """Whether the scale has these two ends, in milliseconds."""
    shown = [float(text.split()[0]) for text in ends(browser)]
    return shown == pytest.approx(list(wanted), abs=1)


def test_dragging_over_scale_and_minimap_zooms_and_the_url_holds_it(
    browser: Browser, trace: str
) -> None:
    """The middle half of the scale, then all again by a double click, then by the minimap."""
    assert ends(browser) == ["0 ms", "130 ms"]
    browser.drag(".ruler .scale", (0.25, 0.5), (0.75, 0.5))
    browser.until(lambda: ends(browser) != ["0 ms", "130 ms"], "a zoom")
    low, high = (float(text.split()[0]) for text in ends(browser))
    assert low == pytest.approx(32.5, abs=1.5)
    assert high == pytest.approx(97.5, abs=1.5)
    assert "view=" in browser.driver.current_url
    browser.open(browser.driver.current_url)
    browser.one(".span-row")
    assert ends(browser) != ["0 ms", "130 ms"]
    assert len(browser.all(".minimap-outside")) == 2
    browser.press("0")
    browser.until(lambda: ends(browser) == ["0 ms", "130 ms"], "the whole trace")
    browser.drag(".minimap", (0.5, 0.5), (0.99, 0.5))
    browser.until(lambda: "view=" in browser.driver.current_url, "a zoom by the minimap")
    assert browser.all(".bar-away.before"), "spans that ended before are marked"


def test_zoom_pan_and_fold_have_keys(browser: Browser, trace: str) -> None:
    """Plus and minus zoom, shift with an arrow moves, c and e fold."""
    browser.press("+")
    browser.until(lambda: near(browser, 32.5, 97.5), "half of it")
    keys = ActionChains(browser.driver).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT)
    keys.key_up(Keys.SHIFT).perform()
    browser.until(lambda: near(browser, 48.75, 113.75), "a quarter later")
    browser.press("-")
    browser.until(lambda: near(browser, 16.25, 130), "wider, and not beyond the end")
    browser.press("c")
    browser.until(
        lambda: browser.script(TREE) == ["POST /apply", "features", "predict", "audit"], "folded"
    )
    browser.press("e")
    browser.until(lambda: len(browser.script(TREE)) == len(FAST), "unfolded")


def test_the_critical_path_is_marked_and_told(browser: Browser, trace: str) -> None:
    """What held the request up is underlined; the audit beside it is not. One key hides it."""
    marked = "return [...document.querySelectorAll('.span-row')].filter((r) => r.querySelector('.bar-critical')).map((r) => r.id)"
    names = ("root", "call", "get", "query", "score", "stage")
    assert browser.script(marked) == [f"span-{span_id(name)}" for name in names]
    label = browser.script(
        "return document.getElementById(arguments[0]).firstElementChild.textContent",
        f"span-{span_id('stage')}",
    )
    assert "on the critical path" in label
    browser.press("p")
    browser.until(lambda: not browser.all(".bar-critical"), "the path to be hidden")
    assert "path=0" in browser.driver.current_url


def test_clocks_are_adjusted_with_a_mark_and_the_sent_times_are_one_click_away(
    browser: Browser, trace: str
) -> None:
    """The feature store's clock is 200 ms ahead; its spans say by how much they were moved."""
    moved = [text[1:] for text in browser.texts(".skewed")]  # 197.5, in binary
    assert len(moved) == 2
    assert set(moved) <= {"197 ms", "198 ms"}
    browser.one(".trace-tools .toggle", "Clocks adjusted: 2 spans shifted").click()
    browser.until(lambda: ends(browser)[1] == "250 ms", "the times as sent")
    assert browser.all(".skewed") == []
    assert "adjust=0" in browser.driver.current_url
    browser.one(".trace-tools .toggle", "Times as sent").click()
    browser.until(lambda: ends(browser)[1] == "130 ms", "the adjusted times")


def test_each_service_has_a_colour_and_stages_keep_theirs(browser: Browser, trace: str) -> None:
    """Three services, three colours, the same in the legend; the stage is orange."""
    colour = "return [...document.querySelectorAll(arguments[0])].map((e) => getComputedStyle(e).backgroundColor)"
    legend = dict(
        zip(
            browser.texts(".service-mark"),
            browser.script(colour, ".service-mark .swatch"),
            strict=True,
        )
    )
    assert len(set(legend.values())) == 3
    browser.until(
        lambda: browser.script(colour, ".span-row .span-service .swatch")[0] == legend["gateway"],
        "the lines to have the colours of the legend",
    )
    marks = browser.script(colour, ".span-row .stage-mark")
    assert marks[0] == legend["gateway"]
    assert marks[2] == legend["features"]
    assert marks[5] == "rgb(230, 159, 0)"


def test_what_arrives_later_appears_and_nothing_is_lost(browser: Browser, empty_site: Site) -> None:
    """Live: a span comes in above; selection, fold, zoom and text of the search stay."""
    start = time.time() * 1000 - 10_000
    rows = tuple(row for row in FAST if row[0] != "call")
    send_rows(empty_site.otlp, "a" * 32, rows, start)
    browser.open(f"{empty_site.web}/traces/{'a' * 32}")
    browser.one(".span-row", "predict").click()
    browser.press(Keys.ARROW_LEFT)
    browser.until(lambda: "inference" not in browser.script(TREE), "a folded span")
    browser.drag(".ruler .scale", (0.2, 0.5), (0.7, 0.5))
    browser.until(lambda: "view=" in browser.driver.current_url, "a zoom")
    before = browser.driver.current_url
    send_rows(empty_site.otlp, "a" * 32, tuple(row for row in FAST if row[0] == "call"), start)
    browser.until(lambda: "features" in browser.script(TREE), "the late span")
    browser.one(".span-row.on", "predict")
    assert browser.driver.current_url == before
    assert "inference" not in browser.script(TREE)


def test_ten_thousand_spans_scroll_without_drawing_them(browser: Browser, site: Site) -> None:
    """A screenful is drawn at the end of the list too, and a selected span stays selected."""
    browser.open(site.page(f"/traces/{site.seed.big}"))
    browser.one(".facts", f"{BIG_TRACE_SPANS + 1:,} spans")
    for share in (0.3, 0.6, 1.0):
        browser.script(
            "const b = document.querySelector('.span-list'); b.scrollTop = b.scrollHeight * arguments[0]",
            share,
        )
        browser.until(lambda: 0 < len(browser.all(".span-row")) < 120, "a screenful")
    browser.one(".span-row", f"step {BIG_TRACE_SPANS - 1}")


def test_the_line_one_reads_stays_when_others_come_in_above(
    browser: Browser, empty_site: Site
) -> None:
    """Scrolled to the middle of a long trace, a span that began earlier arrives."""
    start = time.time() * 1000 - 10_000
    root = ("root", "", "gateway job", 0, 2000, 1, {})
    steps = tuple(
        (f"s{n}", "root", f"worker step {n}", 500 + n, 501 + n, 1, {}) for n in range(300)
    )
    send_rows(empty_site.otlp, "e" * 32, (root, *steps), start)
    browser.open(f"{empty_site.web}/traces/{'e' * 32}")
    browser.one(".facts", "301 spans")
    top = """const box = document.querySelector('.span-list').getBoundingClientRect();
        const row = document.elementFromPoint(box.left + 300, box.top + 4).closest('.span-row');
        return row.firstElementChild.textContent.split(',')[0]"""
    browser.script("document.querySelector('.span-list').scrollTop = 24 * 150 + 3")
    browser.until(lambda: browser.script(top) == "step 149", "the middle")
    send_rows(empty_site.otlp, "e" * 32, (("late", "root", "worker late", 10, 20, 1, {}),), start)
    browser.one(".facts", "302 spans")
    browser.until(lambda: browser.script(top) == "step 149", "the same line")
    assert browser.script("return document.querySelector('.span-list').scrollTop") == 24 * 151 + 3


def test_a_trace_that_is_opened_too_early_appears_when_it_arrives(
    browser: Browser, empty_site: Site
) -> None:
    """A link may be followed before the spans have been exported."""
    browser.open(f"{empty_site.web}/traces/{'a' * 32}")
    browser.one(".failed", "not stored")
    send_calls(empty_site.otlp)
    browser.one(".span-row", "audit")
    assert browser.all(".failed") == []
