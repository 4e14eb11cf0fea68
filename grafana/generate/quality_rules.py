"""Quality of a fleet, from the labels that all its replicas have counted: recording rules.

Definitions are scikit-learn's, over the labels of a window. What is undefined is absent, except
that a macro average takes an undefined precision or recall for 0, as scikit-learn does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana.generate.drift_rules import MODEL, WINDOWS
from grafana.generate.names import label
from grafana.generate.promql import diagonal, increase, present, sum_by, vector
from grafana.generate.recorded import Recording
from otelml import semconv, semconv_quality

CLASS: Final = (*MODEL, label(semconv_quality.ML_LABEL_CLASS))
CELL: Final = (*MODEL, label(semconv.ML_LABEL_ACTUAL), label(semconv.ML_LABEL_PREDICTED))
BY_CLASS: Final = ("precision", "recall", "f1")
COHORT: Final = "model:ml_quality_by_cohort:complete"
COHORT_ROWS: Final = "model:ml_quality_by_cohort_rows:complete"
_BIN: Final = label(semconv_quality.ML_FEEDBACK_SCORE_BIN)
_REST: Final = label(semconv_quality.ML_FEEDBACK_SCORE_REST)
_BINNED: Final = (*CLASS, _BIN)
_Z: Final = "1.959963984540054"
_OF_MODEL: Final = f"on ({', '.join(MODEL)})"


@dataclass(frozen=True)
class Quality:
    """The names of what is recorded over one window."""

    window: str

    def of_model(self, name: str) -> str:
        """Return a metric by model and version."""
        return f"model:ml_quality_{name}:{self.window}"

    def of_class(self, name: str) -> str:
        """Return a metric, or a count, by class too."""
        return f"class:ml_quality_{name}:{self.window}"

    def binned(self, name: str) -> str:
        """Return a count by class and bin of the score."""
        return f"bin:ml_quality_{name}:{self.window}"

    @property
    def cells(self) -> str:
        """Labels by actual and predicted class."""
        return f"cell:ml_feedback:count_{self.window}"

    @property
    def labels(self) -> str:
        """Labels, of regressions too."""
        return f"model:ml_feedback:count_{self.window}"

    def grown(self, metric: semconv.Metric, *matchers: str) -> str:
        """Return a counter's growth over the window; all of it since its start."""
        counter = vector(metric, *matchers)
        return counter if self.window == "total" else increase(counter, self.window)


def _renamed(expression: str, new: str, old: str) -> str:
    return f'label_replace({expression}, "{new}", "$1", "{old}", "(.*)")'


def _by_class(expression: str, attribute: str) -> str:
    """Sum cells by one of their labels, as the class."""
    old, new = label(attribute), label(semconv_quality.ML_LABEL_CLASS)
    return sum_by(CLASS, _renamed(sum_by((*MODEL, old), expression), new, old))


def _right(cells: str) -> str:
    """Keep the diagonal of the confusion matrix."""
    return diagonal(cells, MODEL, label(semconv.ML_LABEL_ACTUAL), label(semconv.ML_LABEL_PREDICTED))


def _counts(q: Quality) -> list[Recording]:
    both = (present(semconv.ML_LABEL_ACTUAL), present(semconv.ML_LABEL_PREDICTED))
    actual = _by_class(q.cells, semconv.ML_LABEL_ACTUAL)
    predicted = _by_class(q.cells, semconv.ML_LABEL_PREDICTED)
    right = _by_class(_right(q.cells), semconv.ML_LABEL_ACTUAL)
    classes = q.of_class("labels")
    return [
        Recording(q.labels, sum_by(MODEL, q.grown(semconv.ML_FEEDBACK))),
        Recording(q.cells, sum_by(CELL, q.grown(semconv.ML_FEEDBACK, *both))),
        # What was true and what was predicted together, of each class that was either.
        Recording(
            classes,
            f"(({actual} or 0 * {predicted})\n+ ({predicted} or 0 * {actual})) > 0",
        ),
        Recording(q.of_class("actual"), f"({actual} or 0 * {classes})\nand {classes}"),
        Recording(q.of_class("predicted"), f"({predicted} or 0 * {classes})\nand {classes}"),
        Recording(q.of_class("right"), f"({right} or 0 * {classes})\nand {classes}"),
    ]


def _classes(q: Quality) -> list[Recording]:
    right, classes = q.of_class("right"), q.of_class("labels")
    found = [
        Recording(q.of_class("precision"), f"{right} / ({q.of_class('predicted')} > 0)"),
        Recording(q.of_class("recall"), f"{right} / ({q.of_class('actual')} > 0)"),
        Recording(q.of_class("f1"), f"2 * {right} / {classes}"),
    ]
    for name in BY_CLASS:
        mean = f"avg by ({', '.join(MODEL)}) ({q.of_class(name)} or 0 * {classes})"
        found.append(Recording(q.of_model(f"{name}_macro"), mean))
    return found


def _accuracy(q: Quality) -> list[Recording]:
    p = q.of_model("accuracy")
    n = f"({sum_by(MODEL, q.cells)} > 0)"
    middle = f"({p} + {_Z} ^ 2 / (2 * {n}))"
    half = f"{_Z} * sqrt({p} * (1 - {p}) / {n} + {_Z} ^ 2 / (4 * {n} ^ 2))"
    right = sum_by(MODEL, q.of_class("right"))
    return [
        Recording(p, f"{right} / {n}"),
        *(
            Recording(
                q.of_model(f"accuracy_{end}"),
                f"clamp(\n  ({middle}\n  {sign} {half})\n  / (1 + {_Z} ^ 2 / {n}),\n  0, 1)",
            )
            for end, sign in (("lower", "-"), ("upper", "+"))
        ),
    ]


def _auc(q: Quality) -> list[Recording]:
    """Of two classes: the score of a class is that of the label, or one less it where it is not.

    Labels that others predict are all labels less those that predict the class. Each is counted
    by its bin, and by the bin of one less its score.
    """
    scores = q.binned("scores")
    right, wrong = q.binned("right"), q.binned("wrong")
    of_class = label(semconv_quality.ML_LABEL_CLASS)
    places = (*MODEL, _BIN, _REST)
    predicted = label(semconv.ML_LABEL_PREDICTED)
    all_scores = sum_by(
        (*CELL, _BIN, _REST),
        q.grown(semconv_quality.ML_FEEDBACK_SCORE, present(semconv.ML_LABEL_ACTUAL)),
    )

    def by_place(cells: str) -> str:
        return sum_by((*places, of_class), _renamed(cells, of_class, predicted))

    every = by_place(scores)
    positive, negative = q.binned("positive"), q.binned("negative")
    two = f"(count by ({', '.join(MODEL)}) ({q.of_class('labels')}) == 2)"

    def outcome(own: str, other: str) -> str:
        """Return those predicted the class by their bin, and the others by the bin of the rest."""
        own_bins = sum_by(_BINNED, own)
        mirrored = sum_by(_BINNED, _renamed(other, _BIN, _REST))
        total = sum_by((*MODEL, _BIN), _renamed(other, _BIN, _REST))
        others = f"{mirrored} * -1 + on ({', '.join((*MODEL, _BIN))}) group_left () {total}"
        return f"({own_bins}\n+ ({others}))\nand {_OF_MODEL} {two}"

    ends = semconv_quality.SCORE_BINS
    below = "\nor ".join(
        _placed(sum_by(CLASS, vector(negative, _one_of(ends[:place]))), end)
        for place, end in enumerate(ends)
        if place
    )
    lower = q.binned("negative_below")
    pairs = f"{sum_by(CLASS, positive)} * {sum_by(CLASS, negative)} > 0"
    won = sum_by(CLASS, f"{positive} * (({lower} or 0 * {negative}) + {negative} / 2)")
    return [
        Recording(scores, all_scores),
        Recording(right, f"{by_place(_right(scores))}\nor 0 * {every}"),
        Recording(wrong, f"{every} - {right}"),
        Recording(positive, outcome(right, wrong)),
        Recording(negative, outcome(wrong, right)),
        Recording(lower, below),
        # Either class gives the same area.
        Recording(q.of_model("roc_auc"), f"max by ({', '.join(MODEL)}) (\n  {won}\n  / ({pairs}))"),
    ]


def _one_of(ends: tuple[str, ...]) -> str:
    return f'{_BIN}=~"{"|".join(end.replace(".", "[.]") for end in ends)}"'


def _placed(expression: str, end: str) -> str:
    return f'label_replace({expression}, "{_BIN}", "{end}", "", "")'


def _regression(q: Quality) -> list[Recording]:
    values = f"({sum_by(MODEL, q.grown(semconv_quality.ML_FEEDBACK_ERROR_VALUES))} > 0)"
    absolute = sum_by(MODEL, q.grown(semconv_quality.ML_FEEDBACK_ERROR_ABSOLUTE))
    squared = sum_by(MODEL, q.grown(semconv_quality.ML_FEEDBACK_ERROR_SQUARED))
    return [
        Recording(q.of_model("mae"), f"{absolute}\n/ {values}"),
        Recording(q.of_model("rmse"), f"sqrt({squared}\n/ {values})"),
    ]


def _coverage(q: Quality) -> Recording:
    succeeded = f'{label(semconv.ERROR_TYPE)}=""'
    made = f"({sum_by(MODEL, q.grown(semconv.ML_PREDICTIONS, succeeded))} > 0)"
    return Recording(q.of_model("coverage"), f"({q.labels} or 0 * {made})\n/ {made}")


def _cohorts() -> list[Recording]:
    """Quality of the predictions whose labels are complete, of all replicas, by their age.

    Each replica has the labels that were brought to it: they are weighed by their number.
    """
    by = (*MODEL, label(semconv_quality.ML_QUALITY_METRIC), label(semconv_quality.ML_LABEL_AGE))
    complete = f'{label(semconv_quality.ML_LABEL_MATURE)}="true"'
    value = vector(semconv_quality.ML_QUALITY_BY_COHORT, complete)
    rows = vector(semconv_quality.ML_QUALITY_BY_COHORT_ROWS, complete)
    return [
        Recording(COHORT_ROWS, sum_by(by, rows)),
        Recording(COHORT, f"{sum_by(by, f'{value} * {rows}')}\n/ ({COHORT_ROWS} > 0)"),
    ]


def groups() -> dict[str, list[Recording]]:
    """Return the rules by group, one a window."""
    found: dict[str, list[Recording]] = {}
    for window in WINDOWS:
        q = Quality(window)
        found[f"otelml-quality-{window}"] = [
            *_counts(q),
            *_classes(q),
            *_accuracy(q),
            *_auc(q),
            *_regression(q),
            _coverage(q),
        ]
    found["otelml-quality-cohorts"] = _cohorts()
    return found
