"""Labels for earlier predictions."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from flask import Flask
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import otelml
from otelml.config import Config, FeedbackOptions, LogOptions
from otelml.exceptions import FeedbackError
from otelml.testing import capture


def _predict(label="approved", **arguments):
    with otelml.prediction("loan", version="3", **arguments) as p:
        p.set_result(label=label, confidence=0.9)
    return p


def _in_request(work):
    """Do some work in the view of a Flask application."""
    app = Flask("labels")
    app.post("/feedback")(work)
    return app.test_client().post("/feedback")


def test_a_label_finds_its_trace(capture_telemetry):
    """The span of a label is linked to the prediction's, and the counters say what it was."""
    p = _predict()
    result = otelml.feedback(p.id, "rejected", source="officer", reviewer="kim")
    assert (result.outcome, result.predicted, result.actual) == ("wrong", "approved", "rejected")
    predicted = capture_telemetry.assert_prediction("loan")
    (span,) = capture_telemetry.spans("feedback loan")
    (link,) = span.links
    assert link.context.span_id == predicted.context.span_id
    assert link.context.trace_id == predicted.context.trace_id
    assert span.context.trace_id != predicted.context.trace_id
    attributes = dict(span.attributes)
    assert 0 <= attributes.pop("ml.feedback.delay") < 5
    assert attributes == {
        "ml.model.name": "loan",
        "ml.model.version": "3",
        "ml.feedback.source": "officer",
        "ml.feedback.reviewer": "kim",
        "ml.label.actual": "rejected",
        "ml.label.predicted": "approved",
        "ml.feedback.outcome": "wrong",
    }
    (point,) = capture_telemetry.metric("ml.feedback").points
    assert point.value == 1
    assert dict(point.attributes) == {
        "ml.model.name": "loan",
        "ml.model.version": "3",
        "ml.label.actual": "rejected",
        "ml.label.predicted": "approved",
        "ml.feedback.source": "officer",
    }
    assert capture_telemetry.metric("ml.feedback.delay").count() == 1


def test_duplicates_and_conflicts(capture_telemetry):
    """The same label again counts once; another one from the same source is a conflict."""
    p = _predict()
    outcomes = [
        otelml.feedback(p.id, label, source=source).outcome
        for label, source in (
            ("approved", "api"),
            ("approved", "api"),
            ("rejected", "api"),
            ("approved", "officer"),
        )
    ]
    assert outcomes == ["correct", "duplicate", "conflict", "correct"]
    rejected = capture_telemetry.metric("ml.feedback.rejected").points
    assert {r.attributes["ml.feedback.reason"]: r.value for r in rejected} == {
        "duplicate": 1,
        "conflict": 1,
    }
    (record,) = capture_telemetry.logs("ml.feedback.conflict")
    assert "approved, now rejected" in record.body


@pytest.mark.parametrize("ordinary", ["", "true"])
def test_a_label_is_part_of_what_brought_it(monkeypatch, ordinary):
    """Its span is a child of the current one and within its times, however late it is made."""
    monkeypatch.setenv("OTELML_ORDINARY_SPANS", ordinary)
    with capture() as captured:
        p = _predict()

        def view():
            for label in ("approved", "rejected"):
                otelml.feedback(p.id, label)
                time.sleep(0.01)
            return "ok"

        assert _in_request(view).status_code == 200
        time.sleep(0.01)
        predicted = captured.assert_prediction("loan")
        (server,) = captured.spans("POST /feedback")
        spans = captured.spans("feedback loan")
    assert len(spans) == 2
    for span in spans:
        assert span.parent.span_id == server.context.span_id
        assert span.context.trace_id == server.context.trace_id != predicted.context.trace_id
        assert server.start_time <= span.start_time < span.end_time <= server.end_time
        assert span.end_time - span.start_time < 10_000_000
        (link,) = span.links
        assert link.context.span_id == predicted.context.span_id
    first, second = sorted(spans, key=lambda span: span.start_time)
    assert second.start_time - first.end_time >= 10_000_000


def test_a_label_outside_a_request_is_a_trace_of_its_own(capture_telemetry):
    """Without a current span it is a root; its times are still those of the call."""
    p = _predict()
    before = time.time_ns()
    otelml.feedback(p.id, "approved")
    after = time.time_ns()
    time.sleep(0.01)
    (span,) = capture_telemetry.spans("feedback loan")
    assert span.parent is None
    assert before <= span.start_time < span.end_time <= after
    assert len(span.links) == 1


@pytest.mark.parametrize("sampled", [True, False])
def test_a_label_is_sampled_as_its_request(capture_telemetry, sampled):
    """In a request that is not sampled a label has no span; it counts once, and a conflict is told."""
    p = _predict()
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    with trace.use_span(NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=flags))):
        otelml.feedback(p.id, "approved")
        otelml.feedback(p.id, "rejected")
    spans = capture_telemetry.spans("feedback loan")
    assert [span.parent.span_id for span in spans] == [2, 2] * sampled
    assert capture_telemetry.metric("ml.feedback").sum() == 1
    assert len(capture_telemetry.logs("ml.feedback.conflict")) == 1


def test_a_label_inside_a_prediction(capture_telemetry):
    """The current span may be one of ours, which the worker completes later."""
    p = _predict()
    with otelml.prediction("review"):
        otelml.feedback(p.id, "approved")
    (outer,) = capture_telemetry.predictions("review")
    (span,) = capture_telemetry.spans("feedback loan")
    assert span.parent.span_id == outer.context.span_id
    assert outer.start_time <= span.start_time < span.end_time <= outer.end_time


def test_rows_of_a_batch(capture_telemetry):
    """Each row of a batch has an id of its own."""
    with otelml.prediction("loan", features=np.zeros((3, 1))) as p:
        p.set_result(label=["a", "b", "c"])
    found = [otelml.feedback(i, "b").outcome for i in p.ids]
    assert found == ["wrong", "correct", "wrong"]
    assert capture_telemetry.metric("ml.feedback").sum() == 3


def test_regression(capture_telemetry):
    """The label of a regression is a number."""
    with otelml.prediction("price") as p:
        p.set_result(value=10.0)
    assert otelml.feedback(p.id, 12.5).outcome == "recorded"
    with pytest.raises(FeedbackError, match="finite number"):
        otelml.feedback(p.id, "much")
    assert capture_telemetry.metric("ml.feedback").sum() == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"actual": None}, "label"),
        ({"actual": ["a"]}, "label"),
        ({"actual": ""}, "label"),
        ({"actual": "x" * 500}, "label"),
        ({"actual": "a", "source": 5}, "source"),
        ({"actual": "a", "timestamp": "yesterday"}, "timestamp"),
        ({"actual": "a", "timestamp": float("nan")}, "timestamp"),
    ],
)
def test_what_is_no_label(capture_telemetry, arguments, reason):
    """A bad label is refused with a reason, which is counted."""
    p = _predict()
    with pytest.raises(FeedbackError) as caught:
        otelml.feedback(p.id, **arguments)
    assert caught.value.reason == reason
    (point,) = capture_telemetry.metric("ml.feedback.rejected").points
    assert dict(point.attributes) == {"ml.feedback.reason": reason}


def test_forged_id(capture_telemetry):
    """A forged id is refused and counted, and nothing else happens."""
    with pytest.raises(FeedbackError, match="not a prediction id"):
        otelml.feedback("forged", "a")
    assert capture_telemetry.metric("ml.feedback.rejected").sum() == 1
    assert capture_telemetry.metric("ml.feedback").points == ()


def test_time_of_a_label(capture_telemetry):
    """A label may say when it became known."""
    p = _predict()
    later = datetime.now(timezone.utc) + timedelta(hours=2)
    assert otelml.feedback(p.id, "a", timestamp=later).delay_s == pytest.approx(7200, abs=5)
    assert otelml.feedback(p.id, "b", timestamp=time.time() + 60).delay_s == pytest.approx(
        60, abs=5
    )
    assert otelml.feedback(p.id, "c", timestamp=0).delay_s == 0


def test_ids_can_be_turned_off():
    """Without feedback there is no id."""
    config = Config(logs=LogOptions(enabled=False), feedback=FeedbackOptions(enabled=False))
    with capture(config) as captured:
        assert _predict().id == ""
        assert "ml.prediction.id" not in captured.assert_prediction("loan").attributes
