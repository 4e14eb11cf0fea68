"""``otelml reference`` and ``otelml drift``."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from otelml.cli import main
from otelml.reference import Reference


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


def test_no_drift_exits_with_0(files):
    """Rows like those of the training."""
    found = run("drift", "check", files / "r.json", files / "same.csv")
    assert found.exit_code == 0
    assert "0 of 2 features drifted" in found.output


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
