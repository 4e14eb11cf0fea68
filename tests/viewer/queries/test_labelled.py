"""Predictions and traces by their label, and the labels of a trace."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from otelml import semconv
from otelml.viewer.queries import (
    BadParameterError,
    NotFoundError,
    get_trace_labels,
    list_predictions,
    list_traces,
)
from otelml.viewer.store import Store

sys.path.insert(0, str(Path(__file__).parent))
from _labelled import Service, ask


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "l.db")
    yield opened
    opened.close()


@pytest.fixture
def filled(store):
    """Predictions that are right, wrong, unlabelled, failed, and a number."""
    service = Service(store)
    found = {
        "right": service.predict(1, "yes"),
        "wrong": service.predict(2, "yes"),
        "open": service.predict(3, "no"),
        "failed": service.predict(4, error=True),
        "number": service.predict(5, **{semconv.ML_PREDICTION_VALUE_ATTRIBUTE: 3.5}),
    }
    service.label(10, found["right"], "yes", "yes")
    service.label(11, found["wrong"], "no", "yes")
    service.label(12, found["number"], "3.9", "3.5")
    return service, found


def ids(found, kind):
    return [each["trace_id"] for each in found[kind]]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("wrong", ["wrong"]), ("unlabelled", ["open"]), ("failed", ["failed"])],
)
def test_predictions_by_label(store, filled, chosen, expected):
    """A number is never wrong, and a failed prediction waits for no label."""
    found = ask(store, list_predictions, filter=chosen)
    assert ids(found, "predictions") == [filled[1][name][0] for name in expected]
    assert found["total"] == len(expected)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("wrong", ["wrong"]), ("unlabelled", ["open"]), ("labelled", ["number", "wrong", "right"])],
)
def test_traces_by_label(store, filled, chosen, expected):
    """The list of traces and its total follow the same rule."""
    found = ask(store, list_traces, labelled=chosen)
    assert ids(found, "traces") == [filled[1][name][0] for name in expected]
    assert found["total"] == len(expected)


def test_an_unknown_choice_is_refused(store):
    """The message names what there is."""
    with pytest.raises(BadParameterError, match="wrong, labelled, unlabelled"):
        ask(store, list_traces, labelled="maybe")


def test_predictions_while_drift_was_detected(store):
    """From the check before the first that found it to the one that cleared it."""
    service = Service(store)
    flag = ((semconv.ML_FEATURE_NAME, semconv.FEATURE_ANY),)
    for at, value in ((10, 0.0), (20, 0.0), (30, 1.0), (40, 1.0), (50, 0.0), (60, 0.0)):
        service.send(semconv.ML_DRIFT_DETECTED, at, {flag: value})
    made = {at: service.predict(at, "yes")[0] for at in (15, 25, 35, 45, 55)}
    found = ask(store, list_predictions, filter="drifted")
    assert ids(found, "predictions") == [made[45], made[35], made[25]]
    assert ask(store, list_predictions, filter="drifted", version="9")["predictions"] == []


def test_no_drift_is_no_prediction(store):
    """A filter that nothing meets finds nothing, not everything."""
    Service(store).predict(1, "yes")
    assert ask(store, list_predictions, filter="drifted")["predictions"] == []


def test_labels_of_a_trace(store, filled):
    """What was said, by whom, how late; a correction stands before what it corrects."""
    service, found = filled
    wrong = found["wrong"]
    (label,) = ask(store, get_trace_labels, trace_id=wrong[0])["predictions"]
    assert (label["actual"], label["predicted"], label["right"]) == ("no", "yes", False)
    (told,) = label["told"]
    assert (told["source"], told["delay"], told["actual"]) == ("crm", 2500.0, "no")
    service.label(20, wrong, "yes", "yes", source="audit")
    (label,) = ask(store, get_trace_labels, trace_id=wrong[0])["predictions"]
    assert (label["actual"], label["right"]) == ("yes", True)
    assert [each["actual"] for each in label["told"]] == ["yes", "no"]


def test_a_label_comes_later(store, filled):
    """Before it there is none; a number is neither right nor wrong; a failure has none."""
    service, found = filled

    def of(name):
        return ask(store, get_trace_labels, trace_id=found[name][0])["predictions"]

    assert of("open")[0]["actual"] is None
    service.label(30, found["open"], "no", "no")
    assert of("open")[0]["right"] is True
    assert (of("number")[0]["actual"], of("number")[0]["right"]) == ("3.9", None)
    assert of("failed") == []
    with pytest.raises(NotFoundError):
        ask(store, get_trace_labels, trace_id="f" * 32)
