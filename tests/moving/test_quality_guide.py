"""``docs/moving-quality.md``: both sides run, and every gauge has the value that it had."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

import otelml
from tests.moving._guide import ROOT
from tests.moving.test_guide import NEW_NAME, known, run

PAGE = ROOT / "docs/moving-quality.md"
BLOCKS = dict(re.findall(r"```python ([a-z-]+)\n(.*?)```", PAGE.read_text(), re.DOTALL))
NAMES = 'LABELS = ["setosa", "versicolor", "virginica"]'
TEXTS = {"True": "true", "False": "false"}
# What /metrics says: name and labels to value.
SAID = """
import json
from prometheus_client import REGISTRY

def said(prefix):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name.startswith(prefix)
    }
"""
OLD = SAID + "print(json.dumps([[*key, value] for key, value in said('model_').items()]))"
# Labels are counted by a thread: what is waited for is as many as were sent.
NEW = (
    SAID
    + """
import time
until = time.monotonic() + 20
while time.monotonic() < until:
    counted = sum(v for (n, _), v in said("ml_feedback_total").items())
    if counted == EXPECTED and said("ml_quality_ratio"):
        break
    time.sleep(0.1)
print(json.dumps([[*key, value] for key, value in said("ml_quality_ratio").items()]))
"""
)


def old(code: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the gauges of a service before the change."""
    told = json.loads(run(code + OLD).splitlines()[-1])
    return {
        (name, frozenset((key, value) for key, value in labels)): value
        for name, labels, value in told
    }


def new(code: str, labels: int, window: int) -> dict[tuple[str, str, str], float]:
    """Return metric, averaging and label to value after it, of one window."""
    told = json.loads(run(code + NEW.replace("EXPECTED", str(labels))).splitlines()[-1])
    found: dict[tuple[str, str, str], float] = {}
    for _, pairs, value in told:
        of = dict(pairs)
        if of["ml_quality_window"] == str(window) and of["ml_quality_estimated"] == "false":
            averaging, label = of.get("ml_quality_averaging"), of.get("ml_quality_label")
            found[of["ml_quality_metric"], averaging or "", label or ""] = value
    return found


def test_two_labels():
    """Accuracy, precision, recall and F1 of the last hundred."""
    before = old(BLOCKS["before-binary"])
    after = new(BLOCKS["after-binary"], 150, 100)
    assert len(before) == 4
    assert all(0.5 < value < 1 for value in before.values())
    for (name, _), value in before.items():
        metric = name.removeprefix("model_")
        averaging, label = ("", "") if metric == "accuracy" else ("binary", "approved")
        assert abs(after[metric, averaging, label] - value) < 1e-12, name


@pytest.mark.parametrize(
    "labels",
    [
        ["setosa", "versicolor", "virginica"],
        [0, 1, 2, 3, 4],
        [True, False],
        ["a <b> & 'c'", "größe", "3.0", "ja\u00a0nein", *(f"class {n}" for n in range(8))],
    ],
    ids=["three", "numbers", "truth", "twelve"],
)
def test_labels_of_any_name_and_number(labels):
    """Averages and each class, whatever the labels are called."""
    given = f"LABELS = {labels!r}"
    before = old(BLOCKS["before-many"].replace(NAMES, given))
    after = new(BLOCKS["after-many"].replace(NAMES, given), 300, 1000)
    assert len(before) == 1 + 6 + 3 * len(labels)
    for (name, pairs), value in before.items():
        of = dict(pairs)
        if name == "model_accuracy":
            key = ("accuracy", "", "")
        elif name == "model_average":
            key = (of["measure"], of["average"], "")
        else:
            key = (of["measure"], "class", TEXTS.get(of["label"], of["label"]))
        assert abs(after[key] - value) < 1e-12, (name, of)


def test_every_new_name_exists():
    """No table names a metric or a label that otelml does not emit."""
    text = PAGE.read_text()
    assert set(NEW_NAME.findall(text)) - known() == set()
    named = re.findall(r"`(\w+Options)\((\w+)=", text)
    assert {option for _, option in named} >= {"positive", "quality_rows"}
    for options, option in named:
        assert option in {each.name for each in dataclasses.fields(getattr(otelml, options))}
