"""Requests to real model servers, and what their answers predict."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import NamedTuple

JSON = {"content-type": "application/json"}
ROWS = [[30, 10.5, "Ulm"], [40, 900.0, "Bonn"], [50, 3.25, "Köln"]]
COLUMNS = ["age", "debt", "town"]
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
MANY = 3_000
"""Rows of a large body."""


class Case(NamedTuple):
    """A request.

    Args:
        status: That it is answered by.
        method: Its method.
        path: Its path.
        body: Its body; a list is sent in chunks.
        headers: Its headers.
    """

    status: int
    method: str
    path: str
    body: bytes | list[bytes] | None = None
    headers: dict[str, str] = {}


def invocation(form, status=200, give="label"):
    """Return a request of MLflow's."""
    return Case(status, "POST", "/invocations", _json({**form, "params": {"give": give}}), JSON)


def infer(model, *inputs, status=200, outputs=(), **rest):
    """Return a request of V2; with an id, as the server would make one up."""
    body = {"id": "one", "inputs": inputs, **rest}
    if outputs:
        body["outputs"] = [{"name": name} for name in outputs]
    return Case(status, "POST", f"/v2/models/{model}/infer", _json(body), JSON)


def tensor(name, shape, datatype, data, **parameters):
    """Return a tensor."""
    part = {"name": name, "shape": shape, "datatype": datatype, "data": data}
    return {**part, "parameters": parameters} if parameters else part


def _json(body):
    return json.dumps(body).encode()


SPLIT = {"dataframe_split": {"columns": COLUMNS, "data": ROWS}}
FORMS = {
    "dataframe_split": SPLIT,
    "dataframe_records": {"dataframe_records": RECORDS},
    "instances": {"instances": RECORDS},
    "inputs": {"inputs": {name: [row[name] for row in RECORDS] for name in COLUMNS}},
}
"""MLflow's four forms of the same rows."""

_LARGE = _json({"dataframe_split": {"columns": COLUMNS, "data": ROWS * (MANY // 3)}})
MLFLOW = {
    **{
        f"{form}, {give}": invocation(body, give=give)
        for form, body in FORMS.items()
        for give in ("label", "probability", "table", "value")
    },
    "csv": Case(200, "POST", "/invocations", b"age,debt,town\n30,10.5,Ulm\n40,900.0,Bonn\n", {"content-type": "text/csv"}),
    "a large body": Case(200, "POST", "/invocations", _LARGE, JSON),
    "a body in chunks": Case(200, "POST", "/invocations", [_json(SPLIT)[:20], _json(SPLIT)[20:]], JSON),
    "a packed body": Case(400, "POST", "/invocations", gzip.compress(_json(SPLIT), mtime=0), {**JSON, "content-encoding": "gzip"}),
    "the model fails": invocation(SPLIT, 400, "error"),
    "no form": Case(400, "POST", "/invocations", b'{"rows": []}', JSON),
    "no JSON": Case(400, "POST", "/invocations", b'{"inputs": ', JSON),
    "a column is missing": invocation({"dataframe_split": {"columns": ["age"], "data": [[1]]}}, 400),
    "another media type": Case(415, "POST", "/invocations", b"<a/>", {"content-type": "text/xml"}),
    "no path": Case(404, "POST", "/nowhere", b"{}", JSON),
    "no method": Case(405, "GET", "/invocations"),
    "health": Case(200, "GET", "/ping"),
    "head": Case(405, "HEAD", "/version"),
    "version": Case(200, "GET", "/version"),
}  # fmt: skip

NUMBERS = tensor("x", [2, 4], "FP32", [1.5, 2, 3, 4, -1, -2, -3, -4])
LOANS = (
    tensor("age", [2], "INT64", [30, 40]),
    tensor("debt", [2], "FP32", [1.5, 900]),
    tensor("owner", [2], "BOOL", [True, False]),
    tensor("town", [2], "BYTES", ["Ulm", "Bonn"], content_type="str"),
)
BOTH = ("predict", "predict_proba")
_V2 = infer("iris", NUMBERS)
MLSERVER = {
    "fp32": _V2,
    "fp32, nested": infer("iris", tensor("x", [1, 4], "FP32", [[1.5, 2, 3, 4]])),
    "int64": infer("price", tensor("x", [2, 4], "INT64", [1, 2, 3, 4, 5, 6, 7, 8])),
    "bool": infer("signs", tensor("x", [2, 3], "BOOL", [True, False, True, False, False, False])),
    "columns with bytes": infer("loan", *LOANS),
    "columns with bytes, both": infer("loan", *LOANS, outputs=BOTH, parameters={"content_type": "pd"}),
    "probabilities": infer("iris", NUMBERS, outputs=["predict_proba"]),
    "labels and probabilities": infer("iris/versions/7", NUMBERS, outputs=BOTH),
    "a large body": infer("iris", tensor("x", [MANY, 4], "FP32", [1.5, -2, 3, 0] * MANY)),
    "a packed answer": infer("iris", tensor("x", [MANY, 4], "FP32", [1.5, -2, 3, 0] * MANY), outputs=BOTH)._replace(
        headers={**JSON, "accept-encoding": "gzip"}),
    "a packed body": _V2._replace(body=gzip.compress(_V2.body, mtime=0), headers={**JSON, "content-encoding": "gzip"}),
    "a body in chunks": _V2._replace(body=[_V2.body[:9], _V2.body[9:]]),
    "no such model": infer("none", NUMBERS, status=404),
    "no such version": infer("iris/versions/8", NUMBERS, status=404),
    "no such output": infer("iris", NUMBERS, status=400, outputs=["nothing"]),
    "no tensors": infer("iris", status=422)._replace(body=b'{"inputs": 7}'),
    "no JSON": infer("iris", status=422)._replace(body=b"{"),
    "the model fails": infer("iris", tensor("x", [1, 2], "FP32", [1, 2]), status=500),
    "health": Case(200, "GET", "/v2/health/ready"),
    "server": Case(200, "GET", "/v2"),
    "model": Case(200, "GET", "/v2/models/iris"),
    "head": Case(405, "HEAD", "/v2"),
    "no path": Case(404, "GET", "/v3"),
}  # fmt: skip


def is_prediction(case):
    """Return whether the proxy counts a request as a prediction."""
    return case.method == "POST" and case.path.endswith(("/invocations", "/infer"))


def predicted(case, answer):
    """Return the rows that an answer predicts, by label; None is the label of numbers.

    This reads the answer by the servers' own documents, apart from the code of the proxy.

    Args:
        case: The request.
        answer: What it was answered by: status, reason, headers, body.
    """
    status, _, headers, body = answer
    if status != 200:
        return Counter()
    if ("content-encoding", "gzip") in headers:
        body = gzip.decompress(body)
    told = json.loads(body)
    if "predictions" in told:
        rows = told["predictions"]
        if isinstance(rows[0], dict):
            rows = [row["label"] for row in rows]
    else:
        rows = next((o for o in told["outputs"] if o["name"] == "predict"), told["outputs"][0])
        number = rows["name"] != "predict" or rows["datatype"].startswith("FP")
        kind = bool if rows["datatype"] == "BOOL" else str
        rows = [None] * rows["shape"][0] if number else [kind(row) for row in rows["data"]]
    return Counter(_label(row) for row in rows)


def _label(row):
    if isinstance(row, bool):
        return str(row).lower()
    return row if isinstance(row, str) else None  # numbers and probabilities have none
