"""All that a sender said of a span is on its page; what it dropped is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ui_api import Site
from ui_browser import Browser
from ui_odd import SPAN_IDS, TRACE, send_details, send_odd, send_refused
from ui_seed import BIG_TRACE_SPANS

from otelml import semconv
from otelml.viewer import Viewer


@pytest.fixture(scope="module")
def odd() -> Iterator[Site]:
    """A viewer with one trace that has everything."""
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    otlp = f"http://127.0.0.1:{viewer.ports.http}"
    send_odd(otlp)
    yield Site(web=f"http://127.0.0.1:{viewer.ports.web}", otlp=otlp)
    viewer.stop()


def test_an_exception_is_readable_with_its_stack_folded(browser: Browser, odd: Site) -> None:
    """Type and message stand there; the stack opens with its own lines, once."""
    browser.open(odd.page(f"/traces/{TRACE.hex()}", span=SPAN_IDS[0]))
    browser.one(".thrown", "xxxx")
    stack = "details:has(summary .ellipsis)"
    assert browser.script(
        "return [...document.querySelectorAll('.event details')].every((each) => !each.open)"
    )
    folded = [each for each in browser.all(f".event {stack}") if "Stack trace" in each.text]
    assert len(folded) == 1
    folded[0].find_element("css selector", "summary").click()
    shown = folded[0].find_element("css selector", "pre").text
    assert "\n  File " in shown
    assert shown.startswith("Traceback (most recent call last):")
    assert semconv.EXCEPTION_STACKTRACE not in browser.one(".events:not(.links)").text


def test_what_was_dropped_and_what_is_missing_is_said(browser: Browser, odd: Site) -> None:
    """Counts of attributes, events, links, in each place; a parent that is not stored."""
    browser.open(odd.page(f"/traces/{TRACE.hex()}", span=SPAN_IDS[0]))
    browser.one(".detail-head .tag", "parent missing")
    dropped = " ".join(browser.texts(".dropped"))
    for told in (
        "3 attributes were dropped", "2 events were dropped", "1 link was dropped",
        "4 attributes were dropped", "5 attributes were dropped", "7 attributes were dropped",
    ):  # fmt: skip
        assert told in dropped
    names = browser.texts(".detail dt")
    for name in ("span id", "parent", "trace state", "scope", "scope version"):
        assert name in names
    assert b"missing!".hex() in " ".join(browser.texts(".pair"))
    browser.open(odd.page(f"/traces/{TRACE.hex()}", span=SPAN_IDS[1]))
    browser.one(".detail")
    assert browser.all(".detail-head .tag.warn") == []


def test_log_rows_name_service_and_logger_and_the_legend_counts_the_range(
    browser: Browser, site: Site
) -> None:
    """Both on the line; without a pointer on the chart the legend has the totals."""
    browser.open(site.page("/logs"))
    browser.one(".log")
    assert set(browser.texts(".log-origin")) == {"loan-api loan.api"}
    levels = site.api("/logs", limit=1)["histogram"]["levels"]
    told = dict(text.rsplit(maxsplit=1) for text in browser.texts(".log-histogram .legend-entry"))
    assert told == {level: f"{sum(counts)}" for level, counts in levels.items()}


def test_a_logged_exception_opens_with_its_stack(browser: Browser, odd: Site) -> None:
    """Not only inside JSON, where a line break is two letters."""
    browser.open(odd.page("/logs"))
    browser.one(".log-level").click()
    assert "\n  File " in browser.one(".log-json .folded pre").text


def test_the_page_says_what_was_refused_and_why(
    browser: Browser, empty_site: Site, send_one
) -> None:
    """By reason and count, and beside the rail's dot."""
    browser.open(f"{empty_site.web}/status")
    browser.one(".nothing", "Everything that was sent has been taken")
    send_one(empty_site)
    send_refused(empty_site.otlp)
    browser.one(".status-refused", "3 refused")
    browser.one(".rail .status").click()
    browser.one("h1", "Receiver")
    rows = browser.texts("table[aria-label='Not taken'] tbody tr")
    assert [row.split("\t")[:2] for row in rows] == [
        ["refused: expired", "2"], ["refused: malformed", "1"],
    ]  # fmt: skip
    assert browser.problems() == []


def test_metrics_show_what_points_carry_beside_their_values(browser: Browser, odd: Site) -> None:
    """Exemplars without a trace, and the reason where there is no quantile."""
    send_details(odd.otlp)
    browser.open(odd.page("/metrics", name="no.buckets", agg="p95"))
    browser.one(".metric .nothing", "carry no buckets")
    cells = browser.texts("table[aria-label^='Least, largest'] td")
    assert cells[1:3] == ["1.00 s", "4.00 s"]
    browser.open(odd.page("/metrics", name="old.summary"))
    browser.one("table[aria-label^='Least, largest'] th", "p50")
    heads = browser.texts("table[aria-label^='Least, largest'] th")
    assert [head for head in heads if head.startswith("p")] == ["p50", "p99"]
    browser.open(odd.page("/metrics", name="with.exemplar"))
    browser.one("table[aria-label=Exemplars] td", "none was sent")
    assert browser.problems() == []


def test_a_trace_that_is_too_large_says_what_is_left_out(
    browser: Browser, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root and the first spans are shown, and the number of the others."""
    most = 100
    monkeypatch.setattr("otelml.viewer.queries.trace.MAX_SPANS", most)
    browser.open(site.page(f"/traces/{site.seed.big}"))
    left_out = BIG_TRACE_SPANS + 1 - most
    browser.one(".note", f"{left_out:,} of {BIG_TRACE_SPANS + 1:,} are left out")
    browser.one(".span-row", "batch job")
    browser.one(".facts", f"{most} spans")
    assert browser.overflow() == 0
