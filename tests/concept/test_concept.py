"""A loss of quality is told once, when labels are complete; what is no loss is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from otelml import semconv_quality as names
from otelml._quality.by_bin import Coded
from otelml._quality.lags import EDGES_S, lag_bin, learn, no_lags
from otelml.reference import Reference
from tests.concept._labels import EVERY_S, Stream, reference, right, soon


def test_a_loss_is_told_once_and_its_end():
    """0.9 falls to 0.8 and comes back: one alarm within some windows, one clear."""
    stream = Stream(reference())
    stream.run(60, 200, right(0.9), soon())
    assert stream.events() == []
    before = len(stream.judged)
    stream.run(30, 200, right(0.8), soon())
    (event,) = stream.events()
    assert event[1] == "alarm"
    assert event[0] - before <= 8
    told = stream.judged[event[0]]
    assert told.loss.lower < 0.1 < told.loss.upper
    assert told.degraded
    assert told.severity >= 1
    stream.run(40, 200, right(0.9), soon())
    assert [kind for _, kind in stream.events()] == ["alarm", "clear"]
    assert not stream.concept.last.degraded


@pytest.mark.parametrize("seed", range(4))
def test_without_a_change_there_is_no_alarm(seed):
    """300 windows of what the reference is like; the budget allows one in 8,640."""
    stream = Stream(reference(), seed)
    stream.run(310, 110, right(0.9), soon())
    assert len(stream.judged) > 280
    assert stream.events() == []


def test_answers_in_clusters_are_worth_fewer():
    """Right and wrong ones come in runs: no alarm where each row for itself would raise one."""

    def clustered(generator, rows):
        ends = np.cumsum(generator.geometric(1 / 20, rows))
        runs = np.searchsorted(ends, np.arange(rows), side="right")
        return (generator.random(rows) < 0.9).astype(float)[runs]

    stream = Stream(reference())
    stream.run(250, 400, clustered, soon(1.0))
    assert stream.events() == []
    naive = [one.value for one in stream.judged]
    assert np.std(naive) > 2.5 * math.sqrt(0.9 * 0.1 / 400)


def test_defaults_known_sooner_raise_no_alarm():
    """Wrong answers are known three times sooner: what has come looks bad, what is complete not."""

    def lags(generator, values):
        return generator.exponential(np.where(values > 0, 30.0, 10.0) * EVERY_S)

    stream = Stream(reference())
    stream.run(30, 200, right(0.9), lags)
    so_far = float(np.mean(stream.came))
    assert so_far < 0.86  # the plain accuracy of what has come
    stream.run(700, 200, right(0.9), lags)
    assert len(stream.judged) > 50
    assert stream.events() == []
    hasty = Stream(reference(), mature_s=0.0)
    hasty.run(100, 200, right(0.9), lags)
    assert "alarm" in {kind for _, kind in hasty.events()}


def test_nothing_is_judged_before_it_is_known_how_long_labels_take():
    """The first hours of labels that take a day decide nothing."""
    stream = Stream(reference())
    stream.run(
        40, 200, right(0.5), lambda generator, v: generator.uniform(0, 100 * EVERY_S, len(v))
    )
    assert stream.judged == []


def test_labels_of_one_answer_only_are_compared_with_themselves():
    """Only approved ones have an outcome, and it is worse than that of all: no loss by that."""

    def lags(generator, values):
        return np.where(np.arange(len(values)) % 2 == 0, 30.0, np.inf)

    stream = Stream(reference())
    stream.run(60, 400, right(0.8), lags)
    assert stream.events() == []
    assert stream.concept.last.baseline.source == names.BASELINE_SERVING
    stream.run(30, 400, right(0.6), lags)
    assert [kind for _, kind in stream.events()] == ["alarm"]


def test_a_model_that_says_one_thing_only_is_noticed():
    """All labels are of one answer because there is no other any more: that is a loss."""
    stream = Stream(reference())
    stream.run(30, 200, right(0.9), soon())
    stream.run(20, 200, right(0.5), soon(), lambda generator, rows: ["yes"] * rows)
    assert [kind for _, kind in stream.events()] == ["alarm"]
    assert stream.concept.last.baseline.source == names.BASELINE_REFERENCE


def test_errors_of_values():
    """Errors that are half as large again alarm; as large as ever they do not."""

    def errors(scale):
        return lambda generator, rows: np.abs(generator.normal(0, scale, rows))

    generator = np.random.default_rng(8)
    true = generator.normal(50, 9, 5000)
    given = Reference.from_data(
        {"x": np.arange(5000)}, predictions=true + generator.normal(0, 3, 5000), y=true
    )
    said = {"said": lambda generator, rows: [""] * rows}
    stream = Stream(given, is_value=True)
    stream.run(100, 150, errors(3.0), soon(), **said)
    assert stream.events() == []
    stream.run(20, 150, errors(4.5), soon(), **said)
    assert [kind for _, kind in stream.events()] == ["alarm"]
    assert stream.concept.last.metric == names.METRIC_MAE
    assert stream.concept.last.severity >= 1


def test_thresholds_may_decide():
    """With ``verdict="thresholds"`` one window with a loss above 0.05 alarms."""
    stream = Stream(reference(), verdict="thresholds")
    stream.run(20, 400, right(0.95), soon())
    assert stream.events() == []
    stream.run(20, 400, right(0.7), soon())
    assert [kind for _, kind in stream.events()] == ["alarm"]


def test_accepting_begins_anew():
    """What was worse is the normal from then on, and falls from there."""
    stream = Stream(reference())
    stream.run(30, 200, right(0.7), soon())
    assert stream.concept.last.degraded
    assert stream.concept.accept()
    assert not stream.concept.accept()
    stream.run(40, 200, right(0.7), soon())
    assert not stream.concept.last.degraded
    assert stream.concept.last.baseline.source == names.BASELINE_SERVING
    assert abs(stream.concept.last.baseline.value - 0.7) < 0.06
    stream.run(30, 200, right(0.45), soon())
    assert stream.concept.last.degraded


@pytest.mark.parametrize("mean_s", [20.0, 4_000.0, 90_000.0])
def test_when_labels_are_complete_is_learned(mean_s):
    """By the age that is learned, 95 % have come; from predictions most of which have none yet."""
    generator = np.random.default_rng(1)
    cohorts = []
    for place in range(1, 101):
        age = place * mean_s / 4
        counts = no_lags()
        for lag in generator.exponential(mean_s, 300):
            if lag <= age:
                counts[lag_bin(lag)] += 1
        cohorts.append((age, counts))
    found = learn(cohorts)
    assert found.share >= 0.95
    assert 1 - math.exp(-found.age_s / mean_s) >= 0.93
    assert found.age_s <= 2 * EDGES_S[lag_bin(-mean_s * math.log(0.05))]


def test_cohorts_are_bounded():
    """A year of labels that nobody can judge: 64 cohorts, of rows an even part."""
    stream = Stream(reference())
    for number in range(40_000):
        time_s = stream.now + number * 800.0
        row = stream.concept.cohorts.at(int(time_s * 1e3))
        assert row.start_ms <= time_s * 1e3 < row.end_ms
    found = [cohort for _, cohort in stream.concept.cohorts.ages(0)]
    assert len(found) == 64
    assert all(one.end_ms <= other.start_ms for one, other in zip(found, found[1:], strict=False))
    assert found[-1].end_ms - found[-1].start_ms == EVERY_S * 1e3


def test_what_is_kept_does_not_depend_on_when_it_comes():
    """Of 20,000 labels, the first half right, an even part is kept: half of it is right."""
    stream = Stream(reference())
    cohort = stream.concept.cohorts.at(int(stream.now * 1e3))
    from otelml._quality.cohorts import Labelled

    for number in range(20_000):
        key = (hash((number, "a")), number, 0)
        cohort.rows.put(key, Labelled(int(stream.now * 1e3), float(number < 10_000), "yes"))
    kept = [row.value for row in cohort.rows.values()]
    assert 200 <= len(kept) <= 500
    assert abs(np.mean(kept) - 0.5) < 0.1


def test_quality_by_bin():
    """Where the quality is lost: in the bins of the feature that drifted."""
    stream = Stream(reference())
    generator = np.random.default_rng(4)
    bins = generator.integers(0, 10, 4000).astype(np.uint8)
    values = (generator.random(4000) < np.where(bins == 9, 0.2, 0.9)).astype(float)
    for place, value in zip(bins, values, strict=True):
        stream.concept._coded.append(Coded(np.array([place]), value))
    found = {one.name: one.value for one in stream.concept.by_bin(("x", "unknown"))}
    names_of_bins = reference().features["x"].cut.names
    assert list(found) == names_of_bins
    for place, name in enumerate(names_of_bins):
        assert found[name] == values[bins == place].mean()
    assert found[names_of_bins[9]] < 0.3
