"""Canaries: values of customers put through every door, and looked for in all that leaves."""

from __future__ import annotations

import json
import struct

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import run

INCOME, AGE = 73914.261507, 41.625
TEXT = "Qzorvela"
SERVICE = """
    import json, logging, os
    import flask, numpy as np, otelml, otelml.flask
    from otelml import PrivacyOptions
    from otelml.config import LogOptions
    from otelml.reference import Reference

    level, income, age, text = json.loads(os.environ["CANARIES"])
    rng = np.random.default_rng(0)
    levels = rng.choice(["low", "high"], 400).astype(object)
    levels[7] = text + "Level"
    reference = Reference.from_data(
        {"income": rng.normal(5e4, 9e3, 400), "segment": levels, "age": rng.normal(40, 9, 400)}
    )
    app = flask.Flask("app")
    otelml.init(
        "service", app=app, model="loan", reference=reference, system=False,
        logs=LogOptions(sample_ratio=1.0, features=True),
        privacy=PrivacyOptions(level=level, redact=("secret_field", "age"), queries=("page",)),
    )
    app.register_blueprint(otelml.flask.blueprint())

    class Refused(Exception):
        pass

    @app.route("/predict/<user>", methods=["POST"])
    def predict(user):
        row = {"income": income, "segment": text + "Level", "name": text, "age": age}
        with otelml.prediction(features=row) as p:
            p.set_result(label="yes", confidence=0.9)
        logging.getLogger("app").warning("served", extra={"secret_field": text, "page": 2})
        return flask.jsonify(ok=True)

    failures = {
        "float": lambda: float(text),
        "key": lambda: {}[text],
        "own": lambda: (_ for _ in ()).throw(Refused(f"no loan for {text} at {income}")),
        "lines": lambda: (_ for _ in ()).throw(
            Refused(f"bad\\nTraceback (most recent call last):\\n  File 'a', line 1, in b\\n    {text}")
        ),
        "eval": lambda: compile(f"{text} {text} (", "<row>", "eval"),
        "notes": lambda: noted(),
        "chain": lambda: chained(),
    }

    def noted():
        error = Refused("noted")
        if hasattr(error, "add_note"):
            error.add_note(f"row of {text}")
        raise error

    def chained():
        try:
            float(text)
        except ValueError as error:
            raise RuntimeError("cannot score the row") from error

    @app.route("/fail/<kind>")
    def fail(kind):
        try:
            failures[kind]()
        except Exception:
            logging.getLogger("app").exception("a row failed")
        with otelml.prediction(features={"income": income}):
            with otelml.prediction("inner").stage("inference"):
                failures[kind]()

    client = app.test_client()
    for _ in range(3):
        client.post(f"/predict/{text}?ssn={text}&page=2", headers={"X-Customer": text})
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for kind in failures:
        assert client.get(f"/fail/{kind}?token={text}").status_code == 500, kind
    logging.getLogger("werkzeug").info('"GET /predict?ssn=%s HTTP/1.1" 200 -', text)
    client.post("/monitor/trigger")
    for path in ("/monitor/report", "/monitor/status", "/monitor/reports/"):
        print(client.get(path).get_data(as_text=True))
    otelml.shutdown()
"""


def leaves(level: str) -> tuple[bytes, str]:
    """Return all that left the process as telemetry, and what it said itself."""
    with OtlpServer() as server:
        canaries = json.dumps([level, INCOME, AGE, TEXT])
        code, out, err = run(SERVICE, CANARIES=canaries, **server.environment())
    assert code == 0, err[-3000:]
    assert server.spans
    assert server.metrics
    assert server.logs
    sent = [*server.spans, *server.metrics, *server.logs]
    return b"".join(item.SerializeToString() for item in sent), out


def found(level: str) -> set[str]:
    """Return the canaries that got out."""
    data, said = leaves(level)
    out = {TEXT} if TEXT.encode() in data or TEXT in said else set()
    for name, value in (("income", INCOME), ("age", AGE)):
        if struct.pack("<d", value) in data or str(value).encode() in data or str(value) in said:
            out.add(name)
    return out


def test_none_gets_out_by_default():
    """At ``private`` no value leaves: not as a gauge, a level, a message, a path or a query."""
    assert found("private") == set()


@pytest.mark.parametrize("level", ["internal", "open"])
def test_those_that_are_redacted_get_out_at_no_level(level):
    """One word lets values out; those of a redacted feature still do not leave."""
    assert found(level) == {TEXT, "income"}
