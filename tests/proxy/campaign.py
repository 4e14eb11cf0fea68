"""Requests to real model servers, straight and through ``otelml proxy``: what comes back is equal.

``python -m tests.proxy.campaign 10000`` sends so many to each way and prints what differed; the
tests send some hundreds.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import NamedTuple

from tests.proxy import _real

JSON = {"content-type": "application/json"}
ROWS = [[30, 10.5, "Ulm"], [40, 900.0, "Bonn"], [50, 3.25, "Köln"]]
COLUMNS = ["age", "debt", "town"]
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
MANY = 3_000
"""Rows of a large body."""
_WAIT_S = 120.0
# What differs between two answers of one server, or is a connection's own; the last is ours.
_OWN = {"date", "connection", "keep-alive", "transfer-encoding", "x-prediction-id"}
_GZIP_TIME = slice(4, 8)


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


class Client:
    """A connection that is kept from request to request.

    Args:
        url: Where to.
    """

    def __init__(self, url):
        host, _, port = url.removeprefix("http://").partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=_WAIT_S)

    def ask(self, case, **headers):
        """Return the status, reason phrase, headers and body that a request is answered by."""
        chunked = isinstance(case.body, list)
        body = iter(case.body) if chunked else case.body
        connection = self._connection
        sent = {**case.headers, **headers}
        connection.request(case.method, case.path, body, sent, encode_chunked=chunked)
        answer = connection.getresponse()
        told = [(n.lower(), v) for n, v in answer.getheaders() if n.lower() not in _OWN]
        content = answer.read()
        if ("content-encoding", "gzip") in told:
            whole = bytearray(content)
            whole[_GZIP_TIME] = bytes(4)  # when it was packed
            content = bytes(whole)
        if answer.status >= 500:
            self.close()  # uvicorn closes it behind such an answer
        return answer.status, answer.reason, told, content

    def close(self):
        """Close the connection; the next request opens another."""
        self._connection.close()


class Compared(NamedTuple):
    """What came of a comparison.

    Args:
        count: Requests each way.
        statuses: How many of each status.
        differences: Texts, a few, of what differed.
        seconds: How long it took.
    """

    count: int
    statuses: Counter[int]
    differences: list[str]
    seconds: float


def compare(straight, through, cases, count, workers=4):
    """Send requests each way, in turn, and compare the answers.

    Args:
        straight: URL of the model server.
        through: URL of the proxy before it.
        cases: Requests by name, gone through in turn.
        count: How many are sent each way.
        workers: Requests at a time.
    """
    names = list(cases)
    statuses: Counter[int] = Counter()
    differences: list[str] = []
    lock, begun_s = threading.Lock(), time.monotonic()

    def work(first):
        clients = Client(straight), Client(through)
        try:
            for number in range(first, count, workers):
                name = names[number // workers % len(names)]
                found = [_asked(client, cases[name]) for client in clients]
                with lock:
                    statuses[found[1][0]] += 1
                    if found[0] != found[1] or found[0][0] != cases[name].status:
                        differences.append(f"{name}: {found[0]!r:.600} and {found[1]!r:.600}")
        finally:
            for client in clients:
                client.close()

    threads = [threading.Thread(target=work, args=(first,)) for first in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Compared(statuses.total(), statuses, differences[:10], time.monotonic() - begun_s)


def _asked(client, case):
    try:
        return client.ask(case)
    except (OSError, http.client.HTTPException) as error:
        client.close()
        return (0, repr(error))


@contextlib.contextmanager
def command(url, *options, **environment):
    """Run ``otelml proxy``; yield its URL."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "OTELML_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "otelml", "proxy", url, "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=_real.ROOT,
        env={**kept, "PYTHONUNBUFFERED": "1", **environment},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        found = next((line.split()[1] for line in lines if line.startswith("proxy ")), None)
        assert found is not None, "the proxy did not start"
        reader = threading.Thread(target=process.stdout.read)  # else a full pipe would stop it
        reader.start()
        yield found
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    reader.join(10)


def main():
    """Compare with both servers; return 1 where something differed."""
    parser = argparse.ArgumentParser(prog="python -m tests.proxy.campaign", description=__doc__)
    parser.add_argument("count", type=int, help="requests each way, in all")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--only", choices=("mlflow", "mlserver"), help="all to this server")
    arguments = parser.parse_args()
    differ = 0
    none = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    chosen = [
        one
        for one in (
            (_real.MLFLOW, _real.mlflow, MLFLOW),
            (_real.MLSERVER, _real.mlserver, MLSERVER),
        )
        if arguments.only in (None, one[0].name)
    ]
    for kind, serve, cases in chosen:
        with serve(_real.environment(kind)) as url, command(url, **none) as through:
            found = compare(url, through, cases, arguments.count // len(chosen), arguments.workers)
        differ += len(found.differences)
        statuses = ", ".join(f"{number:,} x {s}" for s, number in sorted(found.statuses.items()))
        print(
            f"{kind.name}: {found.count:,} requests each way in {found.seconds:.0f} s: {statuses}"
        )
        print("\n".join(found.differences) or "all equal: statuses, headers, bodies", flush=True)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
