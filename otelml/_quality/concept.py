"""Concept drift of one model version: whether its answers are worse than at training."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otelml import semconv_quality as names
from otelml._drift_options import DriftOptions
from otelml._quality.by_bin import Coded
from otelml._quality.cohorts import Cohorts, Labelled
from otelml._quality.judgement import Baseline, Judgement, baseline_of, severity_of
from otelml._quality.lags import Maturity, learn
from otelml.drift import (
    AlarmBudget,
    Evidence,
    Loss,
    effective_rows,
    lag_1_autocorrelation,
    mean_loss,
    share_loss,
)
from otelml.drift.dependence import unbiased
from otelml.drift.evidence import Event
from otelml.reference import Feature, Reference

_ROWS = 100
_BASELINE_ROWS = 500
_HISTORY = 20
_CODED = 4000
_WEIGHT = 0.1
_FREQUENT = 0.05
_FEW = 10
_LABELS = 200
_REMEMBERED = 16  # times the age at which labels are complete
Floats = npt.NDArray[np.float64]


class BinQuality(NamedTuple):
    """Quality in one bin of a feature.

    Args:
        feature: The feature.
        name: The bin.
        value: Accuracy, or mean absolute error.
        rows: Labelled predictions in it.
    """

    feature: str
    name: str
    value: float
    rows: int


class CohortQuality(NamedTuple):
    """Quality of predictions of about one age.

    Args:
        age: The age that none of them passes: ``1m`` to ``30d``, or ``older``.
        is_mature: Whether their labels are as good as complete.
        value: Accuracy, or mean absolute error.
        rows: Predictions of these with a label.
    """

    age: str
    is_mature: bool
    value: float
    rows: int


class Concept:
    """One model version.

    Args:
        model: The model.
        version: Its version.
        options: The alarm budget.
        reference: Whose quality is compared with; None takes that of the first labels.
        is_value: Whether it predicts numbers.
        now_s: The time, seconds since the epoch.
        mature_s: From which age on labels are complete, seconds; None learns it.
    """

    def __init__(
        self,
        model: str,
        version: str,
        options: DriftOptions,
        reference: Reference | None,
        *,
        is_value: bool,
        now_s: float,
        mature_s: float | None = None,
    ) -> None:
        self.model = model
        self.version = version
        self.is_value = is_value
        self.reference = reference
        self.cohorts = Cohorts(options.every_s)
        self.last: Judgement | None = None
        self.history: deque[Judgement] = deque(maxlen=_HISTORY)
        self._options = options
        self._started_s = now_s
        self._mature_s = mature_s
        self._budget = AlarmBudget.every(options.false_alarm_every_s, options.every_s, 1)
        self._evidence = Evidence(self._budget, options.clear_after)
        self._baseline = baseline_of(reference, is_value=is_value)
        self._first: list[Labelled] = []
        self._gathered: list[Labelled] = []
        self._open = 0.0
        self._quiet = 0
        self._autocorrelation = math.nan
        self._predicted = Counter[str]()
        self._coded: deque[Coded] = deque(maxlen=_CODED)

    @property
    def features(self) -> Mapping[str, Feature]:
        """The features of the reference."""
        return self.reference.features if self.reference is not None else {}

    def judge(self, now_s: float) -> Iterator[Judgement]:
        """Judge what is complete by now, a window at a time.

        Args:
            now_s: The time, seconds since the epoch.
        """
        mature = self.mature(now_s)
        for age, cohort in list(self.cohorts.ages(now_s)):
            if cohort.judged or age < mature.age_s or not cohort.lags.any():
                continue
            watched = cohort.start_ms >= self._started_s * 1e3
            rows, coded = cohort.judge()
            if not watched:
                continue  # what came before we were there is not known
            self._coded.extend(coded)
            self._gathered += rows
            self._open += len(rows) * (1 / mature.share - 1)
            if len(self._gathered) >= max(_ROWS, self._options.min_rows):
                yield from self._window(now_s, mature)
        if math.isfinite(mature.age_s):
            self.cohorts.forget(now_s - _REMEMBERED * max(mature.age_s, self._options.every_s))

    def mature(self, now_s: float) -> Maturity:
        """Return from which age on labels are complete."""
        if self._mature_s is not None:
            return Maturity(self._mature_s, 1.0)
        return learn(self.cohorts.lags(now_s, self._started_s))

    def _window(self, now_s: float, mature: Maturity) -> Iterator[Judgement]:
        rows, self._gathered = self._gathered, []
        still_open, self._open = self._open, 0.0
        baseline = self._baseline_for(rows)
        if baseline is None:
            return
        values = np.array([row.value for row in rows], np.float64)
        loss = self._loss(values, baseline, still_open)
        event = self._decide(loss, baseline)
        judged = Judgement(
            self.model,
            self.version,
            names.METRIC_MAE if self.is_value else names.METRIC_ACCURACY,
            now_s,
            len(rows),
            float(values.mean()),
            baseline,
            loss,
            math.log10(max(1.0, self._evidence.value)),
            math.log10(self._budget.evidence_threshold),
            self._evidence.alarmed,
            event,
            mature.age_s,
        )
        self.last = judged
        self.history.append(judged)
        yield judged

    def _baseline_for(self, rows: list[Labelled]) -> Baseline | None:
        """Return what to compare with; the first labels where the reference has nothing alike."""
        known = self._baseline
        if known is not None and self._is_partial(known, rows):
            known = self._baseline = None
        if known is not None:
            return known
        self._first += rows
        if len(self._first) >= _BASELINE_ROWS:
            self._rebase(self._first)
            self._first = []
        return None

    def predict(self, labels: Iterable[str]) -> None:
        """Count what is predicted, labelled or not."""
        for label in labels:
            if label in self._predicted or len(self._predicted) < _LABELS:
                self._predicted[label] += 1

    def _is_partial(self, known: Baseline, rows: list[Labelled]) -> bool:
        """Whether what is often predicted has no label: only approved ones have an outcome."""
        predicted, self._predicted = self._predicted, Counter[str]()
        if known.source != names.BASELINE_REFERENCE or self.is_value:
            return False
        found = {row.predicted for row in rows}
        least = max(_FEW, _FREQUENT * predicted.total())
        return any(count >= least and label not in found for label, count in predicted.items())

    def _rebase(self, rows: list[Labelled]) -> None:
        values = np.array([row.value for row in rows], np.float64)
        spread = float(values.std(ddof=1)) if self.is_value else math.nan
        self._baseline = Baseline(float(values.mean()), spread, len(rows), names.BASELINE_SERVING)
        self._evidence = Evidence(self._budget, self._options.clear_after)

    def accept(self) -> bool:
        """Compare with what comes from now on; return whether there was something to accept."""
        if self.last is None:
            return False
        self._baseline, self._first, self.last = None, [], None
        self._evidence = Evidence(self._budget, self._options.clear_after)
        return True

    def saved(self) -> dict[str, Any]:
        """Return what is known beside the cohorts, as what JSON can hold."""
        return {
            "model": self.model,
            "version": self.version,
            "is_value": self.is_value,
            "started_s": self._started_s,
            "first": self._first,
            "gathered": self._gathered,
            "open": self._open,
            "quiet": self._quiet,
            "autocorrelation": None if math.isnan(self._autocorrelation) else self._autocorrelation,
            "evidence": [self._evidence.value, self._evidence.alarmed, self._evidence.quiet],
            "of_serving": self._of_serving(),
            "predicted": dict(self._predicted),
        }

    def _of_serving(self) -> list[Any] | None:
        known = self._baseline
        if known is None or known.source != names.BASELINE_SERVING:
            return None
        spread = None if math.isnan(known.spread) else known.spread
        return [known.value, spread, known.rows, known.source]

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on where one that has ended was; evidence of its own stands, where there is some."""
        self._started_s = min(self._started_s, float(saved["started_s"]))
        self._gathered += [Labelled(*row) for row in saved["gathered"]]
        self._open += float(saved["open"])
        self._predicted.update(saved["predicted"])
        if self.last is not None:
            return
        value, alarmed, quiet = saved["evidence"]
        self._evidence.value = float(value)
        self._evidence.alarmed, self._evidence.quiet = bool(alarmed), int(quiet)
        self._quiet = int(saved["quiet"])
        self._first += [Labelled(*row) for row in saved["first"]]
        if saved["autocorrelation"] is not None:
            self._autocorrelation = float(saved["autocorrelation"])
        if saved["of_serving"] is not None:
            value, spread, rows, source = saved["of_serving"]
            spread = math.nan if spread is None else float(spread)
            self._baseline = Baseline(float(value), spread, int(rows), str(source))

    def _loss(self, values: Floats, baseline: Baseline, still_open: float) -> Loss:
        rows = len(values)
        found = unbiased(lag_1_autocorrelation(values), rows)
        known = self._autocorrelation
        if values.min() < values.max():  # else it says nothing of it
            self._autocorrelation = (
                found if math.isnan(known) else (1 - _WEIGHT) * known + _WEIGHT * found
            )
        # The larger one: few and long runs show too little of themselves.
        r = max(found, 0.0 if math.isnan(self._autocorrelation) else self._autocorrelation)
        effective = effective_rows(rows, r)
        if self.is_value:
            return mean_loss(
                values, baseline.value, baseline.spread, baseline.rows, effective=effective
            )
        return share_loss(
            float(values.sum()),
            rows,
            baseline.value,
            baseline.rows,
            effective=effective,
            open_rows=still_open,
        )

    def _decide(self, loss: Loss, baseline: Baseline) -> Event:
        if self._options.verdict != "thresholds":
            return self._evidence.add(loss.p_value)
        found = severity_of(loss.value, baseline.value, is_value=self.is_value)
        before, self._quiet = self._evidence.alarmed, 0 if found else self._quiet + 1
        self._evidence.alarmed = bool(found) or (before and self._quiet < self._options.clear_after)
        if self._evidence.alarmed == before:
            return ""
        return "clear" if before else "alarm"

    def by_cohort(self, now_s: float) -> Iterator[CohortQuality]:
        """Return quality by the age of predictions, apart where labels are complete.

        Args:
            now_s: The time, seconds since the epoch.
        """
        found: dict[tuple[str, bool], list[tuple[float, int]]] = {}
        for age, cohort in self.cohorts.ages(now_s):
            value, labels = cohort.value, cohort.labels
            if labels and not math.isnan(value):
                ends = names.LABEL_AGES.items()
                name = next((name for name, end in ends if age <= end), names.LABEL_AGE_OLDER)
                found.setdefault((name, cohort.judged), []).append((value, labels))
        for (name, is_mature), parts in found.items():
            labels = sum(count for _, count in parts)
            value = sum(value * count for value, count in parts) / labels
            yield CohortQuality(name, is_mature, value, labels)

    def by_bin(self, features: tuple[str, ...]) -> Iterator[BinQuality]:
        """Return quality by bin of some features, over the labels that were judged lately."""
        coded = list(self._coded)
        known = list(self.features)
        if not coded:
            return
        values = np.array([one.value for one in coded])
        places = np.stack([one.bins for one in coded])
        for feature in features:
            if feature not in self.features:
                continue
            bins = places[:, known.index(feature)]
            for place, name in enumerate(self.features[feature].cut.names):
                inside = bins == place
                if inside.any():
                    rows = int(inside.sum())
                    yield BinQuality(feature, name, float(values[inside].mean()), rows)
