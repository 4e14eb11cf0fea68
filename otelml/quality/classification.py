"""The quality of predicted labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from otelml.exceptions import QualityError
from otelml.quality import confusion, inputs
from otelml.quality.intervals import Floats, between, bootstrap, means, quantile
from otelml.quality.positive import positive_of
from otelml.quality.probabilities import are_probabilities, log_losses, squared_errors
from otelml.quality.ranking import pr_auc, roc_auc
from otelml.quality.result import Classification
from otelml.quality.score import Score


def classification(
    actual: Any,
    predicted: Any,
    scores: Any = None,
    positive: Any = None,
    labels: Any = None,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Classification:
    """Return the quality of predicted labels, by scikit-learn's definitions.

    Rows without an actual or a predicted label are left out and counted. Proportions have Wilson's
    interval, ROC AUC DeLong's, everything else that of a bootstrap.

    Args:
        actual: The true label of each row: all texts or all numbers.
        predicted: The predicted one.
        scores: Of shape (n,), how likely each row is positive; or of shape (n, k), how likely it
            is each of ``labels``. Brier score and log loss need probabilities.
        positive: The positive label. By default there is none, except that scores of shape (n,)
            are those of the one that :func:`~otelml.quality.positive.positive_of` chooses.
        labels: All labels there may be, in order; by default those that occur, sorted.
        confidence: What each interval is to cover.
        resamples: Resamples of the bootstrap.
        seed: Of the bootstrap; NumPy's own generator is left alone.

    Raises:
        QualityError: What is given does not fit together.

    >>> found = classification(["no", "yes", "yes"], ["no", "yes", "no"], positive="yes")
    >>> found.overall["precision"].value, found.overall["recall"].value
    (1.0, 0.5)
    """
    quantile(confidence)
    true, has_true = inputs.labels(actual, "actual")
    said, has_said = inputs.labels(predicted, "predicted")
    inputs.same_length(true, said, "actual and predicted")
    used = has_true & has_said
    true, said = true[used], said[used]
    inputs.same_kind(true, said, "actual and predicted")
    given = _scores(scores, used)
    names = _names(true, said, labels)
    if positive is not None and len(names) and positive not in names:
        names = _with(names, positive, fixed=labels is not None)
    places = {name: place for place, name in enumerate(names)}
    at = np.array([places[name] for name in true.tolist()], dtype=np.int64)
    to = np.array([places[name] for name in said.tolist()], dtype=np.int64)
    counts = confusion.confusion_matrix(at, to, len(names))
    rows, missing = len(at), int(len(used) - len(at))
    overall: dict[str, Score] = {}
    macro, weighted, classes = dict(overall), dict(overall), {name: dict(overall) for name in names}
    if rows:
        drawn = confusion.resampled(counts, resamples, seed)
        overall["accuracy"] = confusion.accuracy(counts, confidence)
        of_each = confusion.class_scores(counts, drawn, confidence)
        classes = dict(zip(names, of_each, strict=True))
        overall |= classes[positive] if positive is not None else {}
        macro = confusion.averaged(counts, drawn, confidence, weighted=False)
        weighted = confusion.averaged(counts, drawn, confidence, weighted=True)
    lost = 0
    if given is not None:
        one = positive if positive is not None else _chosen(names, given.ndim)
        finite = np.isfinite(given) if given.ndim == 1 else np.isfinite(given).all(axis=1)
        lost = int((~finite).sum())
        scored = _Scored(confidence, resamples, seed)
        overall |= scored.all(at[finite], given[finite], places.get(one), len(names))
    return Classification(
        rows, missing, lost, names, positive, counts, overall, macro, weighted, classes
    )


def _scores(scores: Any, used: Any) -> Floats | None:
    if scores is None:
        return None
    given = inputs.numbers(scores, "scores", (1, 2))
    inputs.same_length(used, given, "actual and scores")
    kept: Floats = given[used]
    return kept


def _names(true: Any, said: Any, labels: Any) -> tuple[Any, ...]:
    found = set(true.tolist()) | set(said.tolist())
    if labels is None:
        return tuple(sorted(found))
    listed, present = inputs.labels(labels, "labels")
    names = tuple(listed.tolist())
    if len(set(names)) != len(names) or not present.all():
        raise QualityError("labels must name each label once")
    unknown = sorted(str(name) for name in found - set(names))
    if unknown:
        raise QualityError(f"labels lacks {', '.join(unknown[:5])!s:.200}, which occurs")
    return names


def _with(names: tuple[Any, ...], positive: Any, *, fixed: bool) -> tuple[Any, ...]:
    known = isinstance(positive, (str, bool, int, float, np.generic))
    if fixed or not known or isinstance(names[0], str) != isinstance(positive, str):
        raise QualityError(f"positive is {positive!r:.80}; it is none of the labels")
    return tuple(sorted({*names, positive}))


def _chosen(names: tuple[Any, ...], dimensions: int) -> Any:
    if len(names) > 2 and dimensions == 1:  # noqa: PLR2004 - more than two labels
        raise QualityError(
            f"scores has one dimension and there are {len(names)} labels; "
            "say positive=, or give one column a label"
        )
    return positive_of(names)


class _Scored:
    """What needs scores.

    Args:
        confidence: What the intervals are to cover.
        resamples: Resamples of the bootstrap.
        seed: Of the bootstrap.
    """

    def __init__(self, confidence: float, resamples: int, seed: int) -> None:
        self._confidence = confidence
        self._resamples = resamples
        self._seed = seed

    def all(self, at: Any, given: Floats, positive: int | None, size: int) -> dict[str, Score]:
        """Return the scores; ``at`` has the place of each row's label."""
        if given.ndim == 2 and given.shape[1] != size:  # noqa: PLR2004 - a matrix
            raise QualityError(f"scores has {given.shape[1]} columns and there are {size} labels")
        if given.ndim == 1 and positive is None:
            return {}
        if positive is not None:
            column = given if given.ndim == 1 else given[:, positive]
            return self._of_one(at == positive, column)
        return self._of_many(at, given, size)

    def _of_one(self, is_positive: Any, scores: Floats) -> dict[str, Score]:
        if not len(scores):
            return {}
        found = {
            "roc_auc": roc_auc(is_positive, scores, self._confidence),
            "pr_auc": pr_auc(
                is_positive,
                scores,
                self._confidence,
                resamples=self._resamples,
                seed=self._seed,
            ),
        }
        defined = {name: score for name, score in found.items() if score is not None}
        return defined | self._losses(is_positive, scores)

    def _of_many(self, at: Any, given: Floats, size: int) -> dict[str, Score]:
        if not len(given):
            return {}
        is_class = at[:, None] == np.arange(size)
        found: dict[str, Score] = {}
        for name, measure in (("roc_auc", _roc), ("pr_auc", _pr)):
            value = measure(is_class, given)
            if value is not None:
                drawn = self._redrawn(is_class, given, measure)
                found[name] = between(value, drawn, self._confidence)
        return found | self._losses(is_class, given)

    def _redrawn(self, is_class: Any, given: Floats, measure: Any) -> Floats:
        generator, rows = np.random.default_rng(self._seed), len(given)
        drawn = np.full(min(self._resamples, 200), np.nan)
        for place in range(len(drawn)):
            chosen = generator.integers(0, rows, rows)
            value = measure(is_class[chosen], given[chosen])
            drawn[place] = np.nan if value is None else value
        return drawn

    def _losses(self, is_class: Any, given: Floats) -> dict[str, Score]:
        if not are_probabilities(given):
            return {}
        found: dict[str, Score] = {}
        for name, parts in (("brier", squared_errors), ("log_loss", log_losses)):
            of_rows = parts(is_class, given)
            drawn = bootstrap(
                len(of_rows), means(of_rows), resamples=self._resamples, seed=self._seed
            )
            found[name] = between(float(of_rows.mean()), drawn, self._confidence)
        return found


def _roc(is_class: Any, given: Floats) -> float | None:
    return _mean([roc_auc(is_class[:, k], given[:, k]) for k in range(given.shape[1])])


def _pr(is_class: Any, given: Floats) -> float | None:
    columns = range(given.shape[1])
    return _mean([pr_auc(is_class[:, k], given[:, k], resamples=0) for k in columns])


def _mean(of_each: list[Score | None]) -> float | None:
    values = [score.value for score in of_each if score is not None]
    return float(np.mean(values)) if values and len(values) == len(of_each) else None
