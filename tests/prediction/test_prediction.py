"""Predictions as users write them."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from opentelemetry import trace

import otelml
from otelml import _guard

STAGES = ["feature_extraction", "inference", "post_processing"]


def _predict(**arguments):
    with otelml.prediction("loan", version="3", **arguments) as p:
        for name in STAGES:
            with p.stage(name):
                pass
        p.set_result(label="approved", confidence=0.9)
    return p


def test_one_prediction(internal, capture_telemetry):
    """One span with its stages, and each metric once."""
    p = _predict(features={"a": 1.0, "b": "x"})
    span = capture_telemetry.assert_prediction("loan", stages=STAGES, label="approved")
    assert span.attributes["ml.prediction.id"] == p.id
    assert span.attributes["ml.feature.count"] == 2
    metric = capture_telemetry.metric
    assert metric("ml.predictions").where(ml__prediction__label="approved").sum() == 1
    assert metric("ml.prediction.duration").count() == 1
    assert metric("ml.stage.duration").count() == 3
    assert metric("ml.prediction.rows").sum() == 1
    assert metric("ml.prediction.confidence").sum() == 0.9
    assert metric("ml.prediction.active").sum() == 0
    assert metric("ml.feature.last").where(ml__feature__name="a").sum() == 1.0
    assert not _guard.errors


def test_exemplars_lead_to_the_span(capture_telemetry):
    """The exemplar of each duration is in its own span."""
    for _ in range(30):  # the first measurements of a stream go another way than the later ones
        _predict()
    spans = {s.context.span_id: s for s in capture_telemetry.spans()}
    for name, wanted in (
        ("ml.prediction.duration", {"predict loan"}),
        ("ml.stage.duration", set(STAGES)),
    ):
        points = capture_telemetry.metric(name)
        assert points.exemplars()
        assert {spans[e.span_id].name for e in points.exemplars()} == wanted
        for exemplar in points.exemplars():
            span = spans[exemplar.span_id]
            assert exemplar.trace_id == span.context.trace_id
            assert exemplar.value == pytest.approx((span.end_time - span.start_time) / 1e9)


def test_measurements_after_the_first_are_the_same(capture_telemetry):
    """A thousand predictions are counted a thousand times, by whatever way."""
    for _ in range(1000):
        _predict()
    assert capture_telemetry.metric("ml.prediction.duration").count() == 1000
    assert capture_telemetry.metric("ml.stage.duration").count() == 3000
    assert capture_telemetry.metric("ml.predictions").sum() == 1000
    assert capture_telemetry.metric("ml.prediction.confidence").sum() == pytest.approx(900)


def test_failure(capture_telemetry):
    """An error marks span and metrics, is logged with the span's ids, and goes on untouched."""
    error = ValueError("no such model")
    with pytest.raises(ValueError, match="no such model") as caught, otelml.prediction("loan") as p:
        with p.stage("feature_extraction"):
            pass
        with p.stage("inference"):
            raise error
    assert caught.value is error
    span = capture_telemetry.assert_prediction("loan", error="ValueError")
    assert not span.status.is_ok
    assert span.status.description == "ValueError: no such model"
    failed = capture_telemetry.metric("ml.predictions").where(error__type="ValueError")
    assert failed.sum() == 1
    stage = capture_telemetry.metric("ml.stage.duration").where(error__type="ValueError")
    assert [p.attributes["ml.stage.name"] for p in stage.points] == ["inference"]
    (record,) = capture_telemetry.logs("exception")
    assert record.span_id == span.context.span_id
    assert "test_prediction.py" in record.attributes["exception.stacktrace"]
    assert record.attributes["exception.message"] == "no such model"


def test_batch(capture_telemetry):
    """A batch is one span and as many predictions as rows."""
    with otelml.prediction("loan", features=np.zeros((4, 2))) as p:
        p.set_result(label=["a", "b", "a", "a"], confidence=[0.9, 0.1, 0.8, 0.7])
    assert len(set(p.ids)) == 4
    span = capture_telemetry.assert_prediction("loan")
    assert span.attributes["ml.prediction.rows"] == 4
    assert span.attributes["ml.prediction.confidence"] == 0.1
    points = capture_telemetry.metric("ml.predictions")
    assert {p.attributes["ml.prediction.label"]: p.value for p in points.points} == {"a": 3, "b": 1}
    assert capture_telemetry.metric("ml.prediction.low_confidence").sum() == 1
    assert capture_telemetry.metric("ml.prediction.confidence").count() == 4


def test_large_batch_is_counted_exactly(capture_telemetry):
    """Ten thousand rows at once give the same buckets, sums and extremes as one by one."""
    rng = np.random.default_rng(1)
    confidences = rng.uniform(size=10_000)
    labels = rng.choice(["a", "b", "c"], size=10_000)
    for _ in range(2):
        with otelml.prediction("loan", features=np.zeros((10_000, 2))) as p:
            p.set_result(label=labels, confidence=confidences)
    for point in capture_telemetry.metric("ml.prediction.confidence").points:
        mine = confidences[labels == point.attributes["ml.prediction.label"]]
        bounds = np.array(point.explicit_bounds)
        expected = np.bincount(np.searchsorted(bounds, mine), minlength=len(bounds) + 1) * 2
        assert list(point.bucket_counts) == expected.tolist()
        assert point.sum == pytest.approx(2 * mine.sum())
        assert (point.min, point.max) == (mine.min(), mine.max())
    assert capture_telemetry.metric("ml.predictions").sum() == 20_000
    expected_low = 2 * int((confidences < 0.6).sum())
    assert capture_telemetry.metric("ml.prediction.low_confidence").sum() == expected_low


def test_regression(capture_telemetry):
    """A value is recorded as such."""
    with otelml.prediction("price") as p:
        p.set_result(value=np.float32(12.5))
    assert capture_telemetry.assert_prediction("price").attributes["ml.prediction.value"] == 12.5
    assert capture_telemetry.metric("ml.prediction.value").sum() == 12.5


def test_bad_results_are_named_and_the_service_goes_on(capture_telemetry):
    """A wrong length and a confidence that is no number are left out, with a log record."""
    with otelml.prediction("loan", features=[[1], [2]]) as p:
        p.set_result(label=["only one"], confidence=float("nan"))
    capture_telemetry.assert_prediction("loan")
    text = " ".join(str(r.body) for r in capture_telemetry.logs())
    assert "label has 1 entries for 2 rows" in text
    assert "confidence is not finite in 2 of 2 rows" in text
    assert capture_telemetry.metric("ml.predictions").sum() == 2


def test_wrong_width_is_counted(capture_telemetry):
    """A frame of another width is a schema mismatch, said once and counted each time."""
    for width in (3, 3, 2, 2):
        with otelml.prediction("loan", features=np.zeros((1, width))):
            pass
    points = capture_telemetry.metric("ml.feature.schema_mismatch")
    assert [
        (p.attributes["ml.feature.schema_mismatch.reason"], p.value) for p in points.points
    ] == [("width", 2)]
    said = [r for r in capture_telemetry.logs() if "do not match" in str(r.body)]
    assert len(said) == 1


def test_result_after_the_end(capture_telemetry, caplog):
    """A result that comes too late is refused with words."""
    p = _predict()
    p.set_result(label="late")
    assert "after the prediction had ended" in caplog.text
    capture_telemetry.assert_prediction("loan", label="approved")


def test_current_prediction(capture_telemetry):
    """The nearest one, and None outside."""
    assert otelml.current_prediction() is None
    with otelml.prediction("outer") as outer:
        with otelml.prediction("inner") as inner:
            assert otelml.current_prediction() is inner
        assert otelml.current_prediction() is outer
    assert otelml.current_prediction() is None
    outer_span = capture_telemetry.assert_prediction("outer")
    assert capture_telemetry.children(outer_span)[0].name == "predict inner"


def test_stage_outside_a_prediction(capture_telemetry, caplog):
    """It says so once and does nothing."""
    for _ in range(3):
        with otelml.stage("lonely-test-stage"):
            pass
    assert caplog.text.count("lonely-test-stage") == 1
    assert capture_telemetry.spans() == []


def test_stage_that_ends_after_its_prediction(capture_telemetry, caplog):
    """Its span is kept; its time is not counted."""
    with otelml.prediction("loan") as p:
        late = p.stage("late").__enter__()
    late.__exit__(None, None, None)
    assert "ended after its prediction" in caplog.text
    assert len(capture_telemetry.spans("late")) == 1
    assert capture_telemetry.metric("ml.stage.duration").points == ()


def test_async(capture_telemetry):
    """Concurrent tasks keep their predictions apart."""

    async def one(i):
        async with otelml.prediction(f"m{i}") as p:
            async with p.stage("inference"):
                await asyncio.sleep(0.001 * (5 - i))
                assert otelml.current_prediction() is p
            async with otelml.stage("post_processing"):
                await asyncio.sleep(0)

    async def all_of_them():
        await asyncio.gather(*(one(i) for i in range(5)))

    asyncio.run(all_of_them())
    for i in range(5):
        capture_telemetry.assert_prediction(f"m{i}", stages=["inference", "post_processing"])


def test_threads(capture_telemetry):
    """Eight threads, each prediction in a trace of its own, none lost."""

    def work():
        for _ in range(50):
            _predict()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = capture_telemetry.spans()
    assert len(spans) == 8 * 50 * 4
    assert len({s.context.trace_id for s in spans}) == 400
    assert capture_telemetry.metric("ml.prediction.active").sum() == 0


def test_decorators(capture_telemetry):
    """Functions, coroutines and generators of both kinds."""

    @otelml.stage("inference")
    def inference():
        return trace.get_current_span()

    @otelml.predict(model="plain")
    def plain():
        inference()
        return 1

    @otelml.predict(model="coroutine")
    async def coroutine():
        await asyncio.sleep(0)
        inference()
        return 2

    @otelml.predict(model="generator")
    def generator():
        inference()
        got = yield 3
        return got

    @otelml.predict(model="async generator")
    async def async_generator():
        inference()
        yield 4
        await asyncio.sleep(0)
        yield 5

    def drive():
        steps = generator()
        first = next(steps)
        assert otelml.current_prediction() is None  # between the steps
        with pytest.raises(StopIteration) as end:
            steps.send("sent")
        return first, end.value.value

    async def collect():
        return [x async for x in async_generator()]

    assert plain() == 1
    assert asyncio.run(coroutine()) == 2
    assert drive() == (3, "sent")
    assert asyncio.run(collect()) == [4, 5]
    for model in ("plain", "coroutine", "generator", "async generator"):
        capture_telemetry.assert_prediction(model, stages=["inference"])
    assert plain.__name__ == "plain"


def test_generator_that_is_left(capture_telemetry):
    """Closing early ends the prediction without an error; a thrown error reaches the code."""

    @otelml.predict(model="left")
    def left():
        yield 1
        yield 2

    @otelml.predict(model="thrown")
    def thrown():
        try:
            yield 1
        except KeyError:
            yield "caught"

    steps = left()
    next(steps)
    steps.close()
    capture_telemetry.assert_prediction("left", error=None)
    steps = thrown()
    next(steps)
    assert steps.throw(KeyError("x")) == "caught"
    assert list(steps) == []
    capture_telemetry.assert_prediction("thrown", error=None)


def test_hostile_exception(capture_telemetry):
    """An error whose text cannot be had does no harm."""

    class HostileError(Exception):
        def __str__(self):
            raise RuntimeError

    with pytest.raises(HostileError), otelml.prediction("loan"):
        raise HostileError
    (span,) = capture_telemetry.predictions("loan")
    assert span.status.description == "HostileError"


def test_queue_full_drops_and_counts():
    """Past the queue's limit predictions are dropped and counted; nothing waits or raises."""
    from otelml._prediction.recorder import Recorder

    recorder = Recorder(10)
    assert [recorder.submit(i) for i in range(15)] == [True] * 10 + [False] * 5
    assert recorder.dropped == 5
    assert recorder.drop_rest() == 10
    assert recorder.dropped == 15
