"""``otelml feedback import``."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

import otelml
from otelml._prediction.tokens import Token
from otelml.config import Config, FeedbackOptions, LogOptions
from otelml.labels import LabelStore
from otelml.testing import capture
from tests._ids import SECRET, id_of
from tests.prediction._first_ids import first_id


def _id(number, secret=SECRET):
    token = Token(number + 1, 7, 1_700_000_000_000, 0, 0.9, "loan", "1", "", "yes")
    return id_of(token, secret)


def _write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "actual"), *rows])


def _command(path, url):
    return [sys.executable, "-m", "otelml.cli", "feedback", "import", str(path), "--store", url]


def _run(path, url):
    environ = {**os.environ, "OTELML_SECRET": SECRET}
    return subprocess.run(
        _command(path, url), env=environ, capture_output=True, text=True, check=False
    )


def test_rows_are_counted_and_refused_by_number(tmp_path):
    """The exit code says that some were refused; a second run changes nothing."""
    url, path = f"sqlite:///{tmp_path}/l.db", tmp_path / "l.csv"
    rows = [(_id(0), "yes"), (_id(0), "yes"), (_id(0), "no"), (_id(1, "x"), "yes"), (_id(2), "")]
    _write(path, rows)
    first, second = _run(path, url), _run(path, url)
    assert first.returncode == second.returncode == 3
    assert first.stderr.splitlines()[0].startswith("row 4: ")
    assert first.stderr.splitlines()[1].startswith("row 5: ")
    words = first.stdout.split()
    assert words == second.stdout.split()
    assert words == [
        "rows", "5", "accepted", "1", "duplicates", "1", "conflicts", "1",
        "refused", "1", "label", "refused", "1", "signature",
    ]  # fmt: skip
    assert LabelStore(url).counts()["labels"] == 1


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "id,actual,extra\n"])
def test_a_file_of_other_columns_is_one_line(tmp_path, text):
    """It says which columns there must be."""
    path = tmp_path / "l.csv"
    path.write_text(text)
    done = _run(path, f"sqlite:///{tmp_path}/l.db")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "id or key" in done.stderr


@pytest.mark.slow
def test_counts_are_exact_though_killed_twice(tmp_path):
    """10,000 rows, half of them again, 1 % conflicting, 1 % forged."""
    url, path = f"sqlite:///{tmp_path}/l.db", tmp_path / "l.csv"
    rows = [(_id(number), "yes") for number in range(4800)]
    rows += [(_id(number % 4800), "yes") for number in range(5000)]
    rows += [(_id(number), "no") for number in range(100)]
    rows += [(_id(number, "another key, 01234"), "yes") for number in range(100)]
    _write(path, rows)
    LabelStore(url).close()
    environ = {**os.environ, "OTELML_SECRET": SECRET}
    killed = 0
    for least in (1000, 4000):
        process = subprocess.Popen(
            _command(path, url), env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None:
            with sqlite3.connect(tmp_path / "l.db") as database:
                query = "select json_extract(summary, '$.done') from otelml_label_imports"
                done = database.execute(query).fetchone()
            if done is not None and done[0] >= least:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
                break
            time.sleep(0.002)
        process.wait(timeout=60)
    assert killed == 2
    words = _run(path, url).stdout.split()
    assert words == [
        "rows", "10000", "accepted", "4800", "duplicates", "5000", "conflicts", "100",
        "refused", "100", "signature",
    ]  # fmt: skip


def test_labels_come_by_key(tmp_path):
    """A registered key finds its prediction; another is refused; dates are ISO 8601 or seconds."""
    url, path = f"sqlite:///{tmp_path}/l.db", tmp_path / "l.csv"
    LabelStore(url).register([("loan-1", _id(0), f"{1:032x}{7:016x}.0")])
    path.write_text(
        "key,actual,source,reviewer,timestamp\n"
        f"loan-1,no,officer,kim,{time.time() - 60:.0f}\n"
        "loan-2,no,officer,kim,\n"
        "loan-1,no,api,,yesterday\n"
    )
    done = _run(path, url)
    assert [line[:6] for line in done.stderr.splitlines()] == ["row 2:", "row 3:"]
    store = LabelStore(url)
    assert store.awaiting() == []
    label = store.label(f"{1:032x}{7:016x}.0")
    assert (label.actual, label.source, label.reviewer) == ("no", "officer", "kim")


def test_ids_that_no_key_vouches_for(tmp_path):
    """They are refused with what mends it, unless the environment accepts them."""
    url, path = f"sqlite:///{tmp_path}/l.db", tmp_path / "l.csv"
    token = Token(1, 7, 1_700_000_000_000, 0, 0.9, "loan", "1", "", "yes")
    _write(path, [(first_id(token, None), "yes"), (_id(2), "no")])
    environ = {k: v for k, v in os.environ.items() if k != "OTELML_SECRET"}
    done = subprocess.run(
        _command(path, url), env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert 'unsigned="accept"' in done.stderr
    assert "OTELML_SECRET" in done.stderr
    environ["OTELML_FEEDBACK_UNSIGNED"] = "accept"
    with path.open("a") as file:  # another file, by its content
        file.write("\n")
    done = subprocess.run(
        _command(path, url), env=environ, capture_output=True, text=True, check=False
    )
    assert "accepted    1" in done.stdout
    assert "refused     1 signature" in done.stdout


def test_opaque_ids_need_no_key(tmp_path):
    """The store knows what each stands for."""
    url, path = f"sqlite:///{tmp_path}/l.db", tmp_path / "l.csv"
    config = Config(
        logs=LogOptions(enabled=False), feedback=FeedbackOptions(ids="opaque", store=url)
    )
    with capture(config):
        with otelml.prediction("loan") as p:
            p.set_result(label="yes")
        made = p.id
    _write(path, [(made, "no")])
    environ = {k: v for k, v in os.environ.items() if k != "OTELML_SECRET"}
    done = subprocess.run(
        _command(path, url), env=environ, capture_output=True, text=True, check=False
    )
    assert "accepted    1" in done.stdout, done.stderr
