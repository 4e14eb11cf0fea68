"""``otelml reference`` and ``otelml drift``."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from otelml.cli import main
from otelml.reference import Learned, Reference


def run(*arguments):
    """Run a command."""
    return CliRunner().invoke(
        main, [str(argument) for argument in arguments], env={"COLUMNS": "160"}
    )


@pytest.fixture
def files(tmp_path):
    """A training file, one like it, and one whose age has moved."""
    rng = np.random.default_rng(1)
    for name, rows, shift in (("train", 3000, 0), ("same", 400, 0), ("moved", 400, 8)):
        ages = rng.normal(40 + shift, 10, rows)
        pd.DataFrame({"id": range(rows), "age": ages, "sex": rng.choice(["f", "m"], rows)}).to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    built = run(
        "reference", "build", tmp_path / "train.csv", "--exclude", "id", "-o", tmp_path / "r.json"
    )
    assert built.exit_code == 0, built.output
    assert built.output.endswith("r.json: 3000 rows, 2 features\n")
    return tmp_path


def test_drift_exits_with_3_and_names_the_feature(files):
    """The moved feature stands first in the table, and in JSON."""
    found = run("drift", "check", files / "r.json", files / "moved.csv")
    assert found.exit_code == 3
    assert "id: not in the reference" in found.output
    assert found.output.endswith("1 of 2 features drifted, in 400 rows\n")
    as_json = run("drift", "check", files / "r.json", files / "moved.csv", "--json")
    assert as_json.exit_code == 3
    assert json.loads(as_json.output)["drifted"] == ["age"]


def test_importance_orders_the_table_where_it_is_known(files):
    """A small shift of what matters stands above a large one of what does not."""
    rng = np.random.default_rng(2)
    rows = {name: rng.normal(size=2000) for name in ("little", "much")}
    path = files / "weighed.json"
    Reference.from_data(rows, importances={"little": 0.01, "much": 0.9}).save(path)
    moved = {"little": rows["little"] + 2, "much": rows["much"] + 0.5}
    pd.DataFrame(moved).to_csv(files / "both.csv", index=False)
    found = run("drift", "check", path, files / "both.csv")
    assert "importance" in found.output
    assert 0 < found.output.index("much") < found.output.index("little")
    as_json = json.loads(run("drift", "check", path, files / "both.csv", "--json").output)
    assert as_json["drifted"] == ["much", "little"]
    assert as_json["features"]["much"]["rank"] > as_json["features"]["little"]["rank"]
    assert "importance" not in run("drift", "check", files / "r.json", files / "moved.csv").output


def test_no_drift_exits_with_0(files):
    """Rows like those of the training."""
    found = run("drift", "check", files / "r.json", files / "same.csv")
    assert found.exit_code == 0
    assert "0 of 2 features drifted" in found.output


def test_what_is_known_of_margins_is_shown(files):
    """Nothing, the order of rows, serving, or a person: each is named."""
    reference = Reference.load(files / "r.json")
    assert run("reference", "show", files / "r.json").output.count("serving will tell") == 2
    reference.keep(
        {
            "age": Learned({480: 0.0312}, windows=288, at="2026-03-04T05:06:07+00:00"),
            "sex": Learned({500: 0.01}, "accepted", at="2026-03-05T00:00:00+00:00", who="ann"),
        }
    )
    shown = run("reference", "show", files / "r.json").output
    assert "288 windows of serving, 480 rows or more, until 2026-03-04" in shown
    assert "0.0312" in shown
    assert "accepted by ann on 2026-03-05" in shown
    ordered = Reference.from_data({"age": np.random.default_rng(0).normal(size=3000)}, ordered=True)
    ordered.save(files / "o.json")
    shown = run("reference", "show", files / "o.json").output
    assert "rows     3000, in the order of time" in shown
    assert "the order of its rows, windows of 50 to 500 rows" in shown


def test_rows_in_the_order_of_time_teach_margins(files):
    """By their order, or by a column of times in any order; the daily pattern is in the margin."""
    rng = np.random.default_rng(3)
    hours = np.arange(24_000) / 500
    table = pd.DataFrame({"at": hours, "age": rng.normal(size=24_000) + np.sin(hours / 24 * 6.28)})
    table.sample(frac=1.0, random_state=1).to_csv(files / "shuffled.csv", index=False)
    table.drop(columns="at").to_csv(files / "ordered.csv", index=False)
    margins = []
    texts = pd.Timestamp("2026-01-01T00:00:00Z") + pd.to_timedelta(hours, unit="h")
    table.assign(at=[f"{text.isoformat()[:19]}Z" for text in texts]).to_csv(
        files / "texts.csv", index=False
    )
    for name, *options in (
        ("shuffled", "--timestamps", "at"),
        ("texts", "--timestamps", "at"),
        ("ordered", "--ordered"),
    ):
        path = files / f"{name}.json"
        built = run("reference", "build", files / f"{name}.csv", *options, "-o", path)
        assert built.exit_code == 0, built.output
        assert list(Reference.load(path).features) == ["age"]
        margins.append(Reference.load(path).features["age"].margins)
    assert margins[0] == margins[1] == margins[2]
    assert margins[0][500] > 0.1
    assert (
        "does not hold a time"
        in run("reference", "build", files / "train.csv", "--timestamps", "sex").output
    )
    wrong = run("reference", "build", files / "ordered.csv", "--ordered", "--sketch")
    assert wrong.exit_code == 2
    assert "without --sketch" in wrong.output


def test_rows_are_accepted_as_the_new_normal(files):
    """By who and why; only the features that are named, and nothing that cannot be."""
    path, moved = files / "r.json", files / "moved.csv"
    digest = Reference.load(path).digest
    done = run("reference", "accept", path, moved, "--feature", "age", "--who", "ann", "--why", "x")
    assert done.exit_code == 0, done.output
    assert done.output.endswith("r.json: age accepted as the new normal\n")
    reference = Reference.load(path)
    assert reference.digest == digest
    (learned,) = reference.learned.values()
    assert (learned.source, learned.who, learned.why) == ("accepted", "ann", "x")
    assert learned.normal.sample.mean == pytest.approx(pd.read_csv(moved)["age"].mean())
    assert "accepted by ann" in run("reference", "show", path).output
    assert run("reference", "accept", path, moved).output.endswith(
        "r.json: age, sex accepted as the new normal\n"
    )
    for arguments, message in (
        (("--feature", "height"), "no such column: height"),
        (("--feature", "sex"), "sex has 1 usable values, not 50"),
    ):
        (files / "few.csv").write_text("age,sex\n1,f\n")
        refused = run("reference", "accept", path, files / "few.csv", *arguments)
        assert refused.exit_code == 1
        assert message in refused.output


def test_references_are_shown_and_merged(files):
    """The digest is shown; two references of the same rows have twice the rows."""
    shown = run("reference", "show", files / "r.json")
    assert shown.exit_code == 0
    assert Reference.load(files / "r.json").digest in shown.output
    merged = run("reference", "merge", files / "r.json", files / "r.json", "-o", files / "m.json")
    assert merged.exit_code == 0
    assert Reference.load(files / "m.json").rows == 6000


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("drift", "check", "nowhere.json", "x.csv"),
            1,
            "error: cannot read nowhere.json: No such file or directory\n",
        ),
        (("reference", "build", "nowhere.csv"), 1, "error: cannot read nowhere.csv: "),
        (("reference", "build"), 2, "give DATA, or --query with --sql or --bigquery"),
        (("reference", "build", "a.csv", "--exclude"), 2, "requires an argument"),
    ],
)
def test_errors_are_one_line(arguments, code, message):
    """Cause and exit code."""
    found = run(*arguments)
    assert found.exit_code == code
    assert message in found.output
