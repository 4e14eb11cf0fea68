"""Auto mode, driven as an instrumentor drives it."""

from __future__ import annotations

import numpy as np
import pytest

import otelml
from otelml import _guard
from otelml._requests import begin_call, begin_request, current_call, end_call, end_request

STAGES = ["feature_extraction", "inference", "post_processing"]


class Model:
    pass


def _call(model, data, result=None, *, method="predict", final=True, error=None):
    call = begin_call(model, method, data, "test")
    if call is not None and final:
        call.final_started()
        call.final_ended()
    end_call(call, result, error)
    return call


def _check(captured, prediction):
    captured.assert_stages_fill(prediction)
    stages = captured.children(prediction)
    assert [s.name for s in stages] == STAGES
    assert all(s.attributes["ml.stage.inferred"] for s in stages)
    for one, other in zip(stages, stages[1:], strict=False):
        assert one.end_time == other.start_time
    assert stages[0].start_time == prediction.start_time
    assert stages[-1].end_time == prediction.end_time


def test_one_request_one_prediction(capture_telemetry):
    """Predict and predict_proba on the same rows are one, with three stages that add up."""
    model, data = Model(), np.ones((1, 3))
    scope = begin_request()
    _call(model, data, np.array(["yes"]))
    _call(model, data.copy(), np.array([[0.2, 0.8]]), method="predict_proba")
    assert otelml.current_prediction() is not None
    end_request(scope)
    span = capture_telemetry.assert_prediction("Model", label="yes")
    assert span.attributes["ml.prediction.confidence"] == 0.8
    assert span.attributes["ml.prediction.inferred_stages"]
    assert scope.prediction_id == span.attributes["ml.prediction.id"]
    _check(capture_telemetry, span)
    assert otelml.current_prediction() is None
    assert not _guard.errors


def test_other_rows_are_other_predictions(capture_telemetry):
    """A loop over rows makes one prediction a row; together they fill the request."""
    model = Model()
    scope = begin_request()
    for i in range(3):
        _call(model, np.full((1, 3), i), np.array([i]))
    end_request(scope)
    spans = capture_telemetry.predictions()
    assert len(spans) == 3
    for span in spans:
        _check(capture_telemetry, span)
    for one, other in zip(spans, spans[1:], strict=False):
        assert one.end_time == other.start_time


def test_nested_calls_are_not_predictions(capture_telemetry):
    """What a model calls itself is part of it."""
    outer = begin_call(Model(), "predict", [[1]], "test")
    assert current_call() is outer
    assert begin_call(Model(), "predict", [[1]], "test") is None
    end_call(outer, np.array([1]))
    assert current_call() is None
    capture_telemetry.assert_prediction("Model", stages=["inference"])


def test_outside_a_request(capture_telemetry):
    """A call alone is a prediction; a pipeline's has feature extraction before."""
    model = Model()
    call = begin_call(model, "predict", [[1], [2]], "test")
    call.final_started()
    call.final_ended()
    end_call(call, np.array([1.5, 2.5]))
    span = capture_telemetry.assert_prediction("Model")
    assert span.attributes["ml.prediction.rows"] == 2
    assert [s.name for s in capture_telemetry.children(span)][:2] == STAGES[:2]


def test_explicit_prediction_takes_what_the_model_says(capture_telemetry):
    """Inside an explicit prediction a call adds stages and result where none were given."""
    with otelml.prediction("loan"):
        _call(Model(), np.ones((1, 2)), np.array(["no"]))
    span = capture_telemetry.assert_prediction("loan", label="no", stages=STAGES)
    assert span.attributes["ml.model.framework"] == "test"


def test_explicit_stages_and_results_win(capture_telemetry):
    """What the application says is not overwritten."""
    with otelml.prediction("loan") as p:
        with p.stage("inference"):
            _call(Model(), np.ones((1, 2)), np.array(["no"]))
        p.set_result(label="mine")
    capture_telemetry.assert_prediction("loan", label="mine", stages=["inference"])


def test_explicit_prediction_in_a_request_gives_the_header(capture_telemetry):
    """The id of the response is the explicit prediction's."""
    scope = begin_request()
    with otelml.prediction("loan") as p:
        p.set_result(label="a")
    end_request(scope)
    assert scope.prediction_id == p.id
    capture_telemetry.assert_prediction("loan")


def test_failing_model(capture_telemetry):
    """An error in the model is the prediction's, in its inference stage."""
    scope = begin_request()
    error = ValueError("bad")
    _call(Model(), [[1]], error=error)
    end_request(scope, error)
    span = capture_telemetry.assert_prediction("Model", error="ValueError", stages=STAGES)
    failed = [s.name for s in capture_telemetry.children(span) if "error.type" in s.attributes]
    assert failed == ["inference"]


def test_error_in_the_view_after_the_model(capture_telemetry):
    """An error after the model is the prediction's, in post-processing."""
    scope = begin_request()
    _call(Model(), [[1]], np.array([1]))
    end_request(scope, KeyError("x"))
    span = capture_telemetry.assert_prediction("Model", error="KeyError", stages=STAGES)
    failed = [s.name for s in capture_telemetry.children(span) if "error.type" in s.attributes]
    assert failed == ["post_processing"]


def test_request_without_a_model(capture_telemetry):
    """No model call, no prediction."""
    scope = begin_request()
    end_request(scope)
    assert scope.prediction_id is None
    assert capture_telemetry.spans() == []


def test_registered_names(capture_telemetry):
    """register_model names a model, wherever it is called."""
    model = Model()
    otelml.register_model(model, name="churn", version="7", task="regression")
    _call(model, [[1]], np.array([3.0]), final=False)
    span = capture_telemetry.assert_prediction("churn")
    assert span.attributes["ml.model.version"] == "7"
    assert span.attributes["ml.prediction.value"] == 3.0


@pytest.mark.parametrize("data", [["text", "more"], "text", object(), None, [], np.array(3)])
def test_strange_inputs(capture_telemetry, data):
    """Whatever a model is called with, the call is recorded and nothing raises."""
    _call(Model(), data, object())
    capture_telemetry.assert_prediction("Model")
    assert not _guard.errors


def test_inputs_are_not_kept(capture_telemetry):
    """The rows of a request are let go with it."""
    import gc
    import weakref

    data = np.ones((2, 2))
    gone = weakref.ref(data)
    scope = begin_request()
    _call(Model(), data, np.array([1, 2]))
    end_request(scope)
    capture_telemetry.flush()
    del data, scope
    gc.collect()
    assert gone() is None


def test_without_init():
    """Nothing is done before init."""
    assert begin_request() is None
    assert begin_call(Model(), "predict", [[1]], "test") is None
    end_call(None)
    end_request(None)
