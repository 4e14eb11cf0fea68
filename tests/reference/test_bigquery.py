"""References from BigQuery: its own client, against a stand-in that speaks its API on loopback."""

from __future__ import annotations

import datetime as dt
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from otelml.cli.reference import command
from otelml.exceptions import InvalidReferenceError, MissingDependencyError
from otelml.reference import Reference, sources

QUERY = "SELECT * FROM loans.applications"
FIELDS = (
    ("amount", "FLOAT"),
    ("age", "INTEGER"),
    ("rate", "NUMERIC"),
    ("purpose", "STRING"),
    ("owner", "BOOLEAN"),
    ("day", "DATE"),
    ("at", "TIMESTAMP"),
)
ROWS = 250
PAGE = 100


def row(n):
    purpose = None if n % 10 == 0 else ("car" if n % 2 else "house")
    values = [
        f"{n}.5",
        str(n % 60),
        "1.25",
        purpose,
        str(n % 3 == 0).lower(),
        "2026-11-26",
        "1764115200000000",
    ]
    return {"f": [{"v": value} for value in values]}


TABLE = {"projectId": "p", "datasetId": "d", "tableId": "t"}
JOB = {
    "jobReference": {"projectId": "p", "jobId": "j", "location": "EU"},
    "configuration": {"jobType": "QUERY", "query": {"query": QUERY, "destinationTable": TABLE}},
    "statistics": {"query": {"statementType": "SELECT"}},
    "status": {"state": "DONE"},
}


class Stand(BaseHTTPRequestHandler):
    """The calls of BigQuery's API that a query takes."""

    rows = ROWS
    asked: list[str] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body["query"])
        if "broken" in body["query"]:
            error = {
                "code": 400,
                "message": "Syntax error at [1:1]",
                "errors": [{"reason": "invalidQuery", "message": "Syntax error at [1:1]"}],
            }
            self.answer(400, {"error": error})
            return
        self.answer(200, self.page(0))

    def do_GET(self):
        parts = urlsplit(self.path)
        if "/jobs/" in parts.path:
            self.answer(200, JOB)
            return
        start = int(parse_qs(parts.query).get("pageToken", ["0"])[0])
        self.answer(200, self.page(start))

    def page(self, start):
        end = min(start + PAGE, self.rows)
        page = {
            "jobComplete": True,
            "jobReference": JOB["jobReference"],
            "schema": {"fields": [{"name": name, "type": kind} for name, kind in FIELDS]},
            "totalRows": str(self.rows),
            "rows": [row(n) for n in range(start, end)],
        }
        return page | ({"pageToken": str(end)} if end < self.rows else {})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def service(monkeypatch):
    Stand.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Stand) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr("google.auth.default", lambda *_a, **_k: (AnonymousCredentials(), "p"))
        yield server
        server.shutdown()
        thread.join()


def test_every_page_and_type_arrives(service, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_ROWS", PAGE)
    made = Reference.from_bigquery(QUERY, project="p")
    assert Stand.asked == [QUERY]
    assert made.rows == ROWS
    kinds = {name: feature.kind for name, feature in made.features.items()}
    assert kinds == {
        "amount": "numeric", "age": "numeric", "rate": "numeric", "purpose": "categorical",
        "owner": "numeric", "day": "datetime", "at": "datetime",
    }  # fmt: skip
    assert made.features["amount"].sample.mean == pytest.approx(
        sum(n + 0.5 for n in range(ROWS)) / ROWS
    )
    assert made.features["purpose"].missing == ROWS / 10
    assert made.features["purpose"].levels == {"car": 125, "house": 100}
    moment = dt.datetime(2025, 11, 26, tzinfo=dt.timezone.utc).timestamp()
    assert made.features["at"].sample.values.tolist() == [moment]


def test_a_client_of_ones_own_is_used(service):
    client = bigquery.Client(project="mine", credentials=AnonymousCredentials())
    assert Reference.from_bigquery(QUERY, client=client, bins=5).features["amount"].bins == 5


def test_the_command_builds_one(service, tmp_path):
    out = tmp_path / "reference.json"
    options = ["build", "--bigquery", "-", "--query", QUERY, "-o", str(out), "--exclude", "at"]
    done = CliRunner().invoke(command, options)
    assert done.exit_code == 0, done.output
    assert f"{ROWS} rows, {len(FIELDS) - 1} features" in done.output
    assert Reference.load(out).rows == ROWS


@pytest.mark.parametrize(
    "options",
    [
        ["--bigquery", "p"],
        ["--bigquery", "p", "--sql", "sqlite://", "--query", QUERY],
        ["rows.csv", "--query", QUERY],
        [],
    ],
)
def test_sources_that_do_not_go_together(options):
    done = CliRunner().invoke(command, ["build", *options])
    assert done.exit_code == 2
    assert "give DATA, or --query with --sql or --bigquery" in done.output


def test_a_wrong_query_is_one_error(service):
    with pytest.raises(InvalidReferenceError, match=r"the query failed: .*Syntax error"):
        Reference.from_bigquery("broken", project="p")


def test_no_rows_are_no_reference(service, monkeypatch):
    monkeypatch.setattr(Stand, "rows", 0)
    with pytest.raises(InvalidReferenceError, match="no rows"):
        Reference.from_bigquery(QUERY, project="p")


def test_no_credentials_are_one_error(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(InvalidReferenceError, match=r"the query failed: .*none.json"):
        Reference.from_bigquery(QUERY, project="p")


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud.bigquery", None)
    with pytest.raises(MissingDependencyError, match=r"otelml\[bigquery\]"):
        Reference.from_bigquery(QUERY)
