"""A window beside a reference."""

from __future__ import annotations

import json
import math
import tracemalloc

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


def same(found, expected):
    """Assert that two statistics agree to 1e-12 of their size."""
    assert found.value == pytest.approx(expected.value, rel=1e-12, abs=1e-12)
    assert found.p_value == pytest.approx(expected.p_value, rel=1e-9, abs=1e-12, nan_ok=True)


def assert_plain(training, window, result):
    """Assert that each statistic of each feature is that of the plain function."""
    for name, values in window.items():
        before, found = training[name], result.features[name].statistics
        for key, plain in {"psi": psi, "kl": kl, "js": js, "chi_squared": chi_squared}.items():
            same(found[key], plain(before, values, min_rows=1))
        if "ks" in found:
            usable = np.asarray(before, float)
            usable = usable[np.isfinite(usable)]
            spread = np.std(usable - usable[0])  # small values far from 0 lose no digits
            moved = wasserstein(before, values, min_rows=1)
            same(found["ks"], ks(before, values, min_rows=1))
            scaled = moved.value / spread if spread else (math.inf if moved.value else 0.0)
            same(found["wasserstein"], moved._replace(value=scaled))


def test_statistics_are_those_of_the_plain_functions():
    """compare() only does many at once."""
    window = frame(500, 0.2)
    assert_plain(TRAINING, window, compare(REFERENCE, window))


@pytest.mark.parametrize("rows", [50, 137, 199, 200, 500, 3000])
@pytest.mark.parametrize("shift", [0.0, 0.3, 40.0])
def test_features_of_all_sorts_side_by_side(rows, shift):
    """Ties, constants, levels, tails and gaps share arrays and do not disturb each other."""
    rng = np.random.default_rng(rows)

    def table(count, moved):
        x = rng.normal(moved, 1, (count, 8))
        holes = x[:, 4].copy()
        holes[rng.random(count) < 0.1] = math.nan
        return {
            "normal": x[:, 0],
            "tails": np.exp(np.minimum(4 * x[:, 1], 300)),
            "rounded": x[:, 2].round(1),
            "constant": np.full(count, 3.7),
            "holes": holes,
            "tiny": x[:, 3] * 1e-9 + 5,
            "whole": (10 * x[:, 5]).astype(int),
            "one_value_most": np.where(x[:, 6] > 1.5, x[:, 6], 0.0),
            "few": x[:, 7].round(),
            "flag": x[:, 0] > 1,
            "levels": [str(v) for v in rng.integers(0, 3 + int(moved), count)],
            "many_levels": [f"l{v}" for v in rng.integers(0, 400, count)],
        }

    training, window = table(4000, 0.0), table(rows, shift)
    assert_plain(training, window, compare(Reference.from_data(training), window, min_rows=1))


def test_memory_is_bounded():
    """10,000 rows of 100 features: little more than the window itself."""
    rng = np.random.default_rng(1)
    reference = Reference.from_data(rng.normal(size=(2000, 100)))
    window = rng.normal(size=(10_000, 100))
    compare(reference, window[:100])
    tracemalloc.start()
    compare(reference, window)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 * 2**20  # the columns alone are 8 MiB


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


def test_ranks_weigh_by_importance_beside_the_mean():
    """What is not weighed counts as the mean, so that a prediction is not first for that alone."""
    rng = np.random.default_rng(9)
    rows = {name: rng.normal(size=2000) for name in ("main", "minor", "unknown")}
    reference = Reference.from_data(rows, importances={"main": 0.3, "minor": 0.1})
    found = compare(reference, {name: values + 1 for name, values in rows.items()})
    psi = {name: one.statistics["psi"].value for name, one in found.features.items()}
    assert found.ranks == pytest.approx(
        {"main": 1.5 * psi["main"], "minor": 0.5 * psi["minor"], "unknown": psi["unknown"]}
    )
    assert found.drifted == ("main", "unknown", "minor")
    plain = compare(Reference.from_data(rows, importances=[0, 0, 0]), rows)
    assert set(plain.ranks.values()) == {0.0}
