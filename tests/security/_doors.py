"""A service that is handed canaries by every door, and how they are found again."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

# What is handed in, by its door. Texts are one of a kind, so that each names its door.
NUMBERS = {
    "feature, number": 73914.261507,
    "feature, redacted number": 41.624937,
    "feature of a batch": 58213.447190,
    "feature of a job": 61877.903251,
}
TEXTS = {
    "feature, text": "QzorFreetext",
    "feature, level of one row": "QzorRarelevel",
    "feature, unknown level": "QzorNewlevel",
    "path of a route": "QzorPath",
    "query": "QzorQuery",
    "header": "QzorHeader",
    "Authorization": "QzorAuthorization",
    "cookie": "QzorCookie",
    "JSON body": "QzorBody",
    "form": "QzorForm",
    "baggage": "QzorBaggage",
    "exception, value": "QzorValue",
    "exception, key": "QzorKey",
    "exception, own message": "QzorOwn",
    "exception, its note": "QzorNote",
    "exception, its cause": "QzorCause",
    "exception, several lines": "QzorLines",
    "exception of a batch": "QzorChunk",
    "log field, redacted": "QzorField",
    "access log, query": "QzorAccess",
    "outgoing request, query": "QzorOutgoing",
    "outgoing request, password": "QzorPassword",
    "refused label's id": "QzorId",
    "refused label": "QzorLabel",
    "refused label's source": "QzorSource",
    "trigger of an unknown model": "QzorModel",
}
REDACTED = ("feature, redacted number", "log field, redacted")
SERVICE = """
    import json, logging, os
    import flask, numpy as np, otelml, otelml.flask, requests
    from otelml import PrivacyOptions
    from otelml.config import FeedbackOptions, LogOptions
    from otelml.reference import Reference

    level, numbers, texts = json.loads(os.environ["CANARIES"])
    rng = np.random.default_rng(0)
    levels = rng.choice(["low", "high"], 400).astype(object)
    levels[7] = texts["feature, level of one row"]
    reference = Reference.from_data(
        {"income": rng.normal(5e4, 9e3, 400), "segment": levels, "age": rng.normal(40, 9, 400)}
    )
    app = flask.Flask("app")
    telemetry = otelml.init(
        os.environ["NAME"], app=app, model="loan", reference=reference, system=False,
        logs=LogOptions(sample_ratio=1.0, features=True),
        feedback=FeedbackOptions(store=os.environ["LABELS"]),
        privacy=PrivacyOptions(level=level, redact=("secret_field", "age"), queries=("page",)),
    )
    app.register_blueprint(otelml.flask.blueprint())

    class Refused(Exception):
        pass

    ids = []

    def row(segment, income="feature, number"):
        return {
            "income": numbers[income], "segment": texts[segment], "name": texts["feature, text"],
            "age": numbers["feature, redacted number"],
        }

    @app.route("/predict/<user>", methods=["POST"])
    def predict(user):
        for segment in ("feature, level of one row", "feature, unknown level"):
            with otelml.prediction(features=row(segment)) as p:
                p.set_result(label="yes", confidence=0.9)
            ids.append(p.id)
        many = [row("feature, unknown level", "feature of a batch")] * 2
        with otelml.prediction("many", features=many) as p:
            p.set_result(label=["yes", "no"], confidence=[0.9, 0.8])
        secret = texts["log field, redacted"]
        logging.getLogger("app").warning("served", extra={"secret_field": secret, "page": 2})
        return flask.jsonify(ok=True)

    def noted():
        error = Refused("noted")
        if hasattr(error, "add_note"):
            error.add_note("row of " + texts["exception, its note"])
        raise error

    def chained():
        try:
            float(texts["exception, its cause"])
        except ValueError as error:
            raise RuntimeError("cannot score the row") from error

    def own():
        raise Refused(f"no loan for {texts['exception, own message']} at {numbers['feature, number']}")

    def lines():
        text = texts["exception, several lines"]
        raise Refused(f"bad\\nTraceback (most recent call last):\\n  File 'a', line 1, in b\\n    {text}")

    failures = {
        "value": lambda: float(texts["exception, value"]),
        "key": lambda: {}[texts["exception, key"]],
        "own": own, "notes": noted, "chain": chained, "lines": lines,
    }

    @app.route("/fail/<kind>")
    def fail(kind):
        try:
            failures[kind]()
        except Exception:
            logging.getLogger("app").exception("a row failed")
        with otelml.prediction(features={"income": numbers["feature, number"]}):
            with otelml.prediction("inner").stage("inference"):
                failures[kind]()

    @app.route("/ask")
    def ask():
        secret, query = texts["outgoing request, password"], texts["outgoing request, query"]
        try:
            requests.get(f"http://user:{secret}@127.0.0.1:9/score?ssn={query}", timeout=2)
        except requests.RequestException:
            logging.getLogger("app").exception("nobody answers")
        return "asked"

    client = app.test_client()
    client.set_cookie("session", texts["cookie"])
    for _ in range(3):
        answer = client.post(
            f"/predict/{texts['path of a route']}?ssn={texts['query']}&page=2",
            json={"name": texts["JSON body"]},
            headers={
                "X-Customer": texts["header"], "Authorization": "Bearer " + texts["Authorization"],
                "baggage": "customer=" + texts["baggage"],
            },
        )
        assert answer.status_code == 200, answer.text
    client.post("/predict/x", data={"name": texts["form"]})
    client.get("/ask")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for kind in failures:
        assert client.get(f"/fail/{kind}").status_code == 500, kind
    access = texts["access log, query"]
    logging.getLogger("werkzeug").info('"GET /predict?ssn=%s HTTP/1.1" 200 -', access)
    client.post("/feedback", json={"prediction_id": texts["refused label's id"], "actual": "no"})
    client.post("/feedback", json={"prediction_id": ids[0], "actual": [texts["refused label"]]})
    label = {"prediction_id": ids[0], "actual": "no", "source": texts["refused label's source"]}
    assert client.post("/feedback", json=label).status_code == 200
    client.post("/monitor/trigger", json={"model": texts["trigger of an unknown model"]})
    client.post("/monitor/trigger")
    of_job = row("feature, unknown level", "feature of a job")
    try:
        with otelml.batch("nightly") as job:
            for chunk in job.chunks({name: [value] * 4 for name, value in of_job.items()}):
                raise Refused("no score for " + texts["exception of a batch"])
    except Refused:
        pass
    for path in ("/monitor/report", "/monitor/status", "/monitor/reports/"):
        print(client.get(path).get_data(as_text=True))
    otelml.shutdown()
"""
_NUMBER = re.compile(rb"-?\d+\.\d+(?:[eE][+-]?\d+)?")


def found(data: bytes) -> set[str]:
    """Return the doors whose canaries are in what a store has, as text or as bytes of a number."""
    doors = {door for door, text in TEXTS.items() if text.encode() in data}
    numbers = {float(number) for number in _NUMBER.findall(data)}
    for door, value in NUMBERS.items():
        packed = (struct.pack("<d", value), struct.pack(">d", value))
        if value in numbers or any(one in data for one in packed):
            doors.add(door)
    return doors


def table(by_level: Mapping[str, Mapping[str, set[str]]]) -> str:
    """Return what was handed in and where it was found, a line a door.

    Args:
        by_level: The doors found in each store at each level.
    """
    rows = [f"| handed in by | {' | '.join(by_level)} |", "|---|" + "---|" * len(by_level)]
    for door in (*NUMBERS, *TEXTS):
        cells = [
            ", ".join(store for store, doors in stores.items() if door in doors) or "-"
            for stores in by_level.values()
        ]
        rows.append(f"| {door} | {' | '.join(cells)} |")
    return "\n".join(rows)
