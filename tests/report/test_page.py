"""The HTML report says what the comparison found, and is safe and whole by itself."""

from __future__ import annotations

import html.parser
import json
import re
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from otelml import _report
from otelml.cli import drift as drift_command
from otelml.drift import compare
from otelml.exceptions import MissingDependencyError
from otelml.reference import Reference

ROWS = 2_000
HOSTILE = '<script>alert("x")</script>'


def table(rows=ROWS, *, shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "amount": rng.lognormal(10 + shift, 1, rows),
        "purpose": rng.choice(["car", HOSTILE, "house & garden"], rows),
        "age": rng.normal(40, 9, rows),
    }


@pytest.fixture(scope="module")
def reference():
    return Reference.from_data(table(), importances={"amount": 0.7, "purpose": 0.2, "age": 0.1})


class Page(html.parser.HTMLParser):
    """What a browser would see."""

    void = {"meta", "line", "polyline"}

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text, self.links = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src", "action"}]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.void:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def test_the_finding_leads(reference):
    page = Page(_report.render(compare(reference, table(500, shift=0.6)), digest="abc"))
    assert not page.open
    assert "1 of 3 features has drifted." in page.words
    assert page.words.index("amount") < page.words.index("age")
    assert "digest abc" in page.words


def test_an_unchanged_window_is_said_to_be_so(reference):
    page = Page(_report.render(compare(reference, table(500, seed=1))))
    assert "No drift in 3 features." in page.words


def test_nothing_is_fetched_and_nothing_runs(reference):
    text = _report.render(compare(reference, table(500)), title=HOSTILE)
    page = Page(text)
    assert "script" not in page.tags
    assert all(link.startswith("#feature-") for link in page.links)
    assert not re.search(r"https?://|url\(|@import", text)


def test_what_does_not_fit_is_named(reference):
    window = table(500) | {"colour": ["red"] * 500}
    del window["age"]
    words = Page(_report.render(compare(reference, window))).words
    assert "colour not in the reference" in words
    assert "age not in the window" in words


def test_what_was_not_checked_has_its_reason(reference):
    window = table(500) | {"age": [float("nan")] * 500}
    words = Page(_report.render(compare(reference, window))).words
    assert "1 could not be checked." in words
    assert "the window has 0 usable values, not 50" in words


def test_nothing_can_be_checked(reference):
    words = Page(_report.render(compare(reference, table(5)))).words
    assert "No feature could be checked." in words


def test_a_constant_reference_has_an_infinite_distance():
    result = compare(Reference.from_data({"x": [1.0] * 100}), {"x": [2.0] * 100})
    page = Page(_report.render(result))
    assert "1 of 1 feature has drifted." in page.words


def test_many_levels_show_those_that_differ_most():
    rng = np.random.default_rng(0)
    names = [f"city {i:03}" for i in range(300)]
    before = {"city": rng.choice(names, 20_000)}
    after = {"city": np.concatenate([rng.choice(names, 1_000), ["city 123"] * 200])}
    text = _report.render(compare(Reference.from_data(before), after))
    assert text.count('class="n"') == 2 * 24
    assert "city 123" in text
    assert "277 more bins differ less." in Page(text).words


def test_evidence_over_time_is_drawn(reference):
    history = _report.History([0, 300, 600], {"amount": [0, 2, float("nan")]}, alarm_at=4.0)
    text = _report.render(compare(reference, table(500)), history=history)
    drawn = re.findall(r'<polyline points="([^"]*)"', text)
    assert len(drawn) == 1
    assert len(drawn[0].split()) == 2
    assert 'class="alarm"' in text


def test_one_window_is_no_line(reference):
    history = _report.History([0], {"amount": [3.0]}, alarm_at=4.0)
    assert "<polyline" not in _report.render(compare(reference, table(500)), history=history)


def test_the_missing_extra_is_named(reference, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingDependencyError, match=r"otelml\[report\]"):
        _report.render(compare(reference, table(500)))


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "report.html"
    _report.write(target, "old")
    _report.write(target, "new")
    assert target.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(OSError, match="cannot write"):
        _report.write(tmp_path / "no" / "report.html", "page")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="cannot write"):
        _report.write(tmp_path / "folder", "page")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "report.html"]


def csv(path, columns):
    lines = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    path.write_text("\n".join(lines))
    return str(path)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_writes_it(tmp_path, as_json):
    numbers = np.random.default_rng(0).normal(size=500)
    Reference.from_data({"x": numbers}).save(tmp_path / "reference.json")
    data = csv(tmp_path / "now.csv", {"x": numbers + 3})
    out = str(tmp_path / "report.html")
    options = ["check", str(tmp_path / "reference.json"), data, "--html", out]
    done = CliRunner().invoke(drift_command.command, options + ["--json"] * as_json)
    assert done.exit_code == 3
    assert "Drift of now.csv from reference.json" in (tmp_path / "report.html").read_text()
    if as_json:
        assert json.loads(done.stdout)["drifted"] == ["x"]
