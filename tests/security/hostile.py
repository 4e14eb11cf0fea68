"""Input that is small to send and large to read, for everything but the viewer, and what it costs.

``python -m tests.security.hostile`` gives each to a fresh process and prints a line of a table: how
many bytes it is, what became of it, CPU seconds, and megabytes beyond those at rest. The viewer's
are in ``tests/viewer/hostile.py``.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import NamedTuple

from tests._processes import environment

_WAIT_S = 400
_MOST_CPU_S = 60

# Each program has what is here. `cost(work, size)` runs work, and prints what it cost.
_COST = """
    import json, os, resource, sys, time
    from pathlib import Path

    def memory(name):
        lines = dict(l.split(":", 1) for l in Path("/proc/self/status").read_text().splitlines())
        return int(lines[name].split()[0]) // 1024

    def limit(mb):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + mb * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 61))

    def cost(work, size):
        Path("/proc/self/clear_refs").write_text("5")  # the most memory, from here on
        rest, begun = memory("VmRSS"), time.process_time()
        limit(4096)
        try:
            said = work()
        except MemoryError:
            said = "MemoryError"
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        print(json.dumps([size, str(said)[:160], time.process_time() - begun, memory("VmHWM") - rest]))
        sys.stdout.flush()
        os._exit(0)

    folder = Path(os.environ["FOLDER"])
"""
_REFERENCE = """
    from otelml.reference import Reference
    path = folder / "reference.json"
    {make}
    cost(lambda: Reference.load(path), path.stat().st_size)
"""
_CSV = """
    from otelml.reference import Reference
    path = folder / "rows.csv"
    {make}
    cost(lambda: len(Reference.from_csv(path).features), path.stat().st_size)
"""
_PARQUET = """
    import pyarrow as pa, pyarrow.parquet as pq
    from otelml.reference import Reference
    path = folder / "rows.parquet"
    {make}
    cost(lambda: len(Reference.from_parquet(path).features), path.stat().st_size)
"""
_SERVICE = """
    import flask, otelml, otelml.flask
    from otelml.config import TraceOptions
    app = flask.Flask("app")
    otelml.init("service", app=app, model="loan", system=False)
    app.register_blueprint(otelml.flask.blueprint())

    @app.route("/predict", methods=["GET", "POST"])
    def predict():
        with otelml.prediction(features={"income": 1.0}) as p:
            p.set_result(label="yes", confidence=0.9)
        return "ok"

    client = app.test_client()
    client.get("/predict")
    body, path, headers, method = b"", "/predict", {}, "GET"
    {make}
    size = len(body) + sum(len(k) + len(str(v)) for k, v in headers.items()) + len(path)
    def ask():
        answer = client.open(path, method=method, data=body, headers=headers)
        return f"{answer.status_code} {answer.get_data(as_text=True).strip()[:90]}"
    cost(ask, size)
"""
_FEEDBACK = _SERVICE.replace(
    "{make}",
    """
    path, method, headers = "/feedback", "POST", {"Content-Type": "application/json"}
    {make}""",
)
_TRIGGER = _FEEDBACK.replace('"/feedback"', '"/monitor/trigger"')
_COPY = """
    import gzip
    from otelml._proxy.copies import Budget, Copy
    {make}
    copy = Copy(Budget(4 << 20, 64 << 20), headers)
    copy.add(body)
    def read():
        found = copy.read()
        return "not read" if found is None else f"read, {type(found).__name__}"
    cost(read, len(body))
"""
_REST = """
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from otelml.config import RestLabels
    from otelml.labels.sources.rest import RestReader
    {make}
    class Api(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_): pass
    server = HTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    reader = RestReader(RestLabels(name="api", url=f"http://127.0.0.1:{server.server_port}/labels", cursor="next"))
    cost(lambda: reader._ask(reader._url, {}), len(body))
"""
_IMPORT = """
    from otelml._feedback import import_csv
    from otelml.labels import LabelStore
    path = folder / "labels.csv"
    {make}
    class Store:
        def progress(self, _):
            from otelml.labels import Summary
            return Summary()
        def find_many(self, _): return {}
        def put_many(self, *_): pass
    class Ids:
        def contents(self, _): return {}
        def accept(self, text, _):
            from otelml.exceptions import FeedbackError
            raise FeedbackError("no id", "malformed")
    def work():
        return import_csv(path, Store(), Ids(), on_refused=lambda *_: None, on_progress=lambda _: None)
    cost(work, path.stat().st_size)
"""
_DATA = """
    from otelml.cli._inference import read_payload
    path = folder / "data{suffix}"
    {make}
    cost(lambda: len(read_payload(path)[1]), path.stat().st_size)
"""


_DEMO = """
    from demo_service import artifact, train
    from demo_service.app import create_app
    artifact.save(train.train(rows=500, seed=5), artifact.model_dir())
    client = create_app().test_client()
    client.get("/")
    kind = "application/json"
    {make}
    def ask():
        answer = client.post(path, data=body, headers={"Content-Type": kind})
        return f"{answer.status_code} {answer.get_data(as_text=True).strip()[:90]}"
    cost(ask, len(body))
"""

_METRICS = """
    import socket, threading
    import prometheus_client
    from otelml._providers.prometheus_server import serve
    gauge = prometheus_client.Gauge("wide", "Has many series.", ["number"])
    for number in range(2_000):
        gauge.labels(str(number)).set(number)
    server = serve("127.0.0.1", 0, "", local=True)
    threading.Thread(target=server.serve, daemon=True).start()
    def ask(head):
        with socket.create_connection(server.server_address, timeout=30) as one:
            try:
                one.sendall(head + b"\\r\\n\\r\\n")
                answer = b"".join(iter(lambda: one.recv(65_536), b""))
            except ConnectionError:
                answer = b"HTTP/1.0 400"  # it was closed before all was sent
        code = answer.split()[1].decode()
        return "refused" if code in ("400", "414", "431") else code
    ask(b"GET /metrics HTTP/1.0\\r\\nHost: localhost")
    count = 1
    {make}
    cost(lambda: {ask(head) for _ in range(count)}, len(head))
"""


class Cost(NamedTuple):
    """What an input costs.

    Args:
        size: Its bytes.
        said: What became of it.
        cpu_s: CPU seconds.
        mb: Megabytes beyond those at rest.
    """

    size: int
    said: str
    cpu_s: float
    mb: int


class Hostile(NamedTuple):
    """One input.

    Args:
        name: What it is.
        said: A part of what should become of it.
        most_mb: Megabytes beyond those at rest that it may take.
        program: What reads it.
        make: Python that makes it.
    """

    name: str
    said: str
    most_mb: int
    program: str
    make: str
    suffix: str = ""


CASES = (
    Hostile("reference: 60 MB of empty objects", "more than 1,000,000 objects", 130, _REFERENCE, 'path.write_text("[" + "{}," * 20_000_000 + "{}]")'),
    Hostile("reference: 200,000 open brackets", "too deep", 50, _REFERENCE, 'path.write_text("[" * 200_000)'),
    Hostile("CSV: a header of 4,000,000 columns", "10,000 at most", 100, _CSV, 'path.write_text("a," * 4_000_000 + "a\\n" + "1," * 4_000_000 + "1\\n")'),
    Hostile("CSV: one line of 500 MB", "8,388,608 characters", 100, _CSV, 'path.write_text("a\\n" + "1," * 250_000_000)'),
    Hostile("CSV: one row of 30,000,000 lines", "8,388,608 characters", 300, _CSV, 'path.write_text("a\\n" + \'"\\n",\' * 30_000_000)'),
    Hostile("CSV: 1,000 columns, 1,000 rows", "1000", 150, _CSV, 'path.write_text(",".join(f"c{i}" for i in range(1_000)) + "\\n" + ("1," * 999 + "1\\n") * 1_000)'),
    Hostile("CSV: 300,000 levels", "1", 100, _CSV, 'path.write_text("a\\n" + "\\n".join(f"level {i}" for i in range(300_000)) + "\\n")'),
    Hostile("CSV: 1e308, inf and NaN", "1", 50, _CSV, 'path.write_text("a\\n" + "1e308\\n-1e308\\ninf\\nnan\\n" * 1000)'),
    Hostile("Parquet: a text of 1 MB in 20,000 rows", "131,072 bytes", 100, _PARQUET, 'pq.write_table(pa.table({"a": pa.array(["x" * 1_000_000] * 2 + ["y"]).dictionary_encode().take(pa.array([0] * 20_000))}), path)'),
    Hostile("Parquet: a row of 30,000,000 numbers", "2,000,000 values", 150, _PARQUET, 'pq.write_table(pa.table({"a": pa.array([[0.0] * 30_000_000])}), path)'),
    Hostile("Parquet: 50,000 columns", "10,000 at most", 200, _PARQUET, 'pq.write_table(pa.table({f"c{i}": [1.0] for i in range(50_000)}), path)'),
    Hostile("Parquet: 1,000,000 equal rows", "1", 150, _PARQUET, 'import numpy as np; pq.write_table(pa.table({"a": np.zeros(1_000_000)}), path)'),
    Hostile("predict: 200,000 open brackets", "too deep", 50, _DATA, 'path.write_text("[" * 200_000)', ".json"),
    Hostile("predict: 60 MB of empty objects", "more than 1,000,000 objects", 200, _DATA, 'path.write_text("[" + "{}," * 20_000_000 + "{}]")', ".json"),
    Hostile("predict: a CSV of 20,000,000 rows", "100000", 200, _DATA, 'path.write_text("a\\n" + "1\\n" * 20_000_000)', ".csv"),
    Hostile("labels over HTTP: 60 MB of empty objects", "more than 1,000,000 objects", 250, _REST, 'body = b"[" + b"{}," * 20_000_000 + b"{}]"'),
    Hostile("labels over HTTP: 60 MB of brackets", "more than 1,000,000 objects", 250, _REST, 'body = b"[" * 60_000_000'),
    Hostile("feedback import: a header of 4,000,000 columns", "the columns are", 100, _IMPORT, 'path.write_text("id,actual," + "a," * 4_000_000 + "a\\n")'),
    Hostile("feedback import: one line of 500 MB", "8,388,608 characters", 100, _IMPORT, 'path.write_text("id,actual\\n" + "1," * 250_000_000)'),
    Hostile("feedback import: a field of 1 MB", "field limit", 50, _IMPORT, 'path.write_text("id,actual\\n1," + "x" * 1_000_000)'),
    Hostile("proxy: 4 MiB of empty objects", "not read", 100, _COPY, 'headers = [(b"content-type", b"application/json")]; body = b"[" + b"{}," * 1_390_000 + b"{}]"'),
    Hostile("proxy: 4 MiB of brackets", "not read", 100, _COPY, 'headers = [(b"content-type", b"application/json")]; body = b"[" * (4 << 20)'),
    Hostile("proxy: 1 GB of zeros, zipped", "not read", 100, _COPY, 'headers = [(b"content-encoding", b"gzip")]; body = gzip.compress(bytes(1 << 30), 9)'),
    Hostile("Flask: traceparent of 1 MB", "200 ok", 50, _SERVICE, 'headers = {"traceparent": "0" * 1_000_000}'),
    Hostile("Flask: tracestate of 100,000 entries", "200 ok", 50, _SERVICE, 'headers = {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "tracestate": ",".join(f"k{i}=v" for i in range(100_000))}'),
    Hostile("Flask: baggage of 100,000 entries", "200 ok", 50, _SERVICE, 'headers = {"baggage": ",".join(f"k{i}=v" for i in range(100_000))}'),
    Hostile("Flask: tracestate of 1 MB, one entry", "200 ok", 50, _SERVICE, 'headers = {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "tracestate": "k=" + "a " * 500_000}'),
    Hostile("Flask: User-Agent of 1 MB", "200 ok", 50, _SERVICE, 'headers = {"User-Agent": "a" * 1_000_000}'),
    Hostile("Flask: a query of 1 MB", "200 ok", 50, _SERVICE, 'path = "/predict?" + "&a=1" * 250_000'),
    Hostile("feedback: 64 KiB of brackets", "400", 50, _FEEDBACK, 'body = b"[" * 65_000'),
    Hostile("feedback: 10 MB", "413", 50, _FEEDBACK, 'body = b" " * 10_000_000'),
    Hostile("feedback: 6,000 keys", "400", 50, _FEEDBACK, 'body = ("{" + ",".join(f\'"{i}":1\' for i in range(6_000)) + "}").encode()'),
    Hostile("feedback: a time of 1e308", "400", 50, _FEEDBACK, 'body = b\'{"prediction_id":"x","actual":1e308,"timestamp":1e308}\''),
    Hostile("feedback: a number of 60,000 digits", "400", 50, _FEEDBACK, 'body = b\'{"prediction_id":"x","actual":\' + b"1" * 60_000 + b"}"'),
    Hostile("feedback: an id of 60,000 characters", "400", 50, _FEEDBACK, 'body = b\'{"actual":1,"prediction_id":"\' + b"A" * 60_000 + b\'"}\''),
    Hostile("monitor/trigger: a wait of 1e308", "400", 50, _TRIGGER, 'body = b\'{"timeout":1e308}\''),
    Hostile("monitor/trigger: NaN", "400", 50, _TRIGGER, 'body = b\'{"timeout":NaN}\''),
    Hostile("monitor/trigger: a model of 60,000 characters", "202", 50, _TRIGGER, 'body = b\'{"timeout":0,"model":"\' + b"m" * 60_000 + b\'"}\''),
    Hostile("/metrics: a path of 1 MB", "refused", 50, _METRICS, 'head = b"GET /" + b"a" * 1_000_000'),
    Hostile("/metrics: 60,000 characters of name[]", "200", 50, _METRICS, 'head = b"GET /metrics?" + b"&name[]=a" * 6_600 + b" HTTP/1.0\\r\\nHost: localhost"'),
    Hostile("/metrics: a header of 1 MB", "refused", 50, _METRICS, 'head = b"GET /metrics HTTP/1.0\\r\\nA: " + b"a" * 1_000_000'),
    Hostile("/metrics: 100,000 headers", "refused", 50, _METRICS, 'head = b"GET /metrics HTTP/1.0" + b"\\r\\nA: b" * 100_000'),
    Hostile("/metrics: 90 headers of 60,000 characters", "refused", 50, _METRICS, 'head = b"GET /metrics HTTP/1.0" + (b"\\r\\nA: " + b"b" * 60_000) * 90'),
    Hostile("/metrics: 100 scrapes in a row", "200", 50, _METRICS, 'count = 100; head = b"GET /metrics HTTP/1.0\\r\\nHost: localhost\\r\\nAccept-Encoding: gzip"'),
    Hostile("demo: 4 MiB of brackets", "400", 80, _DEMO, 'path = "/predict/batch"; body = b"[" * (4 << 20)'),
    Hostile("demo: 4 MiB of empty objects", "422", 150, _DEMO, 'path = "/predict/batch"; body = b"[" + b"{}," * 1_390_000 + b"{}]"'),
    Hostile("demo: 5 MiB", "413", 80, _DEMO, 'path = "/predict"; body = b" " * (5 << 20)'),
    Hostile("demo: a form of 100,000 fields", "413", 80, _DEMO, 'path, kind = "/", "application/x-www-form-urlencoded"; body = b"&".join(b"a%d=1" % i for i in range(100_000))'),
    Hostile("demo: incomes of 1e308", "422", 80, _DEMO, 'path = "/predict/batch"; body = json.dumps([{"income": 1e308}] * 1_000).encode()'),
)  # fmt: skip


def program_of(case: Hostile) -> str:
    """Return the program that reads an input."""
    made = case.program.replace("{make}", case.make).replace("{suffix}", case.suffix)
    return _COST + made


def measure(case: Hostile, folder: Path) -> Cost:
    """Give one input to a fresh process.

    Args:
        case: The input.
        folder: Where it is written, where it is a file.
    """
    try:
        done = _run(case, folder)
    except subprocess.TimeoutExpired:
        return Cost(0, f"none in {_WAIT_S} s", 0.0, 0)
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    if done.returncode == -signal.SIGXCPU:
        return Cost(0, f"none in {_MOST_CPU_S} s of CPU", _MOST_CPU_S, 0)
    if not lines:
        return Cost(0, f"ended by {done.returncode}: {done.stderr.strip()[-300:]}", 0.0, 0)
    size, said, cpu_s, mb = json.loads(lines[-1])
    return Cost(size, said.replace(str(folder), "").strip(), cpu_s, mb)


def _run(case: Hostile, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program_of(case))],
        env=environment(
            FOLDER=str(folder),
            DEMO_MODEL_DIR=str(folder),
            OTEL_TRACES_EXPORTER="none",
            OTEL_METRICS_EXPORTER="none",
            OTEL_LOGS_EXPORTER="none",
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=_WAIT_S,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the names of those to give")
    only = parser.parse_args().only
    print("| input | bytes | what became of it | CPU s | MB |\n|---|---|---|---|---|")  # noqa: T201
    for case in CASES:
        if only in case.name:
            with tempfile.TemporaryDirectory() as folder:
                size, said, cpu_s, mb = measure(case, Path(folder))
            print(f"| {case.name} | {size:,} | {said} | {cpu_s:.1f} | {mb} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
