"""Logs and metrics filtered and grouped by any attribute, in their pages."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from ui_api import Site
from ui_browser import Browser
from ui_seed import PREDICTIONS


def test_logs_are_filtered_by_an_attribute_that_is_typed(browser: Browser, site: Site) -> None:
    """Keys are offered, Enter adds a filter, the URL holds it, a click takes it away."""
    wanted = site.api("/logs", where="amount=1007")["logs"]
    browser.open(site.page("/logs"))
    browser.one(".log", "prediction approved")
    hints = "return [...document.querySelectorAll('#where-hints option')].map((o) => o.value)"
    assert {"amount=", "service.version=", "level=", "otel.scope.name="} <= set(
        browser.script(hints)
    )
    box = browser.one(".where input")
    box.send_keys("amount=1007", Keys.ENTER)
    browser.until(lambda: len(browser.all(".log")) == len(wanted) == 1, "one record")
    assert "where=amount%3D1007" in browser.driver.current_url
    browser.open(browser.driver.current_url)
    browser.until(lambda: len(browser.all(".log")) == 1, "one record after a reload")
    browser.one(".where-chip", "amount=1007").click()
    browser.until(lambda: len(browser.all(".log")) > 1, "all records")


def test_values_are_offered_after_a_key_and_a_wrong_filter_is_told(
    browser: Browser, site: Site
) -> None:
    """The values come from the store; what is no filter is not sent."""
    browser.open(site.page("/logs"))
    browser.one(".log")
    box = browser.one(".where input")
    box.send_keys("level=")
    hints = (
        "return [...document.querySelectorAll('#where-hints option')].map((o) => o.value).sort()"
    )
    browser.until(
        lambda: browser.script(hints) == ["level=error", "level=info", "level=warn"], "the values"
    )
    box.send_keys(Keys.CONTROL + "a")
    box.send_keys("nonsense", Keys.ENTER)
    browser.one(".where [role=alert]", "key=value")
    assert "where=" not in browser.driver.current_url


def test_logs_are_grouped_and_a_value_is_kept_by_a_click(browser: Browser, site: Site) -> None:
    """By level as an attribute: counts add up, and one click filters."""
    groups = site.api("/logs", by="level")["groups"]["values"]
    browser.open(site.page("/logs"))
    browser.one(".log")
    Select(browser.one(".filters label:last-of-type select")).select_by_visible_text("level")
    browser.one(".log-groups", "error")
    shown = {text.split()[0]: int(text.split()[1]) for text in browser.texts(".log-groups .toggle")}
    assert shown == {each["value"]: each["count"] for each in groups}
    assert sum(shown.values()) == PREDICTIONS - 3
    browser.one(".log-groups .toggle", "error").click()
    browser.until(lambda: len(browser.all(".log")) == shown["error"], "errors only")
    browser.one(".where-chip", "level=error")


def test_metrics_are_filtered_and_grouped_by_the_resource_and_say_their_query(
    browser: Browser, site: Site
) -> None:
    """A resource attribute among the groups and filters; words and PromQL say so."""
    browser.open(site.page("/metrics", name="ml.predictions", agg="rate"))
    browser.one(".query-words", "rate of ml.predictions")
    Select(browser.one(".group-by select")).select_by_visible_text("service.version")
    browser.one(".query-words", "by service.version")
    browser.one(".legend-entry", "1.4.0")
    browser.one(".where input").send_keys("ml.prediction.label=denied", Keys.ENTER)
    browser.one(".query-words", "where ml.prediction.label = denied")
    query = site.api(
        "/metrics/query",
        name="ml.predictions",
        agg="rate",
        by="service.version",
        where="ml.prediction.label=denied",
    )
    assert browser.one(".metric .command code").text == query["promql"]
    browser.one(".where input").send_keys("ml.prediction.label=approved", Keys.ENTER)
    browser.one(".query-words", "ml.prediction.label = denied or approved")
    browser.one(".where input").send_keys("service.version=9", Keys.ENTER)
    browser.one(".nothing", "these filters")
    browser.one(".nothing button").click()
    browser.one(".legend-entry", "1.4.0")
    assert browser.problems() == []


def test_a_metric_by_its_scope_names_the_setting_that_prometheus_needs(
    browser: Browser, site: Site
) -> None:
    """The scope is no label there by default."""
    browser.open(site.page("/metrics", name="ml.predictions", where="otel.scope.name=otelml"))
    browser.one(".metric", "otlp.promote_scope_metadata")
    browser.one(".query-words", "otel.scope.name = otelml")
