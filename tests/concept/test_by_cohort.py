"""Quality by the age of predictions, apart where labels are complete."""

from __future__ import annotations

import json

import numpy as np
import pytest

from otelml._quality.cohorts import Cohorts
from tests.concept._labels import EVERY_S, Stream, reference, right, soon


def _by_cohort(stream):
    return {(one.age, one.is_mature): one for one in stream.concept.by_cohort(stream.now)}


def test_each_label_is_in_one_group_and_each_group_has_its_own_quality():
    stream = Stream(reference(0.9), mature_s=3 * EVERY_S)
    stream.run(30, 60, right(0.9), soon(10.0))
    stream.run(10, 60, right(0.5), soon(10.0))

    found = _by_cohort(stream)

    assert set(found) == {("1m", False), ("1h", False), ("1h", True), ("1d", True)}
    assert sum(one.rows for one in found.values()) == len(stream.came)
    total = sum(one.value * one.rows for one in found.values())
    assert total == pytest.approx(sum(stream.came))
    assert all(0.35 < one.value < 0.65 for (_, mature), one in found.items() if not mature)
    assert found["1d", True].value == pytest.approx(0.9, abs=0.03)


def test_joined_and_judged_cohorts_keep_the_mean_of_all():
    stream = Stream(reference(0.9), mature_s=30 * EVERY_S)
    stream.run(200, 40, right(0.8), soon(10.0))  # far more than there may be cohorts

    found = _by_cohort(stream)

    total = sum(one.value * one.rows for one in found.values())
    assert total / sum(one.rows for one in found.values()) == pytest.approx(
        np.mean(stream.came),
        abs=0.005,  # the rest of a judged one goes where one joins it that is not
    )


def test_what_was_saved_of_judged_cohorts_has_their_quality():
    stream = Stream(reference(0.9), mature_s=EVERY_S)
    stream.run(30, 40, right(0.8), soon(10.0))
    before = _by_cohort(stream)
    texts = [json.dumps(cohort.saved()) for cohort in stream.concept.cohorts.all()]

    stream.concept.cohorts = Cohorts(EVERY_S)
    for text in texts:
        stream.concept.cohorts.load(json.loads(text))
    assert _by_cohort(stream) == before

    for text in texts:  # another process's, of the same spans of time
        stream.concept.cohorts.load(json.loads(text))
    twice = _by_cohort(stream)
    for name, one in before.items():
        if one.is_mature:
            assert twice[name].rows == 2 * one.rows
            assert twice[name].value == pytest.approx(one.value)


def test_without_labels_there_is_nothing():
    assert _by_cohort(Stream(reference(0.9))) == {}
