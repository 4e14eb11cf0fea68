"""The reviewer's page: a queue, decisions, who decided, whether sources agree."""

from __future__ import annotations

import base64
import re
from html import unescape
from urllib.parse import urlencode

import pytest

import otelml
from otelml import environment_variables as env
from otelml.config import Config, FeedbackOptions, LogOptions
from otelml.labels import LabelStore
from otelml.testing import capture
from tests._ids import SECRET
from tests.endpoints._services import FRAMEWORKS, PREFIX, service_of

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SAME = {**FORM, "Sec-Fetch-Site": "same-origin"}
PATH = f"{PREFIX}/review"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/labels.db"


@pytest.fixture
def captured(url):
    feedback = FeedbackOptions(store=url, secret=SECRET, review_below=0.7, review_features=("*",))
    logs = LogOptions(json=False, redact=("name",))
    with capture(Config(feedback=feedback, logs=logs)) as captured:
        yield captured


def _predict(captured, confidence=0.55, label="approved", **features):
    with otelml.prediction("loan", version="3", features=features or None) as p:
        p.set_result(label=label, confidence=confidence)
    captured.flush()
    return p.id


def _post(ask, headers=SAME, **form):
    return ask("POST", PATH, urlencode(form).encode(), headers)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_reviewer_decides(captured, url, framework):
    """The least certain is first; a decision is a label with its reviewer, and leaves the queue."""
    _predict(captured, 0.9)
    second, first = _predict(captured, 0.6), _predict(captured, 0.51, "rejected", income=41_000)
    ask = service_of(framework, PREFIX, with_review=True)
    page = ask("GET", PATH + "?reviewer=kim").body.decode()
    assert re.findall('name="prediction_id" value="([^"]+)"', page)[::2] == [first, second]
    assert "41000" in page
    assert "2 waiting" in page
    told = _post(ask, prediction_id=first, actual="approved", reviewer="kim")
    assert (told.status, told.headers["location"]) == (303, f"{PATH}?said=wrong&reviewer=kim")
    (span,) = captured.spans("feedback loan")
    assert span.attributes["ml.feedback.source"] == "review"
    assert span.attributes["ml.feedback.reviewer"] == "kim"
    after = ask("GET", PATH + "?said=wrong&reviewer=kim").body.decode()
    assert "the prediction was wrong" in after
    assert "1 waiting" in after
    assert re.findall('name="prediction_id" value="([^"]+)"', after)[::2] == [second]
    otelml.feedback(first, "rejected", source="core")
    assert "core and review" in ask("GET", PATH).body.decode()
    (label,) = LabelStore(url).reviews.decided(5)
    assert (label.actual, label.reviewer) == ("approved", "kim")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_it_is_mounted_only_where_that_is_asked_for(captured, framework):
    """It shows features, so that a service must want it."""
    assert service_of(framework, PREFIX)("GET", PATH).status == 404


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (FORM, 403),
        ({**FORM, "Origin": "http://evil.example"}, 403),
        ({**FORM, "Origin": "null"}, 403),
        ({**FORM, "Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({**FORM, "Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"}, 415),
        ({**FORM, "Origin": "http://own.example", "Host": "own.example"}, 303),
        (SAME, 303),
        ({**FORM, "Authorization": "Bearer any"}, 303),
    ],
)
def test_only_our_own_form_is_taken(captured, url, framework, headers, status):
    """A form of another site is refused and changes nothing; a client with a token needs no page."""
    ask = service_of(framework, PREFIX, with_review=True)
    made = _predict(captured)
    assert _post(ask, headers, prediction_id=made, actual="rejected", reviewer="k").status == status
    assert LabelStore(url).counts()["labels"] == (status == 303)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_token_is_asked_for_as_a_password(captured, monkeypatch, framework):
    """A browser asks for it; the user's name is the reviewer, whatever the form says."""
    monkeypatch.setenv(env.OTELML_ADMIN_TOKEN, "token")
    ask = service_of(framework, PREFIX, with_review=True)
    made = _predict(captured)
    for wrong in ("", "Basic", "Basic %%", _basic("kim", "no"), "Bearer no"):
        told = ask("GET", PATH, headers={"Authorization": wrong})
        assert (told.status, told.headers["www-authenticate"][:5]) == (401, "Basic")
        assert _post(ask, {**SAME, "Authorization": wrong}, prediction_id=made).status == 401
    headers = {"Authorization": _basic("kim", "token")}
    assert "Reviewing as kim" in ask("GET", PATH + "?reviewer=eve", headers=headers).body.decode()
    told = _post(ask, {**SAME, **headers}, prediction_id=made, actual="a", reviewer="eve")
    assert told.status == 303
    (span,) = captured.spans("feedback loan")
    assert span.attributes["ml.feedback.reviewer"] == "kim"
    assert ask("GET", f"{PREFIX}/monitor/status", headers=headers).status == 401


def _basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_nothing_on_it_is_code(captured):
    """Whatever a feature, a label or a name says is text; no script runs and no frame shows it."""
    evil = '"><script>alert(1)</script>'
    _predict(captured, 0.5, evil[:30], **{evil: evil, "name": "Ann Secret"})
    ask = service_of("flask", PREFIX, with_review=True)
    told = ask("GET", f"{PATH}?{urlencode({'reviewer': evil, 'after': '-1', 'said': evil})}")
    page = told.body.decode()
    assert "<script" not in page
    assert evil in unescape(page)
    assert "Ann Secret" not in page
    policy = told.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert told.headers["cache-control"] == "no-store"


def test_what_is_wrong_is_said_on_the_page(captured):
    """A forged id, no label and no name are refused in words, and the prediction is still there."""
    made = _predict(captured)
    ask = service_of("flask", PREFIX, with_review=True)
    for form in (
        {"prediction_id": made, "actual": "", "reviewer": "kim"},
        {"prediction_id": made, "actual": "rejected", "reviewer": " "},
        {"prediction_id": "forged", "actual": "rejected", "reviewer": "kim"},
    ):
        told = _post(ask, **form)
        assert told.status == 400
        assert "Not saved: " in told.body.decode()
    assert _post(ask, prediction_id=made, actual="x" * 70_000, reviewer="k").status == 413
    assert "1 waiting" in ask("GET", PATH).body.decode()
    assert "no prediction of this service" in ask("GET", PATH + "?id=forged").body.decode()


def test_many_wait_on_several_pages(captured):
    """Ten a page, each once; links lead to and fro and keep the name."""
    for number in range(23):
        _predict(captured, 0.4 + number / 100)
    ask = service_of("flask", PREFIX, with_review=True)
    found, query = [], "reviewer=kim"
    for size in (10, 10, 3):
        page = ask("GET", f"{PATH}?{query}").body.decode()
        ids = re.findall('name="prediction_id" value="([^"]+)"', page)[::2]
        assert len(ids) == size
        found += ids
        following = re.search(r'href="\?([^"]+)">More certain', page)
        query = unescape(following[1]) if following else ""
    assert len(set(found)) == 23
    assert not query


def test_a_value_and_a_batch(captured):
    """A number is asked for as one; of a batch, the uncertain rows wait."""
    with otelml.prediction("price") as p:
        p.set_result(value=120.5, confidence=0.3)
    with otelml.prediction("loan", features=[[1.0], [2.0], [3.0]]) as p:
        p.set_result(label=["a", "b", "c"], confidence=[0.9, 0.6, 0.5])
    captured.flush()
    page = service_of("flask", PREFIX, with_review=True)("GET", PATH + "?reviewer=k").body.decode()
    assert "True value" in page
    assert "3 waiting" in page
    assert [one for one in p.ids if one in page] == p.ids[1:]


def test_without_a_store_it_is_said():
    """503 with what is missing."""
    ask = service_of("flask", PREFIX, with_review=True)
    assert ask("GET", PATH).status == 503
    with capture(Config(logs=LogOptions(json=False))):
        told = ask("GET", PATH)
    assert told.status == 503
    assert b"FeedbackOptions.store" in told.body
