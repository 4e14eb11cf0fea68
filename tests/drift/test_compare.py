"""A window beside a reference."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from otelml.drift import chi_squared, compare, js, kl, ks, psi, wasserstein
from otelml.reference import Reference

RNG = np.random.default_rng(0)


def frame(rows, shift=0.0):
    """Return a table of one feature of each sort."""
    return {
        "score": RNG.normal(shift, 1, rows),
        "count": RNG.poisson(2, rows),
        "level": RNG.choice(["a", "b"], rows).tolist(),
        "flag": RNG.random(rows) > 0.5,
    }


TRAINING = frame(4000)
REFERENCE = Reference.from_data(TRAINING, importances={"score": 0.5, "count": 2})


def test_statistics_are_those_of_the_plain_functions():
    """compare() only does many at once."""
    window = frame(500, 0.2)
    result = compare(REFERENCE, window)
    for name, values in window.items():
        before = TRAINING[name]
        expected = {"psi": psi, "kl": kl, "js": js, "chi_squared": chi_squared}
        found = dict(result.features[name].statistics)
        assert {key: found[key] for key in expected} == {
            key: f(before, values) for key, f in expected.items()
        }
        if name != "level":
            moved = wasserstein(before, values).value / np.std(before)
            assert found["ks"] == ks(before, values)
            assert found["wasserstein"].value == pytest.approx(moved, abs=1e-12)


def test_a_shift_is_found_and_ranked_by_importance():
    """Two shifted features: the more important one stands first."""
    window = frame(500, 1.0)
    window["count"] = window["count"] + 2
    assert compare(REFERENCE, window).drifted == ("count", "score")


def test_nothing_is_found_where_nothing_changed():
    """At alpha 0.05, unchanged windows drift in one of twenty at most."""
    found = sum(compare(REFERENCE, frame(500)).drift_detected for _ in range(200))
    assert found <= 24  # 10 expected


def test_a_window_that_does_not_fit_is_told_and_the_rest_checked():
    """Missing, extra and wrong columns are mismatches; the good one has statistics."""
    window = {
        "score": RNG.normal(1, 1, 300),
        "count": ["x"] * 300,
        "level": ["a"] * 300,
        "extra": [1] * 300,
    }
    result = compare(REFERENCE, window)
    assert result.mismatches == {
        "extra": "not in the reference",
        "flag": "not in the window",
        "count": "numeric in the reference, categorical in the window",
    }
    assert set(result.drifted) == {"score", "level"}


def test_missing_and_unseen_are_shares_and_rows():
    """Half of a column missing; new levels counted."""
    window = frame(400)
    window["score"][:200] = math.nan
    window["level"] = ["a"] * 190 + ["b"] * 190 + ["new"] * 20
    result = compare(REFERENCE, window)
    assert result.features["score"].missing_share == 0.5
    assert result.features["level"].unseen == 20
    assert result.drifted == ("level",)


def test_an_empty_window_finds_nothing():
    """No rows: a reason for each feature, no exception."""
    result = compare(REFERENCE, {name: [] for name in TRAINING})
    assert not result.drift_detected
    assert {f.reason for f in result.features.values()} == {
        "the window has 0 usable values, not 50"
    }


def test_it_goes_into_json_and_reads_well():
    """No NaN in to_dict; the repr has a line a feature."""
    window = pd.DataFrame(frame(300, 2.0))
    window["count"] = None
    result = compare(REFERENCE, window)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["drifted"] == ["score"]
    lines = repr(result).splitlines()
    assert lines[0] == "<DriftResult 300 rows, 1 of 4 features drifted>"
    assert lines[1].split()[0] == "score"
    assert lines[1].endswith("high      drift")
    assert len(lines) == 5
