"""The drift part of the model's page, and the models' list."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver.common.keys import Keys
from ui_api import Site
from ui_browser import Browser
from ui_drift import FEATURES, IMPORTANCE, ODD, THRESHOLD, send_drift
from ui_seed import PREDICTIONS, send

from otelml.viewer import Viewer

STORED_S = 30.0
ROWS = ".drift tbody tr:not(.drift-open)"


def _wait(ready: Callable[[], object]) -> None:
    end = time.monotonic() + STORED_S
    while not ready():
        assert time.monotonic() < end, "the viewer stored too little"
        time.sleep(0.05)


def _predictions(site: Site) -> bool:
    return any(row["predictions"] == PREDICTIONS for row in site.api("/models")["models"])


@pytest.fixture(scope="module")
def drift_site() -> Iterator[Site]:
    """A viewer with predictions and a monitor that found a feature drifted."""
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    found = Site(
        web=f"http://127.0.0.1:{viewer.ports.web}", otlp=f"http://127.0.0.1:{viewer.ports.http}"
    )
    found.seed = send(found.otlp)
    send_drift(found.otlp)
    _wait(lambda: _predictions(found) and found.api("/models/loan/drift")["events"])
    yield found
    viewer.stop()


def page(site: Site, **params: str) -> str:
    return site.page("/models/loan", range="15m", **params)


def test_the_drifted_feature_stands_first_with_its_evidence(
    browser: Browser, drift_site: Site
) -> None:
    """Order, statistic, since when, and the picture in words for a screen reader."""
    browser.open(page(drift_site))
    browser.one(".drift .drift-name", "loan_amount")
    first = browser.texts(ROWS)[0]
    for shown in ("loan_amount", "since", ".30", "significant", f"{FEATURES['loan_amount']:.1f}"):
        assert shown in first, first
    words = browser.one(".drift .strip").get_attribute("aria-label")
    percent = round(FEATURES["loan_amount"] / THRESHOLD * 100)
    assert f"{percent}" in str(words)
    browser.one(".drift-panel .panel-head", "1 drifted")
    assert not browser.problems()


def test_importance_has_a_column_where_it_is_known(browser: Browser, drift_site: Site) -> None:
    """With a dash for a feature of which the reference does not say it."""
    browser.open(page(drift_site))
    browser.one(".drift thead", "Importance")
    rows = browser.texts(ROWS)
    assert f"{IMPORTANCE['loan_amount']:.2f}".lstrip("0") in rows[0], rows[0]
    assert "\N{EN DASH}" in next(row for row in rows if "f00" in row), rows


def test_features_of_little_evidence_are_folded(browser: Browser, drift_site: Site) -> None:
    """A button shows them, and another folds them again."""
    browser.open(page(drift_site))
    browser.one(".drift-foot button", "more").click()
    browser.until(lambda: len(browser.all(ROWS)) == len(FEATURES), "every feature")
    browser.one(".drift-foot button", "fewer").click()
    browser.until(lambda: len(browser.all(ROWS)) < len(FEATURES), "fewer features")


def test_the_keyboard_opens_and_closes_a_feature(browser: Browser, drift_site: Site) -> None:
    """Arrows go from line to line, Enter opens; the URL holds what is open."""
    browser.open(page(drift_site))
    browser.one(".drift .drift-name", "loan_amount")
    browser.script("document.querySelector('.drift-name').focus()")
    browser.press(Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ENTER)
    browser.one(".bins tbody tr", "low")
    assert "feature=loan_amount" in browser.driver.current_url
    assert [row.split()[0] for row in browser.texts(".bins tbody tr")] == ["high", "low"]
    shares = browser.texts(".bins .bin-value")
    assert shares == ["50 %", "75 %", "50 %", "25 %"]
    browser.one(".drift-events", "detected")
    assert browser.one(".drift-name[aria-expanded=true]").text.endswith("loan_amount")
    browser.press(Keys.ENTER)
    browser.until(lambda: not browser.all(".drift-open"), "the feature closed")


def test_a_window_of_the_picture_narrows_the_current_shares(
    browser: Browser, drift_site: Site
) -> None:
    """A click in the strip chooses a window, and so does the list; traces follow it."""
    browser.open(page(drift_site, feature="loan_amount"))
    whole = browser.one(".drift-detail h3", "values").text
    strip = browser.one(".drift tr.is-open .strip")
    box = strip.size["width"]
    browser.drag(".drift tr.is-open .strip", (1 - 10 / box, 0.5), (1 - 10 / box, 0.5))
    browser.until(lambda: "window=" in browser.driver.current_url, "a window in the URL")
    browser.until(lambda: browser.texts(".drift-detail h3")[0] != whole, "other values")
    at = browser.one(".drift-actions select").get_attribute("value")
    assert f"from={at}" in str(browser.one(".drift-actions a.button").get_attribute("href"))


def test_a_name_of_odd_characters_opens(browser: Browser, drift_site: Site) -> None:
    """It is text and nothing else, in the page as in the URL."""
    browser.open(page(drift_site))
    browser.one(".drift-name", ODD).click()
    browser.one(".bins tbody tr", "low")
    assert not browser.all(".drift b")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_overflows(browser: Browser, drift_site: Site, width: int, theme: str) -> None:
    """A feature open in a small window is as wide as the window."""
    browser.size(width, 800)
    browser.open(page(drift_site, feature="loan_amount", theme=theme))
    browser.one(".bins tbody tr", "low")
    assert browser.overflow() <= 0
    box = "const b = document.querySelector('.drift-panel .table-box'); return b.scrollWidth - b.clientWidth"
    assert browser.script(box) <= 0


def test_live_updates_keep_the_open_feature_and_the_focus(
    browser: Browser, drift_site: Site
) -> None:
    """New points redraw the figures in place: the same elements, at the same height."""
    browser.open(f"{drift_site.web}/models/loan?range=15m&feature=loan_amount")
    browser.one(".bins tbody tr", "low")
    browser.script(
        "window.seen = document.querySelector('.bins');"
        "document.querySelector('.drift-name').focus(); window.focused = document.activeElement;"
        "window.height = document.querySelector('.drift-panel').offsetHeight"
    )
    before = browser.texts(".drift-detail h3")[0]
    send_drift(drift_site.otlp, checks=1)
    browser.until(lambda: browser.texts(".drift-detail h3")[0] != before, "new counts")
    same = (
        "return window.seen === document.querySelector('.bins')"
        " && window.focused === document.activeElement"
        " && Math.abs(window.height - document.querySelector('.drift-panel').offsetHeight) < 30"
    )
    assert browser.script(same)


def test_the_models_list_says_drifted_and_how_many(browser: Browser, drift_site: Site) -> None:
    """State and number, as the API has them."""
    browser.open(drift_site.page("/models"))
    line = browser.one(".table tbody tr", "loan").text
    assert "drifted" in line
    assert browser.texts(".table th").index("Drifted") > 0


def test_a_model_without_reference_says_what_to_run(browser: Browser, site: Site) -> None:
    """Two lines, ready to copy, with the model's own name."""
    browser.open(site.page("/models/loan"))
    browser.one(".drift-empty code", "otelml reference build")
    browser.one(".drift-empty code", 'model="loan"')


def test_learning_is_said(browser: Browser, empty_site: Site) -> None:
    """While it learns nothing alarms, and the page says so."""
    send(empty_site.otlp)
    send_drift(empty_site.otlp, learning=True)
    _wait(lambda: _predictions(empty_site))
    _wait(lambda: empty_site.api("/models/loan/drift")["features"])
    browser.open(page(empty_site))
    browser.one(".drift-panel .note", "learned")
    browser.one(".drift-panel .panel-head", "none drifted")


FAILING = """
window.failing = true;
const real = window.fetch;
window.fetch = (url, options) => window.failing && String(url).includes("/drift?")
  ? Promise.resolve(new Response('{"error": "the store is busy"}', { status: 503 })) : real(url, options);
"""


def test_a_failing_answer_can_be_asked_for_again(browser: Browser, drift_site: Site) -> None:
    """What failed is named with the server's own words, beside the rest of the page."""
    script = browser.command("Page.addScriptToEvaluateOnNewDocument", source=FAILING)
    try:
        browser.open(page(drift_site))
        browser.one(".drift-panel .failed", "The store is busy")
        browser.one("section[aria-label=Predictions] .table tbody tr")
        browser.script("window.failing = false")
        browser.one(".drift-panel .failed button", "Retry").click()
        browser.one(".drift-name", "loan_amount")
    finally:
        browser.command("Page.removeScriptToEvaluateOnNewDocument", **script)
