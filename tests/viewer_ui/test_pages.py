"""Each page shows what the API holds."""

from __future__ import annotations

import json

from ui_api import Site, milliseconds
from ui_browser import Browser
from ui_seed import BIG_TRACE_SPANS, FAILED, PREDICTIONS


def test_models_table_shows_the_figures_of_the_api(browser: Browser, site: Site) -> None:
    """One line a version, with rate, errors and latency as the API reports them."""
    row = site.api("/models")["models"][0]
    browser.open(site.page("/models"))
    browser.one(".table tbody tr", "loan")
    line = browser.texts(".table tbody tr")[0]
    for shown in (milliseconds(row["p50"]), milliseconds(row["p95"]), "loan 3", row["state"]):
        assert shown in line, line


def test_a_line_of_the_models_table_opens_the_model(browser: Browser, site: Site) -> None:
    """Clicking a model leads to its page and keeps the time range."""
    browser.open(site.page("/models"))
    browser.one(".table tbody tr a", "loan").click()
    browser.one("h1", "loan")
    assert "/models/loan?" in browser.driver.current_url
    assert "range=all" in browser.driver.current_url


def test_model_page_shows_tiles_charts_and_predictions(browser: Browser, site: Site) -> None:
    """The tiles, the stages' legend, the confidence count and the table agree with the API."""
    model = site.api("/models/loan")
    browser.open(site.page("/models/loan"))
    browser.one(".stat dd", f"{PREDICTIONS} predictions")
    tiles = browser.texts(".stat dd")
    assert milliseconds(model["totals"]["p95"]) in tiles
    legend = " ".join(browser.texts(".legend-entry"))
    for stage in ("feature_extraction", "inference", "post_processing", "approved", "denied"):
        assert stage in legend
    confident = sum(model["confidence"]["counts"])
    browser.one(".panel-head", f"{confident} predictions")
    browser.one("section[aria-label=Predictions] .table tbody tr")
    assert len(browser.all("section[aria-label=Predictions] .table tbody tr")) == PREDICTIONS


def test_predictions_can_be_narrowed_to_the_failed(browser: Browser, site: Site) -> None:
    """The filter reaches the URL and leaves only failed predictions."""
    browser.open(site.page("/models/loan"))
    browser.one("section[aria-label=Predictions] .toggle", "failed").click()
    browser.until(
        lambda: len(browser.all("section[aria-label=Predictions] .table tbody tr")) == FAILED,
        f"{FAILED} rows",
    )
    assert "show=failed" in browser.driver.current_url
    assert all(
        "ValueError" in row
        for row in browser.texts("section[aria-label=Predictions] .table tbody tr")
    )


def test_traces_table_and_error_filter(browser: Browser, site: Site) -> None:
    """All traces are listed; `errors only` leaves the failed ones."""
    total = site.api("/traces", limit=500)["total"]
    browser.open(site.page("/traces"))
    browser.one(".table tbody tr", "POST /predict")
    assert len(browser.all(".table tbody tr")) == total == PREDICTIONS + 2
    browser.one(".toggle", "errors only").click()
    browser.until(lambda: len(browser.all(".table tbody tr")) == FAILED, f"{FAILED} failed traces")


def test_traces_filter_while_typing(browser: Browser, site: Site) -> None:
    """A minimum duration narrows the table and lives in the URL."""
    browser.open(site.page("/traces"))
    browser.one("input[name=min_ms]").send_keys("300")
    browser.until(lambda: len(browser.all(".table tbody tr")) == 1, "one slow trace")
    assert "min_ms=300" in browser.driver.current_url
    assert "batch job" in browser.texts(".table tbody tr")[0]


def test_dragging_over_the_scatter_selects_traces(browser: Browser, site: Site) -> None:
    """A box over the upper right of the scatter leaves the batch job."""
    browser.open(site.page("/traces"))
    browser.one(".table tbody tr")
    browser.drag(".u-over", (0.5, 0.02), (0.995, 0.3))
    browser.one(".selection", "1 selected")
    assert len(browser.all(".table tbody tr")) == 1


def test_trace_shows_spans_stages_and_logs(browser: Browser, site: Site) -> None:
    """Five spans in order, the inferred stage hatched, attributes and logs of the selected span."""
    trace_id = site.seed.traces[5]
    trace = site.api(f"/traces/{trace_id}")
    chosen = trace["spans"][1]
    browser.open(site.page(f"/traces/{trace_id}", span=chosen["span_id"]))
    browser.one(".span-row.on", "predict loan")
    names = browser.texts(".span-row .span-name > .ellipsis:not(.span-service)")
    assert names == [span["name"] for span in trace["spans"]]
    assert len(browser.all(".bar.inferred")) == 1
    pairs = " ".join(browser.texts(".pair"))
    assert "ml.prediction.label" in pairs
    assert chosen["attributes"]["ml.prediction.label"] in pairs
    assert "prediction approved" in browser.one(".log-list").text
    assert "feedback loan" in browser.one(".links").text


def test_stages_have_their_fixed_colours(browser: Browser, site: Site) -> None:
    """Feature extraction blue, inference orange, post-processing green (Okabe-Ito)."""
    browser.open(site.page(f"/traces/{site.seed.traces[5]}"))
    browser.one(".span-row")
    colours = browser.script(
        "return [...document.querySelectorAll('.span-row .stage-mark')].map((e) => getComputedStyle(e).backgroundColor)"
    )
    assert colours[2:] == ["rgb(0, 114, 178)", "rgb(230, 159, 0)", "rgb(0, 158, 115)"]


def test_a_trace_of_five_thousand_spans_draws_only_what_is_in_view(
    browser: Browser, site: Site
) -> None:
    """All spans count, a screenful is drawn, and the last one can be reached."""
    browser.open(site.page(f"/traces/{site.seed.big}"))
    browser.one(".facts", f"{BIG_TRACE_SPANS + 1:,} spans")
    browser.until(lambda: 0 < len(browser.all(".span-row")) < 120, "a screenful of spans")
    browser.script(
        "const box = document.querySelector('.span-list'); box.scrollTop = box.scrollHeight"
    )
    browser.one(".span-row", f"step {BIG_TRACE_SPANS - 1}")


def test_metrics_show_description_series_and_promql(browser: Browser, site: Site) -> None:
    """The chart's legend names the groups and the PromQL is the API's."""
    query = site.api("/metrics/query", name="ml.predictions", agg="rate", by="ml.prediction.label")
    browser.open(site.page("/metrics", name="ml.predictions", agg="rate", by="ml.prediction.label"))
    browser.one(".metric-head", "ml.predictions")
    browser.one(".metric-about", "Rows predicted.")
    browser.one(".legend-entry", "approved")
    browser.one(".legend-entry", "denied")
    assert browser.one(".metric .command code").text == query["promql"]


def test_an_exemplar_of_a_metric_opens_its_trace(browser: Browser, site: Site) -> None:
    """The table behind the chart leads to the exemplars' traces."""
    browser.open(site.page("/metrics", name="ml.prediction.duration", agg="p95"))
    browser.one(".metric figure")
    browser.script("document.querySelector('.metric .behind-toggle').click()")
    link = browser.one(".metric .behind a")
    trace_id = link.get_attribute("href").split("/traces/")[1].split("?")[0]
    assert trace_id in site.seed.traces
    browser.script("arguments[0].click()", link)
    browser.one("h1", "POST /predict")


def test_logs_filter_as_one_types_and_open_as_json(browser: Browser, site: Site) -> None:
    """Typing narrows the lines to the matching ones; a click shows the record."""
    stale = site.api("/logs", query="stale", limit=500)["logs"]
    browser.open(site.page("/logs"))
    browser.one(".log", "prediction approved")
    browser.one("input[name=query]").send_keys("stale")
    browser.until(lambda: len(browser.all(".log")) == len(stale), f"{len(stale)} lines")
    browser.one(".log-body", "model artefact is stale").click()
    shown = json.loads(browser.one(".log-json pre").text)
    assert shown == stale[0]


def test_a_log_leads_to_its_trace(browser: Browser, site: Site) -> None:
    """The chip of a record opens the trace it belongs to."""
    browser.open(site.page("/logs", query="stale"))
    browser.one(".log .chip").click()
    browser.one("h1", "POST /predict")
    assert "/traces/" in browser.driver.current_url
