"""What server spans hold, and which spans are beneath them."""

from __future__ import annotations

import pytest
from flask import Flask, request

import otelml


@pytest.fixture
def app():
    """An application."""
    return Flask("spans")


def test_a_label_is_part_of_the_request_that_brought_it(seen, app):
    """Its span is a child of the server span, linked to the prediction in its own trace."""

    @app.post("/predict")
    def predict():
        with otelml.prediction("loan") as p:
            p.set_result(label="yes")
        return p.id

    @app.post("/feedback")
    def feedback():
        return otelml.feedback(request.get_data(as_text=True), "no").outcome

    client = app.test_client()
    prediction_id = client.post("/predict").text
    assert client.post("/feedback", data=prediction_id).text == "wrong"
    (prediction,) = seen.predictions()
    (span,) = seen.captured.spans("feedback loan")
    (server,) = [s for s in seen.servers() if s.name == "POST /feedback"]
    assert span.parent.span_id == server.context.span_id
    assert span.context.trace_id == server.context.trace_id != prediction.context.trace_id
    (link,) = span.links
    assert link.context.span_id == prediction.context.span_id


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("api.example:8443", "api.example"),
        ("api.example", "api.example"),
        ("[::1]:5000", "::1"),
        ("127.0.0.1:80", "127.0.0.1"),
    ],
)
def test_the_address_has_no_port(host, address, seen, app):
    """``server.address`` is the host alone."""

    @app.get("/")
    def view():
        return "ok"

    app.test_client().get("/", headers={"Host": host})
    (server,) = seen.servers()
    assert server.attributes["server.address"] == address
