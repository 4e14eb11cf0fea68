"""What the labels of a model say becomes measures, a line, a matrix, and words."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as oracle

from otelml import semconv
from otelml import semconv_quality as names
from otelml.quality.intervals import wilson
from otelml.viewer.queries import (
    BadParameterError,
    NotFoundError,
    get_model,
    get_quality,
    list_models,
)
from otelml.viewer.queries.quality_counts import by_class, counted
from otelml.viewer.queries.quality_labels import flag
from otelml.viewer.store import Store

sys.path.insert(0, str(Path(__file__).parent))
from _labelled import Service, ask

ACTUAL = ["yes"] * 30 + ["no"] * 50
SAID = ["yes"] * 24 + ["no"] * 6 + ["no"] * 45 + ["yes"] * 5
COUNTS = {("yes", "yes"): 24, ("yes", "no"): 6, ("no", "no"): 45, ("no", "yes"): 5}


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "q.db")
    yield opened
    opened.close()


def pairs(metric, *, window=1000, estimated=False, label="", averaging=""):
    """Attributes of ``ml.quality``."""
    found = {
        names.ML_QUALITY_METRIC: metric,
        names.ML_QUALITY_WINDOW: str(window),
        names.ML_QUALITY_ESTIMATED: str(estimated).lower(),
        names.ML_QUALITY_LABEL: label,
        names.ML_QUALITY_AVERAGING: averaging,
    }
    return tuple((key, value) for key, value in found.items() if value)


def test_an_unknown_model_is_not_found(store):
    """It is no empty answer."""
    with pytest.raises(NotFoundError):
        ask(store, get_quality)


def test_a_model_that_sends_metrics_alone_has_no_labels_yet(store):
    """It is known, so the page shows what to run."""
    Service(store).send(semconv.ML_PREDICTIONS, 5, {(): 3.0})
    found = ask(store, get_quality)
    assert (found["status"], found["example"]) == ("none", None)


def test_before_labels_there_is_what_to_run(store):
    """Without labels or confidences nothing is measured; the newest prediction's id is given."""
    service = Service(store)
    service.predict(1, "yes", **{semconv.ML_PREDICTION_ID: "old"})
    service.predict(2, "no", **{semconv.ML_PREDICTION_ID: "new"})
    found = ask(store, get_quality)
    assert (found["status"], found["labels"], found["measures"]) == ("none", 0, [])
    assert found["example"] == "new"
    service.send(names.ML_QUALITY, 3, {pairs("accuracy", estimated=True): 0.9})
    found = ask(store, get_quality)
    assert found["status"] == "estimated"
    (measure,) = found["measures"]
    assert measure["value"] is None
    assert measure["estimate"]["value"] == 0.9


def test_measures_are_those_of_scikit_learn():
    """Accuracy, precision, recall and F1 of each label, from counts alone."""
    truth = {
        "precision": oracle.precision_score(ACTUAL, SAID, pos_label="yes"),
        "recall": oracle.recall_score(ACTUAL, SAID, pos_label="yes"),
        "f1": oracle.f1_score(ACTUAL, SAID, pos_label="yes"),
        "accuracy": oracle.accuracy_score(ACTUAL, SAID),
    }
    for metric, value in truth.items():
        assert math.isclose(counted(COUNTS, metric, "yes").value, value, abs_tol=1e-12)
    assert counted(COUNTS, "accuracy", "")[1:3] == pytest.approx(wilson(69, 80)[1:], abs=1e-6)
    assert counted({("no", "no"): 3}, "recall", "yes") is None
    lines = by_class(COUNTS)
    assert [(each["label"], each["actual"], each["predicted"]) for each in lines] == [
        ("no", 50, 51),
        ("yes", 30, 29),
    ]
    assert lines[1]["f1"]["value"] == pytest.approx(truth["f1"])


def test_the_interval_of_f1_covers_it():
    """By simulation, of labels that are right independently of each other."""
    generator = np.random.default_rng(3)
    cells = [("yes", "yes"), ("yes", "no"), ("no", "yes"), ("no", "no")]
    shares = [0.25, 0.08, 0.07, 0.6]
    truth = 2 * 0.25 / (2 * 0.25 + 0.08 + 0.07)
    drawn = generator.multinomial(300, shares, size=2000)
    inside = 0
    for counts in drawn:
        found = counted(dict(zip(cells, counts.tolist(), strict=True)), "f1", "yes")
        inside += found.lower <= truth <= found.upper
    assert 0.93 <= inside / len(drawn) <= 0.97


def test_labels_of_two_processes_are_one_line(store):
    """Counters add up; a drop shows in the slot in which its labels came, with its interval."""
    first, second = Service(store, "a"), Service(store, "b")
    for process in (first, second):
        process.labels(5, {("yes", "yes"): 40, ("no", "no"): 40, ("no", "yes"): 0})
        process.labels(305, {("yes", "yes"): 50, ("no", "no"): 50, ("no", "yes"): 60})
    found = ask(store, get_quality)
    assert found["labels"] == 320
    line = found["line"]
    known = [(v, n) for v, n in zip(line["value"], line["labels"], strict=True) if v is not None]
    assert known == [(1.0, 160), (pytest.approx(40 / 160), 160)]
    lower = [each for each in line["lower"] if each is not None][1]
    upper = [each for each in line["upper"] if each is not None][1]
    assert (lower, upper) == pytest.approx(wilson(40, 160)[1:], abs=1e-6)
    assert found["positive"] == "yes"
    recall = ask(store, get_quality, metric="recall")["line"]["value"]
    assert {each for each in recall if each is not None} == {1.0}
    with pytest.raises(BadParameterError, match="metric must be one of accuracy"):
        ask(store, get_quality, metric="magic")


def test_few_labels_are_pooled_with_those_before(store):
    """A point is of thirty labels where there are as many."""
    service = Service(store)
    for number in range(1, 9):
        service.labels(number * 60, {("yes", "yes"): 10 * number})
    labels = [n for n in ask(store, get_quality)["line"]["labels"] if n is not None]
    assert labels == [10, 20, 30, 30, 30, 30, 30, 30]


def test_gauges_have_interval_bounds_and_estimate(store):
    """The measures of a service's windows, of several processes their mean."""
    for instance, value in (("a", 0.8), ("b", 0.9)):
        service = Service(store, instance)
        service.send(
            names.ML_QUALITY,
            10,
            {
                pairs("accuracy"): value,
                pairs("accuracy", window=100): value - 0.1,
                pairs("accuracy", estimated=True): 0.95,
                pairs("precision", label="yes", averaging="binary"): 0.7,
                pairs("precision", averaging="macro"): 0.6,
                pairs("precision", label="yes", averaging="class"): 0.1,
                pairs("roc_auc", label="yes"): 0.99,
            },
        )
        service.send(names.ML_QUALITY_LOWER, 10, {pairs("accuracy"): value - 0.05})
        service.send(names.ML_QUALITY_UPPER, 10, {pairs("accuracy"): value + 0.05})
        bound = ((names.ML_QUALITY_METRIC, "accuracy"),)
        service.send(names.ML_QUALITY_BOUND_LOWER, 10, {bound: 0.3})
        service.send(names.ML_QUALITY_BOUND_UPPER, 10, {bound: 0.97})
    found = ask(store, get_quality)
    assert (found["status"], found["processes"], found["window"]) == ("measured", 2, 1000)
    accuracy, precision, macro, roc = found["measures"]
    assert accuracy == {
        "key": "accuracy",
        "metric": "accuracy",
        "averaging": None,
        "label": None,
        "value": pytest.approx(0.85),
        "lower": pytest.approx(0.8),
        "upper": pytest.approx(0.9),
        "recent": pytest.approx(0.75),
        "bound_lower": 0.3,
        "bound_upper": 0.97,
        "estimate": {"value": 0.95, "lower": None, "upper": None},
    }
    assert (precision["value"], macro["value"], macro["key"]) == (0.7, 0.6, "precision macro")
    assert roc["label"] == "yes"
    assert found["positive"] == "yes"
    line = ask(store, get_quality, metric="roc_auc")["line"]
    assert [each for each in line["value"] if each is not None] == [0.99]
    assert line["source"] == "gauges"


def test_a_stopped_process_leaves_the_mean(store):
    """Its last values are history, not what is true now."""
    Service(store, "old").send(names.ML_QUALITY, 1, {pairs("accuracy"): 0.1})
    Service(store, "new").send(names.ML_QUALITY, 500, {pairs("accuracy"): 0.9})
    (measure,) = ask(store, get_quality)["measures"]
    assert measure["value"] == 0.9


def test_each_version_has_its_own_quality(store):
    """The one whose labels came last is shown, unless another is asked for."""
    Service(store, version="2").labels(10, {("yes", "no"): 7})
    Service(store, version="3").labels(20, {("yes", "yes"): 9})
    found = ask(store, get_quality)
    assert (found["version"], found["labels"]) == ("3", 9)
    assert found["versions"] == ["3", "2"]
    assert ask(store, get_quality, version="2")["measures"][0]["value"] == 0.0


def test_regression_has_errors(store):
    """MAE with its interval and RMSE, in the page, the head and the table of models."""
    rng = np.random.default_rng(0)
    errors = np.abs(rng.normal(0, 3, 200))
    service = Service(store, model="price")
    service.predict(1, **{semconv.ML_PREDICTION_VALUE_ATTRIBUTE: 3.5})
    for metric, value in (
        (names.ML_FEEDBACK_ERROR_VALUES, 200.0),
        (names.ML_FEEDBACK_ERROR_ABSOLUTE, float(errors.sum())),
        (names.ML_FEEDBACK_ERROR_SQUARED, float((errors**2).sum())),
    ):
        service.send(metric, 20, {(): value})
    found = ask(store, get_quality, name="price")
    assert (found["task"], found["status"], found["labels"]) == ("regression", "measured", 200)
    mae, rmse = found["measures"]
    half = 1.959964 * errors.std() / math.sqrt(200)
    assert mae["value"] == pytest.approx(errors.mean())
    assert mae["upper"] - mae["value"] == pytest.approx(half, rel=1e-6)
    assert rmse["value"] == pytest.approx(math.sqrt((errors**2).mean()))
    assert rmse["lower"] is None
    for totals in (
        ask(store, get_model, name="price")["totals"],
        ask(store, list_models, name="")["models"][0],
    ):
        assert totals["regression"]["mae"]["value"] == pytest.approx(errors.mean())
        assert totals["regression"]["labels"] == 200


def test_coverage_maturity_and_lag(store):
    """Shares by label and band, ages in order, quantiles of the histogram in ms."""
    service = Service(store)
    said, band = semconv.ML_LABEL_PREDICTED, names.ML_CONFIDENCE_BAND
    service.send(
        names.ML_LABEL_COVERAGE,
        10,
        {
            ((said, "yes"), (band, "0.8-0.9")): 0.4,
            ((said, "yes"), (band, "0.5-0.6")): 0.2,
            ((said, "no"), (band, "0.8-0.9")): 0.0,
        },
    )
    age = names.ML_LABEL_AGE
    service.send(names.ML_LABEL_MATURITY, 10, {((age, "1h"),): 0.7, ((age, "1m"),): 0.1})
    counts = [0] * (len(semconv.ML_FEEDBACK_DELAY.buckets) + 1)
    counts[1] = 10
    service.send(semconv.ML_FEEDBACK_DELAY, 10, {((semconv.ML_FEEDBACK_SOURCE, "crm"),): counts})
    found = ask(store, get_quality)
    assert found["coverage"]["bands"] == ["0.5-0.6", "0.8-0.9"]
    assert found["coverage"]["rows"] == [
        {"predicted": "no", "shares": [None, 0.0]},
        {"predicted": "yes", "shares": [0.2, 0.4]},
    ]
    assert found["coverage"]["flag"] == "Of predictions “yes” only: no “no” has a label."
    assert [(each["age"], each["share"]) for each in found["maturity"]] == [
        ("1m", 0.1),
        ("1h", 0.7),
    ]
    low, high = semconv.ML_FEEDBACK_DELAY.buckets[:2]
    assert low * 1000 < found["lag"]["p50"] < found["lag"]["p95"] <= high * 1000
    quick = Service(store, model="quick")
    counts = [10, *[0] * len(semconv.ML_FEEDBACK_DELAY.buckets)]
    quick.send(semconv.ML_FEEDBACK_DELAY, 10, {((semconv.ML_FEEDBACK_SOURCE, "crm"),): counts})
    quick.labels(10, {("yes", "yes"): 10})
    assert 0 < ask(store, get_quality, name="quick")["lag"]["p50"] <= low * 1000


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"a": {"": 0.5}, "b": {"": 0.4}}, None),
        ({"a": {"": 0.0}, "b": {"": 0.0}}, "No prediction has a label yet."),
        (
            {"a": {"": 0.5}, "b": {"": 0.04}},
            "Nearly only of predictions “a”: hardly any “b” has a label.",
        ),
        ({"a": {"": 0.1}, "b": {"": 0.04}}, None),
        (
            {"a": {"": 0.5}, "b": {"": 0.4}, "c": {"": 0.3}, "d": {"": 0.0}},
            "Not of predictions “d”: none of them has a label.",
        ),
        (
            {"a": {"0.5-0.6": 0.0, "0.9-1.0": 0.5}},
            "Not of all predictions: none has a label of “a” at confidence 0.5 to 0.6.",
        ),
    ],
)
def test_the_flag_says_of_which_predictions_it_is_not(cells, words):
    """A class or a band without labels is named; all covered is no flag."""
    assert flag(cells) == words


def test_what_it_was_at_training_stands_beside(store):
    """The reference of the measure that is drawn, and which measures are worse than it."""
    service = Service(store)
    service.labels(10, {("yes", "yes"): 40, ("no", "no"): 40})
    of = (names.ML_QUALITY_METRIC, "accuracy")
    baseline = (names.ML_QUALITY_BASELINE, names.BASELINE_REFERENCE)
    service.send(names.ML_QUALITY_REFERENCE, 10, {(of, baseline): 0.91})
    service.send(names.ML_QUALITY_DEGRADED, 10, {(of,): 0.0})
    found = ask(store, get_quality)
    assert found["line"]["reference"] == {"value": 0.91, "of_training": True}
    assert found["degraded"] == []
    assert ask(store, get_quality, metric="recall")["line"]["reference"] is None
    service.send(names.ML_QUALITY_DEGRADED, 20, {(of,): 1.0})
    assert ask(store, get_quality)["degraded"] == ["accuracy"]


def test_why_to_retrain(store):
    """Reasons that hold come first, with since when."""
    service, why = Service(store), names.ML_RETRAINING_REASON
    for at, drift in ((10, 0.0), (20, 1.0), (30, 1.0)):
        service.send(
            names.ML_RETRAINING_RECOMMENDED,
            at,
            {((why, "drift"),): drift, ((why, "age"),): 0.0},
        )
    service.predict(1, "yes")
    found = ask(store, get_quality)["retraining"]
    assert found["recommended"] is True
    assert [(each["reason"], each["holds"]) for each in found["reasons"]] == [
        ("drift", True),
        ("age", False),
    ]
    assert found["reasons"][0]["since"] % 1e6 == (ask(store, get_quality)["from"] + 20_000) % 1e6
