"""What `otelml simulate` sends of a user's own files."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from otelml.cli._bodies import read_bodies
from otelml.cli.simulate import simulate
from otelml.exceptions import ConfigurationError, OtelmlError

ROWS = [{"age": 30, "income": 1.5, "purpose": "car"}, {"age": 41, "income": 2.0, "purpose": None}]


@pytest.fixture
def file(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text if isinstance(text, str) else json.dumps(text))
        return tmp_path / name

    return write


def bodies(template=None, sample=None):
    return [json.loads(body) for body in read_bodies(template, sample)]


def test_a_body_or_a_list_of_them(file):
    assert bodies(file("one.json", {"a": 1})) == [{"a": 1}]
    assert bodies(file("two.json", [{"a": 1}, {"a": 2}])) == [{"a": 1}, {"a": 2}]
    assert bodies() == []


def test_rows_of_a_csv(file):
    sample = file("rows.csv", "age,income,purpose\n30,1.5,car\n41,2.0,\n")
    assert bodies(sample=sample) == ROWS


def test_rows_of_parquet_and_json(tmp_path, file):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    assert bodies(sample=tmp_path / "rows.parquet") == ROWS
    assert bodies(sample=file("rows.json", ROWS)) == ROWS


def test_rows_stand_where_the_template_says(file):
    template = file("t.json", {"dataframe_split": {"columns": "$columns", "data": ["$values"]}})
    assert bodies(template, file("rows.json", ROWS))[0] == {
        "dataframe_split": {"columns": ["age", "income", "purpose"], "data": [[30, 1.5, "car"]]}
    }
    template = file("t.json", {"rows": ["$row"], "user": "me"})
    assert bodies(template, file("rows.json", ROWS))[1] == {"rows": [ROWS[1]], "user": "me"}


@pytest.mark.parametrize(
    ("template", "sample", "message"),
    [
        ("{", None, "is not a JSON file"),
        ("[]", None, "holds nothing to send"),
        ('{"a": 1}', ("s.json", "[{}]"), "no place for a row"),
        (None, ("s.json", '{"a": 1}'), "is not a list of rows"),
        (None, ("s.json", "[]"), "holds nothing to send"),
        (None, ("s.csv", ""), "is empty"),
        (None, ("s.csv", "a,b\n1\n"), "1 values, not 2"),
        (None, ("s.csv", "a,b\n"), "holds nothing to send"),
    ],
)
def test_what_cannot_be_sent_is_said(file, template, sample, message):
    with pytest.raises(OtelmlError, match=message):
        bodies(template and file("t.json", template), sample and file(*sample))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scenario", "wrong-labels"], "needs the built-in loan applications"),
        (["--field", "a=1"], "--field goes with --scenario drift"),
        (["--scenario", "drift", "--field", "a"], "is not NAME=SHIFT"),
        (["--scenario", "drift", "--field", "a=nan"], "is not NAME=SHIFT"),
        (["--scenario", "drift", "--field", "=1"], "is not NAME=SHIFT"),
    ],
)
def test_options_that_do_not_go_together(file, options, message):
    template = str(file("t.json", {"a": 1}))
    done = CliRunner().invoke(simulate, ["http://127.0.0.1:1", "--template", template, *options])
    assert done.exit_code == 2
    assert message in done.output.replace("\n", " ")


def test_an_unknown_field_is_refused_before_anything_is_sent(file):
    template = str(file("t.json", {"income": 1}))
    options = ["--scenario", "drift", "--field", "incom=1", "--template", template]
    done = CliRunner().invoke(simulate, ["http://127.0.0.1:1", *options])
    assert isinstance(done.exception, ConfigurationError)
    assert "did you mean income?" in str(done.exception)
