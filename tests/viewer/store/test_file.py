"""The viewer's file: opened whatever happened to it, by one viewer, within its bound."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

import pytest

from otelml.exceptions import ConfigurationError
from otelml.viewer.decode import decode_metrics, decode_traces
from otelml.viewer.queries import query_metric
from otelml.viewer.store import Store
from otelml.viewer.store.file import APPLICATION_ID, SCHEMA

NS = 1_000_000_000

YOUNG = """
    import os, signal, sqlite3, sys
    from pathlib import Path
    from otelml.viewer.store import Store
    store = Store(Path(sys.argv[1]))
    print("open", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(path):
    command = [sys.executable, "-c", textwrap.dedent(YOUNG), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == "open\n"


def test_a_viewer_killed_while_its_file_is_young_can_open_it_again(tmp_path):
    path = tmp_path / "t.db"
    killed(path)
    assert int.from_bytes(path.read_bytes()[68:72], "big") == APPLICATION_ID
    Store(path).close()


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_a_file_whose_first_pages_are_still_beside_it_is_ours(tmp_path, suffix):
    """As earlier viewers, or a kill amid the very first commit, left it."""
    path = tmp_path / "t.db"
    mode = "WAL" if suffix == "-wal" else "DELETE"
    code = f"""
    import os, signal, sqlite3, sys
    c = sqlite3.connect(sys.argv[1], isolation_level=None)
    c.execute("PRAGMA journal_mode={mode}")
    c.execute("CREATE TABLE x(y)")
    c.execute("PRAGMA application_id={APPLICATION_ID}")
    c.execute("PRAGMA user_version=0")
    if "{mode}" == "DELETE":
        c.execute("BEGIN IMMEDIATE")
        c.execute("PRAGMA cache_size=1")
        c.execute("PRAGMA application_id=7")
        c.executemany("INSERT INTO x VALUES(?)", [("z" * 4000,)] * 500)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    subprocess.run(command, timeout=60, check=False)
    assert path.with_name(path.name + suffix).exists()
    Store(path).close()


def test_a_foreign_database_with_a_wal_is_left_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("CREATE TABLE mine(x)")
    before = {
        file.name: file.read_bytes() for file in tmp_path.iterdir() if "-shm" not in file.name
    }
    with pytest.raises(ConfigurationError, match="not a database of otelml's viewer"):
        Store(path)
    for name, content in before.items():
        assert (tmp_path / name).read_bytes() == content
    other.close()


@pytest.mark.parametrize("way", ["same", "relative", "folder link"])
def test_one_file_has_one_viewer_whatever_path_leads_to_it(tmp_path, monkeypatch, way):
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "t.db"
    store = Store(path)
    (tmp_path / "linked").symlink_to(folder)
    monkeypatch.chdir(folder)
    other = {
        "same": path,
        "relative": path.__class__("../data/t.db"),
        "folder link": tmp_path / "linked" / "t.db",
    }[way]
    with pytest.raises(ConfigurationError, match="another viewer uses it"):
        Store(other)
    store.close()
    Store(other).close()


def test_a_file_with_a_second_name_is_refused(tmp_path):
    path = tmp_path / "t.db"
    Store(path).close()
    os.link(path, tmp_path / "again.db")
    with pytest.raises(ConfigurationError, match="second name"):
        Store(tmp_path / "again.db")


def test_a_missing_folder_is_a_message(tmp_path):
    with pytest.raises(ConfigurationError, match=r"there is no folder .*nowhere$"):
        Store(tmp_path / "nowhere" / "t.db")


def test_the_bound_counts_what_waits_beside_the_file(tmp_path, seed):
    """On the disk, file and WAL together stay near the bound, whatever is sent."""
    bound_mb = 6.0
    store = Store(tmp_path / "t.db", max_size_mb=bound_mb)
    now = time.time_ns()
    fleet = seed.Fleet(now - 3600 * NS)
    largest = 0
    for index in range(30):
        start = now - (1800 - index * 50) * NS
        store.submit(decode_traces(fleet.period(start, start + 50 * NS)[0])).result(10)
        largest = max(
            largest, sum(f.stat().st_size for f in tmp_path.iterdir() if f.name != "t.db-shm")
        )
        if index % 10 == 9:
            time.sleep(0.6)
    deadline = time.monotonic() + 15
    while store.status()["db_bytes"] > store.max_bytes and time.monotonic() < deadline:
        time.sleep(0.1)
    assert store.status()["db_bytes"] <= store.max_bytes
    assert largest <= 2 * store.max_bytes
    assert store.totals["spans"] > 1000
    store.close()
    assert not (tmp_path / "t.db-wal").exists()


def test_far_over_the_bound_nothing_waits_for_the_next_pruning(tmp_path, seed, monkeypatch):
    """However rarely it looks, as on a busy machine, the files stay near the bound."""
    monkeypatch.setattr("otelml.viewer.store.store._PRUNE_EVERY_S", 1e9)
    store = Store(tmp_path / "t.db", max_size_mb=2.0)
    now = time.time_ns()
    fleet = seed.Fleet(now - 3600 * NS)
    largest = sent = 0
    for index in range(12):
        start = now - (900 - index * 50) * NS
        batch = decode_traces(fleet.period(start, start + 50 * NS)[0])
        sent += len(batch)
        store.submit(batch).result(60)
        largest = max(largest, store.status()["db_bytes"])
    store.close()
    assert store.totals["spans"] < sent
    assert largest <= 2 * store.max_bytes


def test_after_a_restart_it_knows_what_is_stored(tmp_path, seed):
    now = time.time_ns()
    store = Store(tmp_path / "t.db")
    store.submit(
        decode_traces(seed.Fleet(now - 60 * NS).period(now - 20 * NS, now - 10 * NS)[0])
    ).result(10)
    totals = dict(store.totals)
    store.close()
    again = Store(tmp_path / "t.db")
    status = again.status()
    assert {name: status[name] for name in ("spans", "traces")} == {
        n: totals[n] for n in ("spans", "traces")
    }
    assert now / 1e6 - 60_000 < status["last_received"] < now / 1e6
    assert status["state"] in {"idle", "receiving"}
    again.close()


OLD_SPANS = """
ALTER TABLE spans RENAME TO new_spans;
CREATE TABLE spans(trace INTEGER, span_id BLOB, resource INTEGER, scope INTEGER, raw BLOB,
  PRIMARY KEY(trace, span_id));
INSERT INTO spans SELECT trace, span_id, resource, scope, raw FROM new_spans;
DROP TABLE new_spans; DROP TABLE operations; DROP TABLE red;
ALTER TABLE traces DROP COLUMN title; PRAGMA user_version=2;
"""
OLD_SERIES = """
DROP TABLE series;
CREATE TABLE series(id INTEGER PRIMARY KEY, metric INTEGER, resource INTEGER, attributes BLOB,
  last_ns INTEGER, UNIQUE(metric, resource, attributes));
INSERT INTO metrics(id, name, unit, kind, description, delta) VALUES(1,'m','1','gauge','',0);
INSERT INTO resources(id, key, raw, service, instance) VALUES(1,x'00',x'','s','i');
INSERT INTO series VALUES(1,1,1,x'',5); PRAGMA user_version=1;
"""


def script(path, sql):
    old = sqlite3.connect(path, isolation_level=None)
    old.executescript(sql)
    old.close()


def test_an_older_file_is_brought_to_this_schema(tmp_path):
    """Its points are still there, and new ones are added to them."""
    path = tmp_path / "t.db"
    Store(path).close()
    script(path, OLD_SPANS + OLD_SERIES)
    store = Store(path)
    assert store._connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    assert store._connection.execute("SELECT id, scope, last_ns FROM series").fetchall() == [
        (1, 0, 5)
    ]
    store.close()


def contents(store):
    """Return all that a search or the services' page reads, whatever the numbers of operations."""
    run = store._connection.execute
    named = "service, name, kind, entry, peer"
    return {
        "spans": run(
            f"SELECT trace, span_id, parent, {named}, start_ns, duration_ns, error, resource, scope,"  # noqa: S608 - our own columns
            " raw FROM spans JOIN operations ON operations.id=operation ORDER BY 1, 2"
        ).fetchall(),
        "red": run(
            f"SELECT resolution, bucket, {named}, latency, count, errors FROM red"  # noqa: S608 - our own columns
            " JOIN operations ON operations.id=operation ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
        ).fetchall(),
        "titles": run("SELECT id, title FROM traces WHERE title<>'' ORDER BY id").fetchall(),
    }


def test_older_spans_can_be_searched_and_counted_like_new_ones(tmp_path, scene):
    path = tmp_path / "t.db"
    now = time.time_ns()
    store = Store(path)
    request = scene.Scene(deadlocks=5).request(now - 60 * NS, now - 10 * NS, 50)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.append(scene.pair("logfire.msg", "lending to Ada"))
    store.submit(decode_traces(request)).result(10)
    before = contents(store)
    store.close()
    script(path, OLD_SPANS)
    again = Store(path)
    assert contents(again) == before
    assert len(before["spans"]) == 50 * scene.SPANS_A_TRACE
    assert [title for _, title in before["titles"]] == ["lending to Ada"]
    later = scene.Scene(seed=8).request(now - 9 * NS, now - 5 * NS, 10)
    again.submit(decode_traces(later)).result(10)
    assert len(contents(again)["spans"]) == 60 * scene.SPANS_A_TRACE
    again.close()


def counter(scope, value, at_ns, start_ns):
    """One point of a counter, as a sender of that scope counts it."""
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add()
    metrics.scope.name = scope
    metric = metrics.metrics.add(name="requests", unit="1")
    metric.sum.aggregation_temporality = 2
    metric.sum.is_monotonic = True
    metric.sum.data_points.add(time_unix_nano=at_ns, start_time_unix_nano=start_ns, as_int=value)
    return request


def test_two_scopes_with_one_name_are_two_series(tmp_path):
    """Neither hides points of the other, and their sum is the sum."""
    now = time.time_ns()
    store = Store(tmp_path / "t.db")
    for step, (first, second) in enumerate([(10, 500), (20, 505), (30, 515)]):
        for scope, value in (("a", first), ("b", second)):
            batch = decode_metrics(
                counter(scope, value, now - (30 - 10 * step) * NS, now - 100 * NS)
            )
            store.submit(batch).result(10)
    assert store.totals["points"] == 6
    with store.reader() as connection:
        found = query_metric(
            connection, {"name": "requests", "agg": "sum", "by": "otel.scope.name"}
        )
    totals = {
        s["labels"]["otel.scope.name"]: sum(v or 0 for v in s["values"]) for s in found["series"]
    }
    assert totals == {"a": 30, "b": 515}
    store.close()
