"""Measures of labels agree with scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics

from otelml.exceptions import QualityError
from otelml.quality import classification

KINDS = {
    "ints": [0, 1],
    "bools": [False, True],
    "texts": ["good", "bad"],
    "floats": [-1.0, 1.0],
    "three": ["a", "b", "c"],
    "five": [0, 1, 2, 3, 7],
    "one": ["only"],
}
CASES = [(kind, rows, seed) for kind in KINDS for rows in (1, 2, 7, 60) for seed in range(4)]


def _close(found, expected):
    assert found == pytest.approx(expected, rel=0, abs=1e-12)


def _expect(scores, name, expected):
    if np.isnan(expected):
        assert name not in scores
    else:
        _close(scores[name].value, expected)
        assert scores[name].lower <= scores[name].value <= scores[name].upper


@pytest.mark.parametrize(("kind", "rows", "seed"), CASES)
def test_labels(kind, rows, seed):
    """Accuracy, confusion, and precision, recall and F1 in each averaging."""
    generator = np.random.default_rng(seed)
    names = np.array(KINDS[kind])
    actual, predicted = generator.choice(names, rows), generator.choice(names, rows)
    positive = names[-1].item()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = classification(actual.tolist(), predicted, positive=positive, resamples=50)
    warnings.simplefilter("ignore")
    order = list(found.labels)
    _close(found.overall["accuracy"].value, metrics.accuracy_score(actual, predicted))
    expected = metrics.confusion_matrix(actual, predicted, labels=order)
    assert found.confusion.tolist() == expected.tolist()
    for average, scores in (("macro", found.macro), ("weighted", found.weighted)):
        values = metrics.precision_recall_fscore_support(
            actual, predicted, average=average, zero_division=np.nan, labels=order
        )
        for name, value in zip(("precision", "recall", "f1"), values, strict=False):
            _expect(scores, name, value)
    each = metrics.precision_recall_fscore_support(
        actual, predicted, zero_division=np.nan, labels=order
    )
    for place, label in enumerate(order):
        for name, values in zip(("precision", "recall", "f1"), each, strict=False):
            _expect(found.classes[label], name, values[place])
            if label == positive:
                _expect(found.overall, name, values[place])


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(10))
def test_scores(ties, dtype, seed):
    """ROC AUC, average precision, Brier score and log loss of two labels."""
    generator = np.random.default_rng(seed)
    rows = int(generator.integers(2, 80))
    actual = generator.random(rows) < 0.4
    actual[:2] = True, False
    scores = generator.random(rows)
    scores = np.round(scores, 1 if ties else 9).astype(dtype)
    found = classification(actual, scores > 0.5, scores, positive=True, resamples=50).overall
    scores = scores.astype(np.float64)
    _close(found["roc_auc"].value, metrics.roc_auc_score(actual, scores))
    _close(found["pr_auc"].value, metrics.average_precision_score(actual, scores))
    _close(found["brier"].value, metrics.brier_score_loss(actual, scores))
    _close(found["log_loss"].value, metrics.log_loss(actual, scores))


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_many_labels(seed):
    """One against the rest, averaged; Brier score and log loss over all columns."""
    generator = np.random.default_rng(seed)
    names = np.array(["a", "b", "c"])
    actual = names[np.r_[0, 1, 2, generator.integers(0, 3, 60)]]
    scores = generator.dirichlet([1, 1, 1], len(actual))
    found = classification(actual, names[scores.argmax(axis=1)], scores, resamples=20).overall
    _close(found["roc_auc"].value, metrics.roc_auc_score(actual, scores, multi_class="ovr"))
    _close(found["pr_auc"].value, metrics.average_precision_score(actual, scores))
    one_hot = actual[:, None] == names
    _close(found["brier"].value, ((scores - one_hot) ** 2).sum(axis=1).mean())
    _close(found["log_loss"].value, metrics.log_loss(actual, scores))


def test_two_columns_are_those_of_two_labels():
    """The column of the positive label counts, as if it were given alone."""
    alone = classification([0, 1, 1], [0, 1, 0], [0.2, 0.9, 0.4]).overall
    both = classification([0, 1, 1], [0, 1, 0], [[0.8, 0.2], [0.1, 0.9], [0.6, 0.4]]).overall
    assert alone == both


def test_undefined_is_absent():
    """One class has no ROC AUC; no row has no measure at all."""
    found = classification([0, 0], [0, 0], [0.1, 0.2], positive=1).overall
    assert "roc_auc" not in found
    assert "pr_auc" not in found
    assert "recall" not in found
    assert found["brier"].value == pytest.approx(0.025)
    empty = classification([], [], [])
    assert (empty.rows, empty.overall, empty.labels) == (0, {}, ())
    assert classification([], [], positive="yes").overall == {}


def test_missing_rows_are_left_out_and_counted():
    """None, NaN and scores that are not finite."""
    found = classification(
        ["a", None, "b", float("nan"), "a"],
        ["a", "a", "b", "b", "b"],
        [0.1, 0.5, np.nan, 0.5, np.inf],
        positive="b",
    )
    assert (found.rows, found.missing, found.missing_scores) == (3, 2, 2)
    assert found.confusion.tolist() == [[1, 1], [0, 1]]


def test_scores_that_are_no_probabilities_rank_only():
    """A margin of an SVM has a ROC AUC and no log loss."""
    found = classification([0, 1, 1], [0, 1, 0], [-2.0, 3.0, 0.5]).overall
    assert found["roc_auc"].value == 1.0
    assert not found.keys() & {"brier", "log_loss"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1]), "2 rows and 1 rows"),
        ((["1", "2"], [1, 2]), "texts cannot be compared"),
        ((["a", 1], ["a", "b"]), "all texts or all numbers"),
        (("ab", "ab"), "must be a sequence"),
        (([[1], [2]], [1, 2]), "all texts or all numbers"),
        (([0, 1], [0, 1], ["x", "y"]), "scores must be numbers"),
        (([0, 1], [0, 1], [0.5]), "2 rows and 1 rows"),
        (([0, 1, 2], [0, 1, 2], [0.1, 0.2, 0.3]), "say positive="),
        (([0, 1], [0, 1], [[0.1, 0.2, 0.7]] * 2), "3 columns"),
        (([0, 1], [0, 1], None, "yes"), "none of the labels"),
        (([0, 1], [0, 1], None, [1]), "none of the labels"),
        (([b"a"], [b"a"]), "all texts or all numbers"),
        (([0, 1], [0, 1], None, None, [0]), "labels lacks 1"),
        (([0, 1], [0, 1], None, None, [0, 1, 1]), "once"),
    ],
)
def test_bad_input(arguments, message):
    """The error says what does not fit."""
    with pytest.raises(QualityError, match=message):
        classification(*arguments)


def test_same_seed_same_interval_and_numpy_is_left_alone():
    """The bootstrap has a generator of its own."""
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - the generator to leave alone
    one = classification([0, 1, 1, 0], [0, 1, 0, 0], positive=1)
    two = classification([0, 1, 1, 0], [0, 1, 0, 0], positive=1)
    assert one.overall == two.overall
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002 - as above


def test_as_many_labels_as_rows():
    """Free text as labels: the bootstrap needs no matrix of all pairs for each resample."""
    names = [f"label {place}" for place in range(1500)]
    found = classification(names, names[::-1], resamples=200)
    assert found.overall["accuracy"].value == 0.0
    assert len(found.classes) == 1500
