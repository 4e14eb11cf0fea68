"""The endpoints in a Django service, in a process of its own: settings are the process's."""

from __future__ import annotations

import json

from tests._processes import run

SERVICE = """
import json, sys
import django
from django.conf import settings
from django.test import Client
from django.urls import include, path

settings.configure(ROOT_URLCONF="__main__", ALLOWED_HOSTS=["*"], SECRET_KEY="k", MIDDLEWARE=[
    "django.middleware.csrf.CsrfViewMiddleware"])
django.setup()

import otelml
import otelml.django

otelml.init("django-api", model="loan", model_version="3")
urlpatterns = [path("ml/", include(otelml.django.urlpatterns(with_review=True)))]
with otelml.prediction("loan", version="3", features={"age": 40.0}) as made:
    made.set_result(label="yes", confidence=0.9)
client = Client(enforce_csrf_checks=True)

def ask(method, where, body=None, **headers):
    said = client.generic(method, where, json.dumps(body) if body else "", "application/json",
                          headers=headers)
    return [said.status_code, said.headers["Content-Type"], said.content.decode()[:300],
            said.headers.get("Allow", "")]

label = {"prediction_id": made.id, "actual": "yes"}
print(json.dumps({
    "status": ask("GET", "/ml/monitor/status", authorization="Bearer t0ken"),
    "head": ask("HEAD", "/ml/monitor/status", authorization="Bearer t0ken"),
    "stranger": ask("GET", "/ml/monitor/status"),
    "feedback": ask("POST", "/ml/feedback", label),
    "malformed": ask("POST", "/ml/feedback", {"prediction_id": "x", "actual": 1}),
    "method": ask("DELETE", "/ml/feedback"),
    "report": ask("GET", "/ml/monitor/reports/none", authorization="Bearer t0ken"),
}))
otelml.shutdown()
"""
QUIET = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}


def test_every_endpoint_answers():
    """Status, feedback and reports, the token, other methods; none asks for a CSRF token."""
    code, out, err = run(SERVICE, OTELML_ADMIN_TOKEN="t0ken", **QUIET)
    assert code == 0, err
    told = json.loads(out.splitlines()[-1])
    assert {name: answer[0] for name, answer in told.items()} == {
        "status": 200,
        "head": 200,
        "stranger": 401,
        "feedback": 200,
        "malformed": 400,
        "method": 405,
        "report": 404,
    }, told
    assert "correct" in told["feedback"][2]
    assert told["head"][2] == ""
    assert "POST" in told["method"][3]
