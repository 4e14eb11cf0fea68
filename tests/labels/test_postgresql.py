"""The store in a real PostgreSQL that processes share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from otelml.exceptions import FeedbackError
from otelml.labels import Label, LabelStore, Waiting
from tests.labels._campaign import Campaign, check_followed, follow_and_kill

pytestmark = pytest.mark.stack

_WRITER = """
import sys, time
from otelml.labels import Label, LabelStore
store = LabelStore(sys.argv[1])
print("ready", flush=True)
for number in range(100_000):
    name = f"{sys.argv[2]}{number}"
    put = store.put(Label(name, "api", sys.argv[3], "", time.time_ns()))
    print(name, put.previous, flush=True)
"""


def _writers(url, *names):
    command = [sys.executable, "-c", _WRITER, url]
    return [
        subprocess.Popen([*command, *name], stdout=subprocess.PIPE, text=True) for name in names
    ]


def _said(writers, lines):
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    said = [[writer.stdout.readline() for _ in range(lines)] for writer in writers]
    for writer, lines_of in zip(writers, said, strict=True):
        os.kill(writer.pid, signal.SIGKILL)
        rest, _ = writer.communicate(timeout=30)
        lines_of += [line for line in rest.splitlines(keepends=True) if line[-1] == "\n"]
    return [[line.split() for line in lines_of] for lines_of in said]


def test_nothing_acknowledged_is_lost(database, postgresql):
    """Two processes are killed while they write, then the server is: what they said is there."""
    LabelStore(database).close()
    first, second = _said(_writers(database, ("a-", "yes"), ("b-", "yes")), 40)
    postgresql.kill()
    postgresql.start()
    store = LabelStore(database)
    names = [name for name, _ in (*first, *second)]
    assert len(names) >= 80
    assert [name for name in names if store.label(name) is None] == []
    store.close()


def test_two_processes_see_each_others_labels(database):
    """Of one prediction, each label is new to one of them: the other is told what was before."""
    LabelStore(database).close()
    one, other = _said(_writers(database, ("p-", "yes"), ("p-", "no")), 60)
    told = dict(one)
    both = [(name, told[name], previous) for name, previous in other if name in told]
    assert len(both) >= 60
    for name, from_one, from_other in both:
        assert sorted((from_one == "None", from_other == "None")) == [False, True], name
        assert {from_one, from_other} <= {"None", "yes", "no"}


def test_bounds_by_age_and_by_rows(database):
    """The oldest go first, of labels, keys and what waits for reviewers."""
    now = time.time_ns()
    store = LabelStore(database, max_days=1, max_rows=5)
    store.put_many([Label(f"p{n}", "api", "yes", "", now - n * 10**9) for n in range(12)])
    store.put(Label("old", "api", "yes", "", now - 2 * 86_400 * 10**9))
    store.register((f"k{n}", f"id{n}", f"p{n}") for n in range(9))
    store.reviews.add(Waiting(f"r{n}", "id", 0.5, {}, now - n * 10**9) for n in range(9))
    store.prune()
    assert store.counts() == {"labels": 5, "keys": 5, "disagree": 0}
    assert store.reviews.waiting(20)[1] == 5
    assert [n for n in range(12) if store.label(f"p{n}") is not None] == [0, 1, 2, 3, 4]
    assert store.label("old") is None
    store.close()


def test_a_source_has_one_reader(database):
    """While one holds the lease another is refused, and cannot move the position."""
    here, there = LabelStore(database), LabelStore(database)
    assert here.positions.lease("core", "me", 60)
    assert not there.positions.lease("core", "you", 60)
    here.positions.put("core", "me", {"at": 3}, [Label("p", "core", "yes", "", 1)], {"key": 2})
    with pytest.raises(FeedbackError, match="another process"):
        there.positions.put("core", "you", {"at": 9}, [Label("q", "core", "yes", "", 1)], {})
    assert there.label("q") is None
    position, summary = there.positions.get("core")
    assert (position, summary.done, summary.accepted, summary.refused) == ({"at": 3}, 3, 1, {"key": 2})  # fmt: skip
    assert there.positions.lease("core", "you", 60, lambda owner: owner == "me")
    assert not here.positions.lease("core", "me", 60)
    here.close()
    there.close()


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_labels_of_a_table(database, count):
    """Labels are fetched from PostgreSQL into PostgreSQL by times; the service is killed twice."""
    import sqlalchemy as sa

    campaign = Campaign.of(count)
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "create table outcomes (loan text, outcome text, told numeric, changed timestamptz)"
        )
        insert = sa.text(
            "insert into outcomes values (:id, :actual, :told, to_timestamp(:told - mod(cast(:told as int), 60)))"
        )
        connection.execute(
            insert, [{"id": i, "actual": a, "told": w} for _, i, a, w in campaign.items]
        )
    engine.dispose()
    source = {
        "kind": "sql", "name": "core", "url": database, "every": 0.1, "rows": 25,
        "watermark": "changed", "overlap": "2m",
        "query": "select loan as id, outcome as actual, told as timestamp, changed from outcomes;",
    }  # fmt: skip
    report = follow_and_kill(campaign, database, "core", {"sources": [source]})
    check_followed(campaign, database, "core", report)
