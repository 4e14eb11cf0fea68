"""Each source, half of its labels again, some conflicting, some forged, the service killed twice."""

from __future__ import annotations

import contextlib
import csv
import http.client
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter

import pytest

from otelml.labels import LabelStore
from tests._ids import SECRET
from tests.labels._api import Api
from tests.labels._campaign import (
    Campaign,
    Service,
    check_followed,
    follow_and_kill,
    wait_for,
)

COUNTS = [1000, pytest.param(10_000, marks=pytest.mark.slow)]


def _url(tmp_path):
    return f"sqlite:///{tmp_path}/labels.db"


@pytest.mark.parametrize("count", COUNTS)
def test_a_query(tmp_path, count):
    """Rows of a database; the watermark has ties, and a time of which many rows are."""
    campaign = Campaign.of(count)
    with sqlite3.connect(tmp_path / "core.db") as database:
        database.execute("create table outcomes (loan text, outcome text, told real, changed int)")
        database.executemany(
            "insert into outcomes values (?, ?, ?, ?)",
            [(id_, actual, when, place // 37) for place, (_, id_, actual, when) in enumerate(campaign.items)],
        )  # fmt: skip
    source = {
        "kind": "sql", "name": "core", "url": f"sqlite:///{tmp_path}/core.db", "every": 0.1,
        "rows": 30, "watermark": "changed", "overlap": 0,
        "query": "select loan as id, outcome as actual, told as timestamp, changed from outcomes",
    }  # fmt: skip
    report = follow_and_kill(campaign, _url(tmp_path), "core", {"sources": [source]})
    check_followed(campaign, _url(tmp_path), "core", report)


def _import(path, url):
    command = [sys.executable, "-m", "otelml.cli", "feedback", "import", str(path), "--store", url]
    environ = {**os.environ, "OTELML_SECRET": SECRET}
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def _imported(tmp_path) -> int:
    with contextlib.closing(sqlite3.connect(tmp_path / "labels.db")) as database:
        query = "select json_extract(summary, '$.done') from otelml_label_imports"
        return (database.execute(query).fetchone() or (0,))[0]


@pytest.mark.parametrize("count", COUNTS)
def test_a_file(tmp_path, count):
    """Imported by the command, which is killed; the service counts it from its next start on."""
    campaign, url, path = Campaign.of(count), _url(tmp_path), tmp_path / "labels.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("id", "actual", "source", "timestamp"), *((i, a, "file", w) for _, i, a, w in campaign.items)]
        )  # fmt: skip
    LabelStore(url).close()
    for least in (count // 8, count // 2):
        process = _import(path, url)
        wait_for(lambda least=least: _imported(tmp_path) >= least)
        if count > COUNTS[0]:  # fewer may be through by now
            assert process.poll() is None
        process.kill()
        process.communicate(timeout=30)
    said = _import(path, url).communicate(timeout=120)[0].split()
    kinds, _ = campaign.expected()
    for word, kind in (("accepted", "accepted"), ("duplicates", "duplicate"),
                       ("conflicts", "conflict"), ("refused", "refused")):  # fmt: skip
        assert int(said[said.index(word) + 1]) == kinds[kind], said
    with Service("follow", store=url) as service:
        report = wait_for(lambda: _of(service, campaign))
    for metric, value in campaign.quality().items():
        assert abs(report["quality"][metric] - value) <= 1e-12, metric
    campaign.check_store(url, "file")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("way", ["cursor", "since"])
def test_an_api(tmp_path, count, way):
    """Pages by cursor, or since a watermark, whose rows have ties."""
    campaign = Campaign.of(count)
    rows = [
        {"prediction": id_, "outcome": {"label": actual}, "at": when - when % 3, "told": when}
        for _, id_, actual, when in campaign.items
    ]
    fields = {"id": "prediction", "actual": "outcome.label", "timestamp": "told"}
    with Api(rows, page=50) as api:
        source = {"kind": "rest", "name": "api", "url": api.url, "every": 0.1, "fields": fields}
        if way == "cursor":
            source |= {"records": "data.items", "cursor": "next"}
        else:
            source |= {"url": f"{api.url}/since", "watermark": "at"}
        report = follow_and_kill(campaign, _url(tmp_path), "api", {"sources": [source]})
    check_followed(campaign, _url(tmp_path), "api", report)


class _Client:
    """Posts labels, each until it is answered."""

    def __init__(self, service) -> None:
        self.answers: Counter[str] = Counter()
        self.since_start: Counter[str] = Counter()
        self.connect(service)

    def connect(self, service) -> None:
        self.service = service
        self.since_start.clear()
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", service.ready["port"], timeout=30
        )

    def post(self, item) -> bool:
        """Return whether there was an answer."""
        _, id_, actual, when = item
        body = json.dumps({"prediction_id": id_, "actual": actual, "timestamp": when})
        try:
            self._connection.request(
                "POST", "/feedback", body, {"Content-Type": "application/json"}
            )
            told = self._connection.getresponse()
            content = json.loads(told.read())
        except (OSError, http.client.HTTPException, ValueError):
            return False
        assert told.status in {200, 400}
        kind = content["outcome"] if told.status == 200 else "refused"
        self.answers[kind] += 1
        self.since_start[kind] += 1
        return True


@pytest.mark.parametrize("count", COUNTS)
def test_the_endpoint(tmp_path, count):
    """POST /feedback; what was not answered is sent again, what was answered is there."""
    campaign, url = Campaign.of(count), _url(tmp_path)
    client = _Client(Service("http", store=url))
    kills = [count // 8, count // 2]
    for place, item in enumerate(campaign.items):
        if kills and place == kills[0]:
            kills.pop(0)
            client.service.kill()
            assert not client.post(item)
            client.connect(Service("http", store=url))
        assert client.post(item)
    with client.service as service:
        report = wait_for(lambda: _of(service, campaign))
    _check_answers(campaign, url, client.answers, report)
    repeated = {kind: client.since_start[kind] for kind in ("duplicate", "conflict")}
    assert report["rejected"] == {**repeated, "signature": client.since_start["refused"]}


def _of(service, campaign):
    report = service.ask(report=True)
    return report if report["labelled"] >= len(campaign.predicted) else None


def _check_answers(campaign, url, answers, report) -> None:
    kinds, _ = campaign.expected()
    first = answers["correct"] + answers["wrong"]
    found = {"accepted": first, "duplicate": answers["duplicate"], "conflict": answers["conflict"]}
    assert {**found, "refused": answers["refused"]} == dict(kinds)
    for metric, value in campaign.quality().items():
        assert abs(report["quality"][metric] - value) <= 1e-12, metric
    campaign.check_store(url, "api")


@pytest.mark.parametrize("count", COUNTS)
def test_in_bulk(tmp_path, count):
    """``feedback_many``: a batch that was answered is kept; one that was not is given again."""
    campaign, url = Campaign.of(count), _url(tmp_path)
    size = count // 20
    batches = [campaign.items[first : first + size] for first in range(0, count, size)]
    answers: Counter[str] = Counter()
    service = Service("many", store=url)
    for place, batch in enumerate(batches):
        items = [{"prediction_id": i, "actual": a, "timestamp": w} for _, i, a, w in batch]
        if place in {3, 11}:
            service.kill()
            assert service.ask(items=items) is None
            service = Service("many", store=url)
        done = service.ask(items=items)
        answers.update(done["outcomes"])
        answers["refused"] += len(done["refused"])
        assert set(done["refused"]) <= {"signature"}
    with service:
        report = wait_for(lambda: _of(service, campaign))
    _check_answers(campaign, url, answers, report)
