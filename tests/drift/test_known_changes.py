"""Data that people gathered, with a change that is known: found, explained, and not found without."""

from __future__ import annotations

import numpy as np
import pytest

from otelml.drift import compare, reconstruction
from otelml.reference import Reference

datasets = pytest.importorskip("sklearn.datasets")
SEEDS = range(10)


def halves(frame, seed):
    """Return two random halves of a table."""
    places = np.random.default_rng(seed).permutation(len(frame))
    return frame.iloc[places[: len(frame) // 2]], frame.iloc[places[len(frame) // 2 :]]


def false_findings(frame):
    """Return in how many of ten random splits drift is found."""
    return sum(
        compare(Reference.from_data(one), other).drift_detected
        for one, other in (halves(frame, seed) for seed in SEEDS)
    )


def test_a_clinic_that_sees_other_tumours():
    """Wisconsin: a reference of benign tumours, a window of malignant ones: they are larger."""
    frame = datasets.load_breast_cancer(as_frame=True).frame
    benign = frame[frame.target == 1].drop(columns="target")
    malignant = frame[frame.target == 0].drop(columns="target")
    result = compare(Reference.from_data(benign), malignant)
    assert len(result.drifted) > 20
    # What pathologists look at: size, and dents in the outline.
    assert set(result.drifted[:5]) <= {
        "worst perimeter",
        "worst radius",
        "worst area",
        "mean concave points",
        "worst concave points",
    }
    first = result.features[result.drifted[0]]
    below, above = first.bins[0], first.bins[-1]
    assert below[2] < below[1]
    assert above[2] > 0.8
    assert above[1] < 0.2
    assert false_findings(benign) <= 3  # 0.5 expected


def test_a_model_of_men_that_serves_women():
    """Diabetes: HDL cholesterol and its ratio differ most between the sexes, as is known."""
    frame = datasets.load_diabetes(as_frame=True, scaled=False).frame.drop(columns="target")
    men = frame[frame.sex == 2].drop(columns="sex")
    women = frame[frame.sex == 1].drop(columns="sex")
    result = compare(Reference.from_data(men), women)
    assert result.drifted[:2] == ("s3", "s4")
    assert "s1" not in result.drifted  # total cholesterol hardly differs
    # Importances move what the model relies on to the front.
    weights = {name: 5.0 if name == "bp" else 1.0 for name in men}
    weighed = compare(Reference.from_data(men, importances=weights), women)
    assert weighed.drifted[0] == "bp"
    assert false_findings(frame) <= 3  # 0.5 expected


def test_other_writers():
    """Digits stand in the order of their writers: the later ones write otherwise."""
    frame = datasets.load_digits(as_frame=True).frame.drop(columns="target")
    first, last = frame.iloc[:900], frame.iloc[1200:]
    assert compare(Reference.from_data(first), last).drift_detected
    assert reconstruction(first, last).p_value < 0.001
    assert false_findings(frame) <= 3  # 0.5 expected
    mixed = [reconstruction(*halves(frame, seed)).p_value for seed in SEEDS]
    assert sum(p < 0.05 for p in mixed) <= 3
