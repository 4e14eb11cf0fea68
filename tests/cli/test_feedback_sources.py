"""``otelml feedback import --sql`` and ``--rest``, and ``otelml feedback follow``."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from otelml.labels import LabelStore
from tests._ids import SECRET
from tests.labels._api import Api
from tests.labels._campaign import token_of, wait_for

QUERY = "select loan as id, actual, changed as timestamp from outcomes"


@pytest.fixture
def core(tmp_path):
    with sqlite3.connect(tmp_path / "core.db") as database:
        database.execute("create table outcomes (loan text, actual, changed)")
    return lambda *rows: _add(tmp_path, rows)


def _add(tmp_path, rows):
    with sqlite3.connect(tmp_path / "core.db") as database:
        database.executemany("insert into outcomes values (?, ?, ?)", rows)


def _command(tmp_path, *arguments):
    return [
        sys.executable, "-m", "otelml.cli", "feedback", *arguments,
        "--store", f"sqlite:///{tmp_path}/labels.db",
    ]  # fmt: skip


def _run(tmp_path, *arguments, **more):
    environ = {**os.environ, "OTELML_SECRET": SECRET, **more}
    return subprocess.run(
        _command(tmp_path, *arguments), env=environ, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_query_is_imported_once(tmp_path, core):
    """Rows are counted by what became of them; a second run reads only what is new."""
    now = time.time()
    core(
        (token_of(0), "yes", now),
        (token_of(0), "yes", now + 1),
        (token_of(1, secret="x"), "no", now + 2),
    )
    arguments = ("import", "--sql", f"sqlite:///{tmp_path}/core.db", "--query", QUERY)
    done = _run(tmp_path, *arguments)
    assert done.returncode == 3
    assert done.stderr.startswith("row 3: ")
    assert done.stdout.split() == [
        "rows", "3", "accepted", "1", "duplicates", "1", "conflicts", "0", "refused", "1",
        "signature",
    ]  # fmt: skip
    core((token_of(2), "no", now + 3))
    again = _run(tmp_path, *arguments)
    assert again.returncode == 0
    assert again.stdout.split()[:4] == ["rows", "1", "accepted", "1"]


def test_an_api_is_imported(tmp_path):
    """The token is a variable's; one that is missing is named."""
    rows = [{"p": {"id": token_of(n)}, "actual": "yes"} for n in range(7)]
    with Api(rows, page=3, token="word") as api:
        arguments = (
            "import", "--rest", api.url, "--records", "data.items", "--cursor", "next",
            "--field", "id=p.id", "--token-variable", "WORD", "--name", "outcomes",
        )  # fmt: skip
        done = _run(tmp_path, *arguments, WORD="word")
        assert (done.returncode, done.stdout.split()[:4]) == (0, ["rows", "7", "accepted", "7"])
        wrong = _run(tmp_path, *arguments, WORD="other-word")
        assert (wrong.returncode, len(wrong.stderr.splitlines())) == (1, 1)
        assert "401" in wrong.stderr
        assert "other-word" not in wrong.stderr
        missing = _run(tmp_path, *arguments)
        assert "WORD, which is not set" in missing.stderr
    assert list(LabelStore(f"sqlite:///{tmp_path}/labels.db").positions.summaries()) == ["outcomes"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import",), "say one of FILE"),
        (("import", "--sql", "sqlite://", "--rest", "http://x/"), "only one of --sql and --rest"),
        (("import", "--rest", "http://x/", "--field", "id"), "FIELD=NAME"),
        (("follow",), "say one of --sql, --rest and --kafka"),
    ],
)
def test_a_wrong_call_is_usage(tmp_path, arguments, said):
    """Exit code 2, and what to write instead."""
    done = _run(tmp_path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_follow_goes_on_until_it_is_stopped(tmp_path, core):
    """Labels are in the store soon after they appear; Ctrl-C ends it, and lets another read."""
    arguments = (
        "follow", "--sql", f"sqlite:///{tmp_path}/core.db", "--query", QUERY, "--every", "0.05",
    )  # fmt: skip
    environ = {**os.environ, "OTELML_SECRET": SECRET, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        _command(tmp_path, *arguments), env=environ, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert "following sql" in process.stderr.readline()
        core((token_of(0), "yes", time.time()))
        assert process.stdout.readline() == "sql: 1 rows: 1 accepted\n"
        other = _run(tmp_path, "import", "--sql", f"sqlite:///{tmp_path}/core.db", "--query", QUERY, "--name", "sql")  # fmt: skip
        assert other.returncode == 1
        assert "another process reads sql" in other.stderr
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    store = LabelStore(f"sqlite:///{tmp_path}/labels.db")
    assert wait_for(lambda: store.positions.lease("sql", "me", 1))
    assert store.counts()["labels"] == 1
