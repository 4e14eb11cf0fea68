"""A shadow: linked, compared, and harmless whatever becomes of it."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB

import otelml
from otelml import _guard
from otelml._variants.registry import shadows
from otelml.exceptions import ConfigurationError

WAIT_S = 30.0


@pytest.fixture(autouse=True)
def _none_left():
    yield
    for one in shadows.value:
        one.close()
    shadows.value = ()


def _data(rows=400, seed=1):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, 3))
    scores = inputs @ [1.0, -2.0, 0.5] + rng.normal(size=rows)
    return inputs, np.digitize(scores, [-1.0, 1.0])


def _served(inputs, predict):
    with otelml.prediction("loan", version="1") as p:
        answer = predict(inputs)
    assert p.id
    return answer


def test_a_shadow_is_a_linked_prediction_of_its_own(capture_telemetry):
    """It is in a trace of its own, of variant shadow, with a link to the champion's span."""
    inputs, labels = _data()
    champion, other = LogisticRegression().fit(inputs, labels), GaussianNB().fit(inputs, labels)
    shadow = otelml.shadow(other, version="2", of="loan")
    _served(inputs[:5], champion.predict)
    assert shadow.wait(WAIT_S)
    spans = capture_telemetry.predictions("loan")
    by_variant = {span.attributes.get("ml.model.variant"): span for span in spans}
    assert set(by_variant) == {None, "shadow"}
    one, second = by_variant[None], by_variant["shadow"]
    assert [link.context.span_id for link in second.links] == [one.context.span_id]
    assert second.parent is None
    assert second.context.trace_id != one.context.trace_id
    assert second.attributes["ml.model.version"] == "2"
    assert second.attributes["ml.prediction.rows"] == 5
    total = capture_telemetry.metric("ml.predictions")
    assert total.where(ml__model__variant="shadow").sum() == 5
    assert total.where(ml__model__version="1").sum() == 5


def test_disagreement_is_that_of_all_rows_together(capture_telemetry):
    """Summed over batches of any size, it is what one computation on all rows gives."""
    inputs, labels = _data(600)
    champion = LogisticRegression().fit(inputs[:200], labels[:200])
    other = GaussianNB().fit(inputs[:200, ::-1], labels[:200])
    shadow = otelml.shadow(other, version="2")

    def predict(rows):
        champion.predict_proba(rows)
        return champion.predict(rows)

    start = 0
    for size in (1, 2, 50, 147, 400):
        _served(inputs[start : start + size], predict)
        start += size
        assert shadow.wait(WAIT_S)
    found = shadow.summary()
    shadow.close()  # what follows are predictions as well
    one, second = champion.predict_proba(inputs), other.predict_proba(inputs)
    different = int((champion.predict(inputs) != other.predict(inputs)).sum())
    apart = 0.5 * np.abs(one - second).sum(axis=1)
    assert 0 < different < 600
    assert (found.predictions, found.rows, found.disagreements) == (5, 600, different)
    assert found.disagreement_rate == different / 600
    assert found.distances == 600
    assert found.distance_sum == pytest.approx(apart.sum(), rel=1e-12)
    pair = {"ml__model__name": "loan", "ml__model__version": "1", "ml__shadow__version": "2"}
    metric = capture_telemetry.metric
    assert metric("ml.shadow.rows").where(**pair).sum() == 600
    assert metric("ml.shadow.disagreements").where(**pair).sum() == different
    assert metric("ml.shadow.distance").where(**pair).count() == 600
    assert metric("ml.shadow.distance").where(**pair).sum() == pytest.approx(apart.sum())


def test_values_are_compared_by_their_difference(capture_telemetry):
    """A regression has no labels: its distance is the difference, its unit that of the values."""
    inputs, _ = _data()
    target = inputs @ [1.0, 2.0, 3.0]
    champion = LinearRegression().fit(inputs, target)
    shadow = otelml.shadow(lambda rows: rows @ [1.0, 2.0, 3.5], version="2")
    _served(inputs, champion.predict)
    assert shadow.wait(WAIT_S)
    found = shadow.summary()
    assert (found.rows, found.distances) == (0, 400)
    assert found.distance_sum == pytest.approx(np.abs(0.5 * inputs[:, 2]).sum())
    assert capture_telemetry.metric("ml.shadow.distance").count() == 400


def test_confidences_alone_say_how_far_two_classes_are_apart(capture_telemetry):
    """Said results of two classes: |0.9 - 0.6| where labels agree, 0.9 + 0.6 - 1 where not."""

    class Other:
        classes_ = ("no", "yes")

        def predict(self, rows):
            return ["yes", "no"]

        def predict_proba(self, rows):
            return [[0.4, 0.6], [0.6, 0.4]]

    shadow = otelml.shadow(Other(), version="2")
    with otelml.prediction("loan", version="1") as p:
        shadow.see([[1], [2]])
        p.set_result(label=["yes", "yes"], confidence=[0.9, 0.9])
    assert shadow.wait(WAIT_S)
    found = shadow.summary()
    assert (found.rows, found.disagreements, found.distances) == (2, 1, 2)
    assert found.distance_sum == pytest.approx(0.3 + 0.5)
    capture_telemetry.flush()


def test_the_shadow_sees_rows_as_they_were(capture_telemetry):
    """What the service does with its rows afterwards does not reach the shadow."""
    inputs, labels = _data(20)
    champion = LogisticRegression().fit(inputs, labels)
    gate, seen = threading.Event(), []

    def other(rows):
        assert gate.wait(WAIT_S)
        seen.append(np.array(rows))
        return np.zeros(len(rows), dtype=int)

    shadow = otelml.shadow(other)
    rows = inputs.copy()
    _served(rows, champion.predict)
    rows[:] = -1.0
    gate.set()
    assert shadow.wait(WAIT_S)
    np.testing.assert_array_equal(seen[0], inputs)
    capture_telemetry.flush()


class _Fatal(BaseException):
    pass


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), SystemExit(3), _Fatal()])
def test_a_shadow_that_raises_harms_nothing(capture_telemetry, error):
    """The champion's result stands, the error is counted, and the next prediction is shadowed."""
    inputs, labels = _data()
    champion = LogisticRegression().fit(inputs, labels)
    failing = [error]

    def other(rows):
        if failing:
            raise failing.pop()
        return champion.predict(rows)

    shadow = otelml.shadow(other, version="2", of="loan")
    with otelml.not_serving():
        expected = champion.predict(inputs[:3])
    for _ in range(2):
        np.testing.assert_array_equal(_served(inputs[:3], champion.predict), expected)
        assert shadow.wait(WAIT_S)
    found = shadow.summary()
    assert (found.predictions, found.disagreements, found.dropped) == (1, 0, {"failed": 1})
    assert _guard.errors["shadow"] == 1
    good = [s for s in capture_telemetry.predictions("loan") if "error.type" not in s.attributes]
    assert len(good) == 3
    _guard.errors.clear()


def test_a_shadow_that_hangs_harms_nothing(capture_telemetry):
    """Requests are answered as ever; what does not fit is dropped and counted."""
    inputs, labels = _data()
    champion = LogisticRegression().fit(inputs, labels)
    started, gate = threading.Event(), threading.Event()

    def other(rows):
        started.set()
        assert gate.wait(WAIT_S)
        return champion.predict(rows)

    shadow = otelml.shadow(other, version="2", queue=3)
    with otelml.not_serving():
        expected = champion.predict(inputs[:1])
    for number in range(10):
        np.testing.assert_array_equal(_served(inputs[:1], champion.predict), expected)
        assert number or started.wait(WAIT_S)
    assert not shadow.wait(0.0)
    assert shadow.summary().dropped == {"queue_full": 7}
    dropped = capture_telemetry.metric("ml.shadow.dropped")
    assert dropped.where(ml__shadow__reason="queue_full", ml__model__name="loan").sum() == 7
    assert capture_telemetry.metric("ml.predictions").where(ml__model__version="1").sum() == 10
    gate.set()
    assert shadow.wait(WAIT_S)
    assert shadow.summary().predictions == 3


def test_a_large_batch_is_dropped_whole(capture_telemetry):
    """More rows than may wait are not copied at all."""
    inputs, labels = _data(100)
    champion = LogisticRegression().fit(inputs, labels)
    shadow = otelml.shadow(champion.predict, max_rows=99)
    _served(inputs, champion.predict)
    assert shadow.summary().dropped == {"too_many_rows": 1}
    assert len(capture_telemetry.predictions()) == 1


def test_only_the_champion_that_was_named_is_shadowed(capture_telemetry):
    """Not another model, not a prediction that failed, not the shadow itself, not once closed."""
    shadow = otelml.shadow(lambda rows: ["a"] * len(rows), of="loan")

    def say(model, *, fail=False):
        with otelml.prediction(model) as p:
            shadow.see([[1.0]])
            p.set_result(label="a")
            if fail:
                raise KeyError(model)

    say("churn")
    with pytest.raises(KeyError):
        say("loan", fail=True)
    assert shadow.wait(WAIT_S)
    assert shadow.summary().predictions == 0
    say("loan")
    assert shadow.wait(WAIT_S)
    shadow.close()
    say("loan")
    assert shadow.summary().predictions == 1
    assert len(capture_telemetry.predictions()) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_a_shadow_of_its_own(capture_telemetry):
    """It starts at zero and works, though the parent's thread is not there."""
    shadow = otelml.shadow(lambda rows: ["b"] * len(rows), of="loan")

    def say():
        with otelml.prediction("loan") as p:
            shadow.see([[1.0]])
            p.set_result(label="a")

    say()
    assert shadow.wait(WAIT_S)
    child = os.fork()
    if not child:
        code = 1
        try:
            say()
            found = shadow.summary() if shadow.wait(WAIT_S) else None
            code = 0 if found and (found.rows, found.disagreements) == (1, 1) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert shadow.summary().rows == 1
    capture_telemetry.flush()


@pytest.mark.parametrize(
    "arguments", [{"model": object()}, {"queue": 0}, {"max_rows": 0}], ids=lambda a: next(iter(a))
)
def test_what_cannot_be_a_shadow_is_refused(arguments):
    """At once, with the value."""
    with pytest.raises(ConfigurationError):
        otelml.shadow(**{"model": len, **arguments})
