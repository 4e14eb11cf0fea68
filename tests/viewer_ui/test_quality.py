"""The quality part of the model's page, predictions and traces by label, a trace's own label."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from ui_api import Site
from ui_browser import Browser
from ui_quality import FLAG, send_label, send_quality
from ui_seed import PREDICTIONS, send

from otelml.viewer import Viewer

STORED_S = 30.0
PART = "section[aria-label=Quality]"
ROWS = "section[aria-label=Predictions] .table tbody tr"


def _wait(ready: Callable[[], object]) -> None:
    end = time.monotonic() + STORED_S
    while not ready():
        assert time.monotonic() < end, "the viewer stored too little"
        time.sleep(0.05)


def _start() -> tuple[Viewer, Site]:
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    found = Site(
        web=f"http://127.0.0.1:{viewer.ports.web}", otlp=f"http://127.0.0.1:{viewer.ports.http}"
    )
    found.seed = send(found.otlp)
    _wait(lambda: any(row["predictions"] == PREDICTIONS for row in found.api("/models")["models"]))
    return viewer, found


@pytest.fixture(scope="module")
def quality_site() -> Iterator[tuple[Site, int]]:
    """A viewer with labels, of which the last third is worse."""
    viewer, found = _start()
    labels = send_quality(found.otlp)
    _wait(lambda: found.api("/models/loan/quality")["labels"] == labels)
    yield found, labels
    viewer.stop()


@pytest.fixture(scope="module")
def unlabelled_site() -> Iterator[Site]:
    """A viewer with predictions alone."""
    viewer, found = _start()
    yield found
    viewer.stop()


def page(site: Site, **params: str) -> str:
    return site.page("/models/loan", range="15m", **params)


def test_measures_with_interval_bounds_and_estimate(browser: Browser, quality_site) -> None:
    """The table has what the service sent, and the head how many labels that is."""
    site, labels = quality_site
    browser.open(page(site))
    browser.one(f"{PART} .panel-head", f"{labels} labels")
    browser.one(f"{PART} .panel-head", "Accuracy worse than it was")
    assert "at training" in " ".join(browser.texts(f"{PART} .legend-entry"))
    assert ".910" in " ".join(browser.texts(f"{PART} .legend-entry"))
    browser.one(f"{PART} .measures tbody tr", "Accuracy")
    (line,) = browser.texts(f"{PART} .measures tbody tr")
    for shown in ("Accuracy", ".830", "±.055", ".410 \u2013 .930", ".870"):
        assert shown in line, line
    assert not browser.problems()


def test_the_drop_is_in_the_line_and_its_table(browser: Browser, quality_site) -> None:
    """The table behind the chart has value, interval and labels; the last points are lower."""
    site, _ = quality_site
    line = site.api("/models/loan/quality")["line"]
    known = [value for value in line["value"] if value is not None]
    assert known[0] == pytest.approx(0.9)
    assert known[-1] == pytest.approx(0.5)
    browser.open(page(site))
    browser.one(f"{PART} figure canvas")
    cells = browser.script(
        "return [...document.querySelectorAll(arguments[0])].map((row) => row.textContent)",
        f"{PART} .quality-chart .behind tbody tr",
    )
    assert any(".900" in each and "±" in each and "(40)" in each for each in cells), cells
    assert ".500" in cells[-1]
    assert any("estimated" in each for each in browser.texts(f"{PART} .legend-entry"))


def test_another_measure_can_be_drawn(browser: Browser, quality_site) -> None:
    """The choice is in the URL, and the chart is of it."""
    site, _ = quality_site
    browser.open(page(site))
    browser.one(f"{PART} select option[value=recall]").click()
    browser.one(f"{PART} .legend-entry", "Recall")
    assert "measure=recall" in browser.driver.current_url


def test_words_say_of_which_predictions_it_is(browser: Browser, quality_site) -> None:
    """A class without labels is named above all numbers, and marked in the shares."""
    site, _ = quality_site
    browser.open(page(site))
    browser.one(f"{PART} .note", FLAG)
    browser.one(f"{PART} .coverage td.missing", "0 %")
    browser.one(f"{PART} .maturity", "1 min")


def test_confusion_and_classes(browser: Browser, quality_site) -> None:
    """Cells hold count and share of what was true; each label has its own measures."""
    site, labels = quality_site
    cells = {
        (each["actual"], each["predicted"]): each["count"]
        for each in site.api("/models/loan/quality")["confusion"]["cells"]
    }
    assert sum(cells.values()) == labels
    browser.open(page(site))
    browser.one(f"{PART} .confusion td.right", str(cells["approved", "approved"]))
    browser.one(f"{PART} .confusion td.wrong", str(cells["denied", "approved"]))
    rows = browser.texts(f"{PART} .classes tbody tr")
    assert rows[0].startswith("approved")
    assert "1.0" in rows[0]


def test_why_to_retrain(browser: Browser, quality_site) -> None:
    """The verdict, with the reasons that hold first."""
    site, _ = quality_site
    browser.open(page(site))
    browser.one(f"{PART} .quality-part", "Recommended")
    reasons = browser.texts(f"{PART} .reasons li")
    assert "accuracy declining" in reasons[0]
    assert "since" in reasons[0]
    assert "old model" in reasons[1]


def test_the_models_table_has_accuracy_with_interval(browser: Browser, quality_site) -> None:
    """Value, interval, and how many labels it is of."""
    site, labels = quality_site
    row = site.api("/models")["models"][0]
    browser.open(site.page("/models"))
    shown = f"{row['accuracy']['value']:.3f}".removeprefix("0")
    line = browser.one(".table tbody tr", "loan").text
    assert shown in line
    assert f"({labels})" in line


def test_before_labels_there_is_what_to_run(browser: Browser, unlabelled_site: Site) -> None:
    """Commands to copy, and then the estimate; nothing that looks like a measure."""
    browser.open(page(unlabelled_site))
    browser.one(f"{PART} .command", "otelml.feedback(")
    browser.one(f"{PART} .command", "otelml feedback import")
    assert not browser.all(f"{PART} .measures")
    send_quality(unlabelled_site.otlp, measured=False)
    _wait(lambda: unlabelled_site.api("/models/loan/quality")["status"] == "estimated")
    browser.open(page(unlabelled_site))
    browser.one(f"{PART} .measures tbody tr", ".870")
    (line,) = browser.texts(f"{PART} .measures tbody tr")
    assert ".870" in line
    assert browser.texts(f"{PART} .measures thead th")[-1] == "estimated"
    browser.one(f"{PART} .command", "otelml.feedback(")


def test_a_label_comes_while_its_trace_is_open(browser: Browser, unlabelled_site: Site) -> None:
    """No reload: first there is none, then what was true, by whom and how late."""
    site = unlabelled_site
    trace_id = site.seed.traces[7]
    (prediction,) = site.api(f"/traces/{trace_id}/labels")["predictions"]
    span_id = prediction["span_id"]
    browser.open(f"{site.web}/traces/{trace_id}?range=all")
    browser.one(".trace-labels", "no label yet")
    other = "denied" if prediction["predicted"] == "approved" else "approved"
    send_label(site.otlp, trace_id, span_id, other, prediction["predicted"])
    browser.one(".trace-labels", "wrong")
    told = browser.one(".trace-labels").text
    for shown in (prediction["predicted"], other, "from crm"):
        assert shown in told, told
    browser.one(".trace-labels .chip").click()
    browser.one("h1", "feedback loan")


def test_predictions_and_traces_by_label(browser: Browser, unlabelled_site: Site) -> None:
    """`wrong` leaves the one whose label differs, `unlabelled` those without one."""
    site = unlabelled_site
    trace_id = site.seed.traces[9]
    (prediction,) = site.api(f"/traces/{trace_id}/labels")["predictions"]
    before = site.api("/traces", labelled="wrong")["total"]
    send_label(site.otlp, trace_id, prediction["span_id"], "odd", prediction["predicted"])
    _wait(lambda: site.api("/traces", labelled="wrong")["total"] == before + 1)
    browser.open(site.page("/traces"))
    browser.one(".toggle", "wrong").click()
    browser.until(lambda: len(browser.all(".table tbody tr")) == before + 1, "the wrong ones")
    assert "labelled=wrong" in browser.driver.current_url
    browser.open(site.page("/models/loan", show="wrong"))
    browser.until(lambda: len(browser.all(ROWS)) == before + 1, "the wrong ones")
    assert "odd" in " ".join(browser.texts(ROWS))
    waiting = site.api("/models/loan/predictions", filter="unlabelled")["total"]
    browser.open(site.page("/models/loan", show="unlabelled"))
    browser.until(lambda: len(browser.all(ROWS)) == waiting, f"{waiting} without a label")
    assert 0 < waiting < PREDICTIONS


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_overflows(browser: Browser, quality_site, width: int, theme: str) -> None:
    """The part is as wide as the window."""
    site, _ = quality_site
    browser.size(width, 800)
    browser.open(page(site, theme=theme))
    browser.one(f"{PART} .measures tbody tr")
    assert browser.overflow() <= 0


def test_a_failing_answer_says_so_and_can_be_retried(browser: Browser, quality_site) -> None:
    """The rest of the page stays."""
    site, _ = quality_site
    browser.open(page(site, measure="magic"))
    browser.one(f"{PART} .failed", "Metric must be one of accuracy")
    browser.one(f"{PART} .failed button", "Retry")
    browser.one(ROWS)
