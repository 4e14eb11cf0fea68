"""Whom the demo answers: no page of another origin, and no stranger without a token."""

from __future__ import annotations

import pytest

import otelml
from demo_service import __main__ as served
from demo_service.access import MAX_FIELDS, Access
from demo_service.app import create_app

_SITES = ("cross-site", "same-site")


@pytest.mark.parametrize("path", ["/", "/predict", "/predict/batch", "/feedback", "/review",
                                  "/ml/review", "/ml/monitor/trigger", "/ml/monitor/accept"])  # fmt: skip
@pytest.mark.parametrize(
    "headers",
    [
        *({"Sec-Fetch-Site": site} for site in _SITES),
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:9"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
def test_no_write_by_another_page(client, application, path, headers):
    """A form, or a request of a script; on another port of this machine too."""
    for media in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        told = client.post(path, data=b"{}", content_type=media, headers=headers)
        assert told.status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
                                     {"Origin": "http://localhost"}])  # fmt: skip
def test_its_own_page_and_programs_write(client, application, headers):
    """What says nothing is no browser; its own form may have no origin."""
    assert client.post("/predict", json=application, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "", "text/json"]
)
def test_json_says_so(client, media):
    """A page's form, which needs no leave to be sent, cannot be taken for JSON."""
    for path in ("/predict", "/predict/batch", "/feedback"):
        told = client.post(path, data=b"{}", content_type=media)
        assert told.status_code == 415
        assert told.get_json()["error"] == "send JSON as Content-Type: application/json"


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8000", 200), ("127.1.2.3", 200), ("[::1]:1", 200), ("evil.example", 421),
     ("localhost.evil.example", 421), ("a b", 400), ("localhost:1:2", 400), ("@localhost", 400)],
)  # fmt: skip
def test_no_other_name(client, host, status):
    """A page that had its name lead here gets nothing: not the reports either."""
    for path in ("/healthz", "/", "/ml/monitor/status"):
        assert client.get(path, headers={"Host": host}).status_code == status


def test_answers_cannot_be_embedded(client):
    """By pages of another origin."""
    for path in ("/healthz", "/", "/ml/monitor/status"):
        headers = client.get(path).headers
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers


def test_bodies_of_many_keys(client, application):
    """They are refused by their number, and what is wrong is said of a few."""
    many = {f"k{n}": 1 for n in range(100_000)}
    told = client.post("/predict", json=many)
    assert told.status_code == 422
    assert told.get_json() == {"errors": {"application": "has 100,000 fields; 40 at most"}}
    told = client.post("/feedback", json=many)
    assert told.get_json() == {"errors": {"feedback": "has 100,000 fields; 40 at most"}}
    told = client.post("/predict/batch", json=[{"x" * 3_000: 1}] * 1_000)
    assert told.status_code == 422
    assert len(told.get_json()["errors"]) < 130
    assert len(told.data) < 20_000


@pytest.mark.parametrize("media", ["application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("path", ["/", "/review"])
def test_forms_of_many_fields(client, path, media):
    """They are refused as well."""
    fields = {f"k{n}": "1" for n in range(MAX_FIELDS + 1)}
    assert client.post(path, data=fields, content_type=media).status_code == 413
    assert client.post(path, data={"age": "1" * 70_000}, content_type=media).status_code == 413


def test_others_need_the_token(model_folder, monkeypatch, request):
    """As a bearer token, or as a browser sends a password."""
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    monkeypatch.setenv("OTELML_LOGS_JSON", "false")
    made = create_app(Access(token="t0ken"))
    request.addfinalizer(otelml.shutdown)
    client = made.test_client()
    name = {"Host": "demo.example"}
    assert client.get("/healthz", headers=name).status_code == 401
    for wrong in ("Bearer t0ke", "Bearer", "Basic t0ken", "Basic Og==", "Digest x=y", "\xff"):
        assert client.get("/healthz", headers={**name, "Authorization": wrong}).status_code == 401
    right = {**name, "Authorization": "Bearer t0ken"}
    assert client.get("/healthz", headers=right).status_code == 200
    assert client.get("/healthz", headers=name, auth=("me", "t0ken")).status_code == 200


def test_access_by_address(monkeypatch, capsys):
    """This machine alone needs none; others get a token, or a name that they ask by."""
    monkeypatch.delenv("DEMO_TOKEN", raising=False)
    assert served._access("127.0.0.1", []) == Access()
    assert capsys.readouterr() == ("", "")
    made = served._access("0.0.0.0", [])
    told = capsys.readouterr()
    assert len(made.token) >= 32
    assert made.token in told.out
    assert "each request needs a token" in told.err
    monkeypatch.setenv("DEMO_TOKEN", "mine")
    assert served._access("0.0.0.0", []) == Access(token="mine")
    assert "mine" not in capsys.readouterr().out
    assert served._access("0.0.0.0", ["Demo"]) == Access(hosts=frozenset({"demo"}))
    assert "whoever reaches" in capsys.readouterr().err
