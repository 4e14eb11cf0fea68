"""What applications do to telemetry that nobody planned for."""

from __future__ import annotations

import contextlib
import contextvars
import math
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref

import numpy as np
import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource

import otelml
from otelml._features.snapshots import Table, snapshot, table
from otelml._features.window import CurrentWindow
from otelml._prediction.recorder import Recorder
from otelml._requests import begin_call, begin_request, end_call, end_request
from otelml._worker.thread import Worker
from otelml.config import Config, FeedbackOptions, LogOptions, PrivacyOptions, TraceOptions
from otelml.exceptions import ConfigurationError, FeedbackError
from otelml.testing import capture


def _active(captured):
    return captured.metric("ml.prediction.active").sum()


def test_async_generators_keep_what_they_do(capture_telemetry):
    """Thrown errors and sent values reach a decorated async generator."""
    seen = []

    @contextlib.asynccontextmanager
    @otelml.predict(model="m")
    async def transaction():
        try:
            yield 1
        except ValueError:
            seen.append("rolled back")

    @otelml.predict(model="echo")
    async def echo():
        got = yield "first"
        yield got

    async def main():
        async with transaction():
            raise ValueError
        steps = echo()
        assert await steps.__anext__() == "first"
        assert await steps.asend("sent") == "sent"
        await steps.aclose()

    import asyncio

    asyncio.run(main())
    assert seen == ["rolled back"]
    assert _active(capture_telemetry) == 0
    assert len(capture_telemetry.predictions()) == 2


def test_generator_whose_close_raises_ends_its_prediction(capture_telemetry):
    """The error goes on, the prediction ends with it."""

    @otelml.predict(model="m")
    def steps():
        try:
            yield 1
        finally:
            raise KeyError("closing")

    running = steps()
    next(running)
    with pytest.raises(KeyError):
        running.close()
    capture_telemetry.assert_prediction("m", error="KeyError")
    assert _active(capture_telemetry) == 0


def test_prediction_in_a_signal_handler_does_not_hang():
    """A handler that predicts while its own thread predicts comes back."""
    code = """
import faulthandler, signal, otelml
from otelml.testing import capture
faulthandler.dump_traceback_later(20, exit=True)
with capture():
    def handler(*_):
        with otelml.prediction("inner"): pass
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
    for _ in range(5000):
        with otelml.prediction("outer"): pass
    signal.setitimer(signal.ITIMER_REAL, 0)
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip().endswith("done"), done.stderr


def test_a_prediction_entered_twice(capture_telemetry, caplog):
    """The second time says so, and nothing stays current."""
    p = otelml.prediction("m")
    for _ in range(2):
        with p:
            pass
    assert "entered twice" in caplog.text
    assert otelml.current_prediction() is None
    assert _active(capture_telemetry) == 0


def test_blocks_left_out_of_order_leak_nothing(capture_telemetry):
    """Whatever the order of the exits, nothing ended stays current."""
    p, q = otelml.prediction("p"), otelml.prediction("q")
    p.__enter__()
    q.__enter__()
    p.__exit__(None, None, None)
    q.__exit__(None, None, None)
    assert otelml.current_prediction() is None
    assert not trace.get_current_span().get_span_context().is_valid
    assert len(capture_telemetry.predictions()) == 2


def test_spans_around_inferred_predictions_stay_parents(capture_telemetry):
    """A model call inside the application's own span does not bring an ended span back."""
    tracer = capture_telemetry._pipeline.runtime.spans._fast.tracer
    scope = begin_request()
    for name in ("score_a", "score_b"):
        with tracer.start_as_current_span(name):
            call = begin_call(object(), "predict", [[name]], "t")
            end_call(call, np.array([1]))
    end_request(scope)
    assert not trace.get_current_span().get_span_context().is_valid
    spans = {s.name: s for s in capture_telemetry.spans()}
    predictions = capture_telemetry.predictions()
    parents = [p.parent.span_id for p in predictions]
    assert parents == [spans[n].context.span_id for n in ("score_a", "score_b")]


@pytest.mark.parametrize("traces", [TraceOptions(enabled=False), TraceOptions()])
def test_labels_find_their_prediction_without_traces(traces):
    """Ids differ also where nothing is traced."""
    from types import SimpleNamespace

    from opentelemetry.sdk.metrics import MeterProvider

    from otelml._startup.pipeline import Pipeline

    providers = SimpleNamespace(
        resource=Resource({}),
        tracer_provider=trace.NoOpTracerProvider(),
        meter_provider=MeterProvider(shutdown_on_exit=False),
        observe=lambda *_: None,
    )
    pipeline = Pipeline(Config(traces=traces, logs=LogOptions(enabled=False)), providers)
    pipeline.start()
    try:
        for label in "abc":
            with otelml.prediction("m") as p:
                p.set_result(label=label)
            assert otelml.feedback(p.id, label).outcome == "correct"
    finally:
        pipeline.stop(time.monotonic() + 5)


def test_a_vector_of_probabilities_is_one_row(capture_telemetry):
    """One row of probabilities counts once."""
    with otelml.prediction("m") as p:
        p.set_result(label="a", probabilities=[0.2, 0.8])
    assert capture_telemetry.metric("ml.predictions").sum() == 1
    span = capture_telemetry.assert_prediction("m")
    assert span.attributes["ml.prediction.confidence"] == 0.8


def test_ids_of_a_batch_stay_as_many(capture_telemetry):
    """One id a row, before and after the worker has seen the prediction."""
    with otelml.prediction("m", features=np.zeros((3, 1))) as p:
        p.set_result(label="same")
    capture_telemetry.flush()
    assert len(p.ids) == 3


def test_a_task_that_outlives_its_request(capture_telemetry):
    """A model called after the end of the request is a prediction of its own, and it ends."""
    scope = begin_request()
    context = contextvars.copy_context()
    end_request(scope)
    context.run(lambda: end_call(begin_call(object(), "predict", [[1]], "t"), None))
    assert len(capture_telemetry.predictions()) == 1
    assert _active(capture_telemetry) == 0


def test_two_threads_of_one_request(capture_telemetry):
    """Models called at once in one request keep their own times."""
    scope = begin_request()
    inside, go_on = threading.Event(), threading.Event()
    slow, fast = object(), object()

    def first():
        call = begin_call(slow, "predict", [[1]], "t")
        inside.set()
        go_on.wait(5)
        end_call(call, np.array(["x"]))

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(first,))
    thread.start()
    inside.wait(5)
    end_call(begin_call(fast, "predict", [[2]], "t"), np.array(["y"]))
    go_on.set()
    thread.join()
    end_request(scope)
    labels = {s.attributes.get("ml.prediction.label") for s in capture_telemetry.predictions()}
    assert labels == {"x", "y"}


def test_memory_of_a_window_is_bounded():
    """A very wide input keeps few rows, not gigabytes."""
    window = CurrentWindow(1000, tuple(str(i) for i in range(60_000)))
    rows = np.ones((100, 60_000))
    tracemalloc.start()
    try:
        window.add(Table(None, rows))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 60_000 * 8 <= kept <= 4 * 2**20
    assert {tuple(summary)[1:5] for summary in window.summaries()} == {(1.0, 1.0, 1.0, 1.0)}


def test_windows_of_many_versions_are_bounded(internal, capture_telemetry):
    """The least used windows go: the features of the last hundred versions are reported."""
    for i in range(150):
        with otelml.prediction("m", version=str(i), features={"a": 1.0}):
            pass
    points = capture_telemetry.metric("ml.feature.last").points
    assert {p.attributes["ml.model.version"] for p in points} == {str(i) for i in range(50, 150)}


def test_an_explicit_prediction_keeps_no_inputs(capture_telemetry):
    """Chunks of a long prediction are let go one by one."""
    kept = []
    with otelml.prediction("m"):
        for i in range(50):
            model, chunk = _Model(), np.ones((2, 2)) * i
            kept += [weakref.ref(model), weakref.ref(chunk)]
            end_call(begin_call(model, "predict", chunk, "t"), None)
            del model, chunk
        assert [each() for each in kept] == [None] * 100


class _Model:
    """A model that can be watched."""


def test_the_worker_survives_what_is_no_exception():
    """Not even an exit request of a user's object ends the worker."""
    handled = []

    def handle(item):
        if item == "bad":
            raise SystemExit
        handled.append(item)

    recorder = Recorder(10)
    worker = Worker(recorder, handle, lambda: None)
    worker.start()
    for item in ("bad", "good"):
        recorder.submit(item)
    assert worker.flush(time.monotonic() + 5)
    worker.stop(time.monotonic() + 5)
    assert handled == ["good"]
    assert recorder.submit("late") is False
    assert recorder.dropped == 1


@pytest.mark.parametrize("name", [3, ["3"], {"a": 1}, object()])
def test_names_that_are_no_text(capture_telemetry, name):
    """A number or worse as model, version, variant or stage is taken as text."""
    with otelml.prediction(name, version=name, variant=name) as p, p.stage(name):
        p.set_result(label="a")
    assert p.id
    assert capture_telemetry.metric("ml.predictions").sum() == 1
    assert len(capture_telemetry.spans()) == 2


@pytest.mark.parametrize(
    ("actual", "timestamp"),
    [("a", 1e300), ("a", 10**400), (10**5000, None), (float("nan"), None), (np.ones(2), None)],
    ids=["far", "farther", "long", "nan", "array"],
)
def test_feedback_raises_nothing_but_feedback_error(capture_telemetry, actual, timestamp):
    """Whatever a client sends, the answer is a FeedbackError."""
    with otelml.prediction("m") as p:
        p.set_result(label="a")
    with pytest.raises(FeedbackError):
        otelml.feedback(p.id, actual, timestamp=timestamp)


def test_feedback_turned_off():
    """Turned off is turned off."""
    config = Config(feedback=FeedbackOptions(enabled=False), logs=LogOptions(enabled=False))
    with capture(config), pytest.raises(FeedbackError, match="turned off"):
        otelml.feedback("x", "a")


def test_lone_surrogates_are_replaced(capture_telemetry):
    """Text that no exporter can send becomes text that it can."""
    with otelml.prediction("m") as p:
        p.set_result(label="\ud800")
    assert capture_telemetry.assert_prediction("m").attributes["ml.prediction.label"] == "?"


def test_masked_cells_are_missing():
    """What is masked is no value."""
    masked = np.ma.masked_array([[1.0, 99.0]], mask=[[False, True]])
    values = table(snapshot(masked, 10).data).values
    assert values[0, 0] == 1.0
    assert math.isnan(values[0, 1])


def test_redaction_hides_positions_too():
    """A feature without a name is hidden by its position."""
    logs = LogOptions(sample_ratio=1.0, json=False, features=True, redact=("0",))
    for level, shown in (("private", "[redacted]"), ("internal", 8.0)):
        with capture(Config(logs=logs, privacy=PrivacyOptions(level=level))) as captured:
            with otelml.prediction("m", features=np.array([7.0, 8.0])):
                pass
            (record,) = captured.logs("ml.prediction")
        assert record.attributes["ml.features"] == {"0": "[redacted]", "1": shown}


def test_wrong_instrument_is_a_configuration_error():
    """A number among names says so."""
    with pytest.raises(ConfigurationError, match="instrument"):
        otelml.init("x", instrument=[1])


def test_shutdown_delivers_the_last_log_events(tmp_path):
    """What was still queued at shutdown is written."""
    code = (
        "import otelml\n"
        "otelml.init('s')\n"
        "try:\n"
        "    with otelml.prediction('m'): raise ValueError('lost?')\n"
        "except ValueError: pass\n"
        "otelml.shutdown()\n"
    )
    import os

    environment = {**os.environ, **{f"OTEL_{s}_EXPORTER": "none" for s in ("TRACES", "METRICS")}}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60,
        env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert '"event_name": "ml.prediction"' in done.stdout
    assert "lost?" in done.stdout
