from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from demo_service.fields import FIELDS

EXAMPLES = {field.name: field.example for field in FIELDS}


class _Page(HTMLParser):
    """The controls of a page, its links, and what it says."""

    def __init__(self, html):
        super().__init__()
        self.controls, self.links, self.labels, self.sources = {}, [], set(), []
        self.text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
        self._select = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        if tag == "input":
            self.controls[known["name"]] = known.get("value", "")
        elif tag == "select":
            self._select = known["name"]
        elif tag == "option" and "selected" in known:
            self.controls[self._select] = known["value"]
        elif tag == "a":
            self.links.append(known["href"])
        elif tag == "label":
            self.labels.add(known["for"])
        if tag in {"link", "script", "img"}:
            self.sources.append(known.get("href") or known.get("src"))


def _get(response):
    return _Page(response.get_data(as_text=True))


def test_empty_form(client):
    """It starts with an example, every control has a label, and nothing comes from elsewhere."""
    response = client.get("/")
    page = _get(response)
    assert response.status_code == 200
    assert page.controls == EXAMPLES
    assert page.labels == set(EXAMPLES)
    assert all(source.startswith("/static/") for source in page.sources)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["style.css", "icon.svg"])
def test_assets(client, name):
    """What the page asks for is there."""
    assert client.get(f"/static/{name}").status_code == 200


def test_decision(client, telemetry, monkeypatch):
    """The page shows the decision, keeps the input and links to the trace in the viewer."""
    monkeypatch.setenv("OTELML_VIEWER_URL", "http://viewer.test:9/")
    page = _get(client.post("/", data=EXAMPLES))
    [span] = telemetry.predictions("loan")
    assert f"http://viewer.test:9/traces/{span.context.trace_id:032x}" in page.links
    assert re.search(r"(Approved|Rejected) Confidence \d+ %", page.text)
    assert EXAMPLES.items() <= page.controls.items()


def test_default_viewer(client):
    """Without a setting the link goes to the local viewer."""
    page = _get(client.post("/", data=EXAMPLES))
    assert any(link.startswith("http://127.0.0.1:8090/traces/") for link in page.links)


def test_wrong_input(client):
    """Messages stand at the fields, and what was entered stays."""
    entered = {**EXAMPLES, "age": "old <b>", "loan_amount": "9", "purpose": ""}
    response = client.post("/", data=entered)
    html = response.get_data(as_text=True)
    assert response.status_code == 422
    assert 'id="age-error">must be a number, not “old &lt;b&gt;”' in html
    assert 'id="loan_amount-error">must be 100 to 1,000,000, not 9' in html
    assert 'id="purpose-error">is required' in html
    assert html.count('aria-invalid="true"') == 3
    assert "3 values need a look" in html
    assert _Page(html).controls["age"] == "old <b>"


def test_model_that_fails(client):
    """The page says so, keeps the input and links to the trace."""
    response = client.post("/?fail=inference", data={**EXAMPLES, "age": "55"})
    page = _get(response)
    assert response.status_code == 500
    assert "The model failed" in page.text
    assert page.controls["age"] == "55"
    assert any("/traces/" in link for link in page.links)


def test_review(client, telemetry):
    """Feedback from the page is confirmed, and reaches the prediction."""
    shown = _get(client.post("/", data=EXAMPLES)).controls
    opposite = "rejected" if shown["label"] == "approved" else "approved"
    first = _get(client.post("/review", data={**shown, "actual": opposite}))
    again = _get(client.post("/review", data={**shown, "actual": opposite}))
    assert f"Recorded: it should have been {opposite}. The model was wrong." in first.text
    assert "You had said so before." in again.text
    assert EXAMPLES.items() <= first.controls.items()
    assert len(telemetry.spans("feedback loan")) >= 1


def test_review_that_agrees(client):
    """The page says that the model was right."""
    shown = _get(client.post("/", data=EXAMPLES)).controls
    page = _get(client.post("/review", data={**shown, "actual": shown["label"]}))
    assert "The model was right." in page.text


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"prediction_id": "forged"}, 400, "The feedback was not taken"),
        ({"actual": "maybe"}, 422, "Choose whether"),
    ],
)
def test_review_refused(client, change, status, message):
    """A forged id or no answer is said, and the input stays."""
    shown = _get(client.post("/", data=EXAMPLES)).controls
    response = client.post("/review", data={**shown, "actual": "approved", **change})
    page = _get(response)
    assert response.status_code == status
    assert message in page.text
    assert EXAMPLES.items() <= page.controls.items()


def test_review_trusts_nothing_it_is_sent(client):
    """Fields of the review form are a client's: odd ones neither fail nor get into the page."""
    shown = _get(client.post("/", data=EXAMPLES)).controls
    odd = {"confidence": "nan", "trace_id": '"><script>', "label": "<b>", "age": "<i>"}
    response = client.post("/review", data={**shown, "actual": "approved", **odd})
    html = response.get_data(as_text=True)
    assert response.status_code == 200
    assert "<script" not in html
    assert "<i>" not in html
