"""Nothing that a sender chooses breaks a page: long, right to left, emoji, with lines of its own."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator

import pytest
from ui_api import Site
from ui_browser import Browser
from ui_odd import ODD, SPAN_IDS, TRACE, send_odd

from otelml.viewer import Viewer

SIZES = {"large": (1400, 900), "small": (390, 844)}
MOST_ROW_PX = 64
# Where text lies outside its own box and nothing clips it, it lies over something else.
SPILLED = """
const clipped = (element) => { for (let at = element; at && at !== document.body; at = at.parentElement)
  if (getComputedStyle(at).overflowX !== "visible") return true; return false; };
return [...document.querySelectorAll("#app *")].filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0
  && each.getBoundingClientRect().right > innerWidth + 1 && !clipped(each)).map((each) => `${each.tagName}.${each.className}`).slice(0, 5);
"""
TALLEST = "return Math.max(0, ...[...document.querySelectorAll('main .table tbody tr:not(.drift-open), main .log-line, main .metric-entry, main .span-row')].map((each) => each.getBoundingClientRect().height))"
HEADS = "return Math.max(0, ...[...document.querySelectorAll('.page-head, .filters, .detail-head, .panel-head, .metric-head')].map((each) => each.getBoundingClientRect().height))"
PAGES = {
    "models": ("/models", {}, ".table tbody tr"),
    **{
        f"model {name}": (f"/models/{urllib.parse.quote(text, safe='')}", {}, ".stat")
        for name, text in ODD.items()
    },
    "services": ("/services", {}, ".table tbody tr"),
    "service": (f"/services/{urllib.parse.quote(ODD['long'], safe='')}", {}, ".table tbody tr"),
    "traces": ("/traces", {}, ".table tbody tr"),
    "spans": ("/traces", {"view": "spans"}, ".table tbody tr"),
    "two traces": ("/compare/traces", {"a": TRACE.hex(), "b": TRACE.hex()}, ".compare-row"),
    "two versions": (
        f"/compare/models/{urllib.parse.quote(ODD['long'], safe='')}", {}, ".findings, .nothing, .pad",
    ),
    "traces filtered": ("/traces", {"service": ODD["long"], "label": ODD["long"]}, ".table tbody tr"),
    **{
        f"trace {name}": (f"/traces/{TRACE.hex()}", {"span": span}, ".detail")
        for name, span in zip(ODD, SPAN_IDS, strict=True)
    },
    **{f"metric {name}": ("/metrics", {"name": text}, "figure canvas") for name, text in ODD.items()},
    "metric grouped": ("/metrics", {"name": ODD["long"], "by": ODD["long"]}, "figure canvas"),
    "logs": ("/logs", {}, ".log"),
    "logs filtered": ("/logs", {"service": ODD["long"]}, ".log"),
    "no such page": (f"/{'y' * 500}", {}, ".empty"),
}  # fmt: skip


@pytest.fixture(scope="module")
def odd() -> Iterator[Site]:
    """A viewer to which only odd telemetry was sent."""
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    otlp = f"http://127.0.0.1:{viewer.ports.http}"
    send_odd(otlp)
    yield Site(web=f"http://127.0.0.1:{viewer.ports.web}", otlp=otlp)
    viewer.stop()


def _open_all(browser: Browser) -> None:
    """Unfolds every stack trace and every record."""
    browser.script(
        "document.querySelectorAll('details').forEach((each) => { each.open = true; });"
        "document.querySelectorAll('.log-level').forEach((each) => each.click());"
    )


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("size", [pytest.param("large", marks=pytest.mark.slow), "small"])
def test_no_text_breaks_a_page(browser: Browser, odd: Site, page: str, size: str) -> None:
    """Nothing is wider than the window, rows keep their height, and the console stays silent."""
    path, params, ready = PAGES[page]
    browser.size(*SIZES[size])
    browser.open(odd.page(path, **params))
    browser.one(ready)
    assert browser.script(TALLEST) <= MOST_ROW_PX
    assert browser.script(HEADS) <= (160 if size == "large" else 240)
    _open_all(browser)
    assert browser.overflow() == 0
    assert browser.script(SPILLED) == []
    assert browser.problems() == []
