"""Reports are listed and opened, as JSON and as pages, by every framework."""

from __future__ import annotations

import json
import sys

import pytest

import otelml
from tests.endpoints._services import FRAMEWORKS, PREFIX, service_of
from tests.report.test_page import Page

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(params=FRAMEWORKS)
def ask(request):
    return service_of(request.param, PREFIX)


def _json(ask, path):
    told = ask("GET", PREFIX + path)
    assert (told.status, told.media) == (200, "application/json"), told.body
    return json.loads(told.body)


def test_a_check_is_listed_and_opens(start, predict, ask):
    """Triggered twice, two manual reports: the newest first, each and the latest by its URL."""
    telemetry = start()
    predict(shift=0)
    telemetry.check_drift()
    predict(shift=2)
    assert ask("POST", PREFIX + "/monitor/trigger").status == 200
    newest, oldest = _json(ask, "/monitor/reports/")["reports"]
    assert newest["at"] > oldest["at"]
    assert (newest["drifted"], oldest["drifted"]) == (["f0"], [])
    assert newest["manual"] is True
    assert newest["name"].endswith("-manual")
    assert ask("GET", newest["url"]).body == ask("GET", PREFIX + "/monitor/reports/latest").body
    assert _json(ask, f"/monitor/reports/{oldest['name']}")["drifted"] == []
    (model,) = _json(ask, "/monitor/status")["models"]
    assert model["latest_report_url"] == newest["url"]
    assert {"next_run", "rows_collected", "last_reports"} <= set(model)
    assert _json(ask, "/monitor/reports")["reports"] == [newest, oldest]  # no last slash


@pytest.mark.parametrize(
    ("query", "accept", "page"),
    [
        ("", "", False),
        ("", "*/*", False),
        ("", "application/json, text/html", False),
        ("", "text/html;q=0.5, application/json", False),
        ("", "application/*, text/html;q=0.1", False),
        ("", "text/html;q=x", False),
        ("", "TEXT/HTML", True),
        ("", "text/*", True),
        ("", BROWSER["Accept"], True),
        ("?format=html", "application/json", True),
        ("?format=json", "text/html", False),
    ],
)
def test_a_page_is_for_who_asks_for_one(start, predict, query, accept, page):
    """JSON by default; a page by ``Accept`` or ``format``."""
    telemetry = start()
    predict()
    telemetry.check_drift()
    ask = service_of("fastapi")
    for path in ("/monitor/report", "/monitor/reports/", "/monitor/reports/latest"):
        told = ask("GET", path + query, headers={"Accept": accept})
        assert told.status == 200
        wanted = "text/html; charset=utf-8" if page else "application/json"
        assert told.media == wanted, path


def test_the_pages_are_whole_and_their_links_lead_there(start, predict, ask):
    """A person goes from the list to a report and back, wherever it is mounted."""
    from urllib.parse import urljoin

    telemetry = start()
    for shift in (0, 2, 2):
        predict(shift=shift)
        telemetry.check_drift()
    for place in ("/monitor/reports/", "/monitor/reports"):
        address = PREFIX + place
        listed = Page(ask("GET", address, headers=BROWSER).body.decode())
        assert listed.open == []
        assert len(listed.links) == 3
        opened = urljoin(address, listed.links[0])
        told = ask("GET", opened)
        page = Page(told.body.decode())
        assert (told.status, page.open) == (200, [])
        assert "f0" in page.text
        assert "polyline" in page.tags, "there is no evidence over time"
        assert ask("GET", urljoin(opened, page.links[0]), headers=BROWSER).status == 200
    last = Page(ask("GET", PREFIX + "/monitor/report", headers=BROWSER).body.decode())
    back = urljoin(PREFIX + "/monitor/report", last.links[0])
    assert back == PREFIX + "/monitor/reports/"


@pytest.mark.parametrize(
    "name",
    ["nothing", "..", "%2e%2e%2fsecret", "..%5csecret", "latest.json", "%00", "a" * 5000,
     "20260101T000000.000Z-loan-1-abcdef", "20260101T000000.000Z-..-abcdef%0a"],
)  # fmt: skip
def test_no_other_file_can_be_read(start, predict, ask, tmp_path, name):
    """Only what the monitor wrote: a name of another kind, or of nothing, is 404."""
    folder = tmp_path / "reports"
    telemetry = start(report_folder=str(folder))
    predict()
    telemetry.check_drift()
    assert telemetry._pipeline.monitor.archive.flush(10)
    (tmp_path / "secret.json").write_text('{"name": "secret"}')
    (folder / "nothing.json").write_text('{"name": "nothing"}')
    for kind in ("json", "html"):
        told = ask("GET", f"{PREFIX}/monitor/reports/{name}?format={kind}")
        assert told.status == 404
        assert b"secret" not in told.body


def test_a_wrong_format_and_no_report_are_said(start, ask):
    """400 for a format that is none; 404 and an empty list before the first check."""
    start()
    assert ask("GET", PREFIX + "/monitor/reports/?format=pdf").status == 400
    assert ask("GET", PREFIX + "/monitor/reports/latest").status == 404
    assert ask("GET", PREFIX + "/monitor/report", headers=BROWSER).status == 404
    assert _json(ask, "/monitor/reports/") == {"reports": []}
    page = ask("GET", PREFIX + "/monitor/reports/", headers=BROWSER)
    assert b"no report yet" in page.body


def test_without_the_extra_there_is_json(start, predict, monkeypatch, ask):
    """A browser has JSON; who says ``format=html`` is told what to install."""
    telemetry = start()
    predict()
    telemetry.check_drift()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    for path in ("/monitor/report", "/monitor/reports/", "/monitor/reports/latest"):
        told = ask("GET", PREFIX + path, headers=BROWSER)
        assert (told.status, told.media) == (200, "application/json")
        told = ask("GET", f"{PREFIX}{path}?format=html")
        assert told.status == 501
        assert b"otelml[report]" in told.body


def test_reports_outlive_the_process_in_a_folder(start, predict, ask, tmp_path):
    """What an earlier process wrote is listed and opens, JSON and page."""
    folder = str(tmp_path / "deep" / "reports")
    telemetry = start(report_folder=folder)
    predict()
    telemetry.check_drift()
    (before,) = _json(ask, "/monitor/reports/")["reports"]
    whole = ask("GET", before["url"]).body
    otelml.shutdown()
    start(report_folder=folder)
    assert _json(ask, "/monitor/reports/")["reports"] == [before]
    assert ask("GET", before["url"]).body == whole
    page = ask("GET", before["url"], headers=BROWSER)
    assert Page(page.body.decode()).open == []
