"""Canaries handed in by every door of a service, and looked for in the real stores."""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from engines.stack import Stack
from otelml.viewer import Viewer
from tests._processes import run
from tests.acceptance._stores import eventually, get
from tests.security._doors import NUMBERS, REDACTED, SERVICE, TEXTS, found, table
from tests.security.conftest import STORES, free_ports

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(1200)]
LEVELS = ("private", "internal", "open")
# What the words of an exception, whole at the other levels, may hold: see docs/privacy.md.
NEVER = {
    *REDACTED, "header", "Authorization", "cookie", "JSON body", "form", "baggage",
    "outgoing request, password",
}  # fmt: skip


def _serve(level: str, endpoint: str, labels: Path) -> str:
    """Run the service to its end; return what its own endpoints said."""
    code, out, err = run(
        SERVICE,
        180,
        CANARIES=json.dumps([level, NUMBERS, TEXTS]),
        NAME=f"canary-{level}",
        LABELS=f"sqlite:///{labels}",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
    )
    assert code == 0, err[-3000:]
    return out


def _read(url: str, **parameters: str) -> bytes:
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    with urllib.request.urlopen(url + query, timeout=60) as response:
        return response.read()


def _prometheus(stack: Stack, service: str) -> bytes:
    """Return every series with its samples, and every exemplar."""
    selector = f'{{service_name="{service}"}}'
    url = stack.url("prometheus")
    now = time.time()
    samples = _read(f"{url}/api/v1/query", query=f"{selector}[1h]")
    exemplars = _read(
        f"{url}/api/v1/query_exemplars",
        query=selector, start=str(now - 3600), end=str(now + 60),
    )  # fmt: skip
    return samples + exemplars


def _jaeger(stack: Stack, service: str) -> bytes:
    return _read(f"{stack.url('jaeger')}/api/traces", service=service, limit="4000")


def _logs(stack: Stack, service: str) -> bytes:
    query = f'"service.name":="{service}"'
    url = f"{stack.url('victorialogs')}/select/logsql/query"
    return _read(url, query=query, start="0", end="2100-01-01T00:00:00Z")


def _sqlite(path: Path) -> bytes:
    """Return every cell of a database."""
    with sqlite3.connect(path) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        cells = [
            cell
            for (name,) in names
            for row in database.execute(f'SELECT * FROM "{name}"')  # noqa: S608 - its own names
            for cell in row
        ]
    return b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)


def _is_there(stack: Stack, service: str) -> tuple[bool, bool, bool]:
    """Whether the last that a service sends has come into each store."""
    points = get(
        f"{stack.url('prometheus')}/api/v1/query",
        query=f'ml_predictions_total{{service_name="{service}"}}',
    )
    return (
        bool(points["data"]["result"]),
        b"/fail/" in _jaeger(stack, service),
        b"served" in _logs(stack, service),
    )


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """By level and store, the doors whose canaries are there."""
    folder = tmp_path_factory.mktemp("canaries")
    by_level: dict[str, dict[str, set[str]]] = {}
    engines = (*STORES, "collector")
    with Stack(folder / "stack", free_ports(27000, 27600), engines=engines) as stack:
        for level in LEVELS:
            service, labels = f"canary-{level}", folder / f"{level}.labels"
            said = _serve(level, stack.url("collector"), labels)
            eventually(lambda service=service: _is_there(stack, service), (True, True, True))
            database = folder / f"{level}.viewer"
            viewer = Viewer(grpc_port=0, http_port=0, web_port=0, db=database)
            viewer.start()
            try:
                viewed = folder / f"{level}.viewed"
                _serve(level, f"http://127.0.0.1:{viewer.ports.http}", viewed)
            finally:
                viewer.stop()
            by_level[level] = {
                "Prometheus": found(_prometheus(stack, service)),
                "Jaeger": found(_jaeger(stack, service)),
                "VictoriaLogs": found(_logs(stack, service)),
                "viewer": found(_sqlite(database)),
                "label store": found(_sqlite(labels)),
                "endpoints": found(said.encode()),
            }
    print(f"\n{table(by_level)}")  # noqa: T201 - shown by -s
    return by_level


def test_none_is_in_a_store_by_default(stores):
    """At ``private``, nothing of a customer's is in any store."""
    assert {name: doors for name, doors in stores["private"].items() if doors} == {}


@pytest.mark.parametrize("level", ["internal", "open"])
def test_what_is_kept_back_at_every_level(stores, level):
    """Redacted fields, headers, cookies, bodies and passwords are sent at no level."""
    assert set().union(*stores[level].values()) & NEVER == set()


@pytest.mark.parametrize("level", ["internal", "open"])
def test_the_stores_are_looked_through(stores, level):
    """One word lets values out, and each is found in each store that it went to: so all are seen."""
    got = stores[level]
    assert "feature, number" in got["Prometheus"] & got["VictoriaLogs"] & got["viewer"]
    assert "exception, value" in got["Jaeger"] & got["VictoriaLogs"] & got["viewer"]
