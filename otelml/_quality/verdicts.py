"""Whether the answers of each model version are worse than at training: what the worker does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence

from otelml import _guard, semconv
from otelml._drift_options import DriftOptions
from otelml._feedback import FeedbackRecord
from otelml._monitor import Watch
from otelml._prediction.tokens import label_in_token, same_label
from otelml._quality.by_bin import MOST_ROWS, Coded, bins_of
from otelml._quality.cohorts import Labelled
from otelml._quality.concept import Concept
from otelml._quality.judgement import Judgement
from otelml._quality.saved import Part, read_parts
from otelml._records.prediction import PredictionRecord
from otelml._records.results import Results

_MOST_MODELS = 100
_EARLIEST_S = 400 * 86_400.0
_AHEAD_S = 3600.0
_OFTEN_S = 10.0
_LARGEST = 1e150


class Verdicts:
    """Judges the labels of all model versions, once they are complete.

    Args:
        options: The alarm budget.
        watch_of: The model version under watch of the drift monitor; None where there is none.
        mature_s: From which age on labels are complete, seconds; None learns it.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        options: DriftOptions,
        watch_of: Callable[[str, str], Watch | None],
        mature_s: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._watch_of = watch_of
        self._mature_s = mature_s
        self._clock = clock
        self._started_s = clock()
        self._concepts: dict[tuple[str, str], Concept] = {}
        self.judges = False
        self._next_s = 0.0
        self.on_judgement: Callable[[Judgement], None] = lambda _: None

    # --- the worker's side ------------------------------------------------------------------

    def take(self, record: PredictionRecord, results: Results) -> None:
        """Take a prediction, once there are labels: what it says, and of an even part the bins."""
        concept = self._concepts.get((record.model, record.version))
        features = record.features
        if concept is None or record.error:
            return
        concept.predict(map(label_in_token, results.labels[:MOST_ROWS]))
        if features is None or features.data is None:
            return
        known = concept.features
        if features.rows > MOST_ROWS:
            return
        context = record.span.get_span_context()
        ids = (context.trace_id, context.span_id) if context.is_valid else record.random_ids
        if ids is None or not known:
            return
        coded = concept.cohorts.at((record.start_ns or time.time_ns()) // 1_000_000).coded
        chosen = [row for row in range(features.rows) if coded.takes((*ids, row))]
        if not chosen:
            return
        bins = bins_of(known, features.data, features.rows, record.feature_names)
        if bins is None:
            return
        for row in chosen:
            coded.put((*ids, row), Coded(bins[row].copy(), float("nan")))

    def take_label(self, record: FeedbackRecord) -> None:
        """Take a label that came back."""
        token, outcome = record.token, record.result.outcome
        now = self._clock()
        age_s = now - token.time_ms / 1e3
        is_old = outcome == semconv.OUTCOME_DUPLICATE or not -_AHEAD_S <= age_s <= _EARLIEST_S
        if is_old or not token.label:
            return
        concept = self._concept(token.model, token.version, is_value=token.is_value)
        if concept.is_value != token.is_value:
            return
        value = _value(token.label, record.result.actual, is_value=token.is_value)
        if not value <= _LARGEST:
            return  # no number, or one that cannot be squared
        row = Labelled(token.time_ms, value, "" if token.is_value else token.label)
        concept.cohorts.label(
            (token.trace_id, token.span_id, token.row),
            row,
            record.result.delay_s,
            is_new=outcome != semconv.OUTCOME_CONFLICT,
        )

    def _concept(self, model: str, version: str, *, is_value: bool) -> Concept:
        key = (model, version)
        concept = self._concepts.get(key)
        watch = self._watch_of(model, version)
        given = watch is not None and watch.source == semconv.REFERENCE_GIVEN
        reference = watch.reference if watch is not None and given else None
        # A model that was registered anew has another reference.
        if concept is not None and (reference is None or concept.reference is reference):
            return concept
        if concept is None and len(self._concepts) >= _MOST_MODELS:
            del self._concepts[next(iter(self._concepts))]
        self.judges = True
        made = self._concepts[key] = Concept(
            model,
            version,
            self._options,
            reference,
            is_value=is_value,
            now_s=self._started_s if concept is None else self._clock(),
            mature_s=self._mature_s,
        )
        return made

    def work(self) -> None:
        """Judge what is complete."""
        now = self._clock()
        if self._next_s - _OFTEN_S <= now < self._next_s:
            return
        self._next_s = now + min(_OFTEN_S, self._options.every_s / 5)
        for concept in list(self._concepts.values()):
            _guard.call("quality", self._judge, concept, now)

    def _judge(self, concept: Concept, now: float) -> None:
        for judgement in concept.judge(now):
            self.on_judgement(judgement)

    def load(self, parts: Mapping[Part, str]) -> None:
        """Go on where a process that has ended was.

        Args:
            parts: Texts that ``Changes`` made of its concepts.
        """
        for state, cohorts in read_parts(parts):
            model, version = str(state["model"]), str(state["version"])
            concept = self._concept(model, version, is_value=bool(state["is_value"]))
            if concept.is_value != state["is_value"]:
                continue
            concept.load(state)
            for text in cohorts:
                concept.cohorts.load(json.loads(text))

    def replay(self, records: Sequence[FeedbackRecord], since_ns: int) -> None:
        """Take labels that the store has and nothing that was saved: a kill came in between."""
        for record in records:
            token = record.token
            key = (token.trace_id, token.span_id, token.row)
            concept = self._concepts.get((token.model, token.version))
            known = concept is not None and concept.cohorts.at(token.time_ms).rows.get(key)
            if record.time_ns > since_ns and known is None:
                self.take_label(record)

    def accept(self, model: str, version: str) -> bool:
        """Take what comes from now on as the normal; return whether anything was judged before."""
        concept = self._concepts.get((model, version))
        return concept is not None and concept.accept()

    def continue_from(self, before: Verdicts) -> None:
        """Go on with what one with the same options has seen."""
        if (before._options, before._mature_s) == (self._options, self._mature_s):
            self._concepts, self._started_s = before._concepts, before._started_s
            self.judges = bool(self._concepts)

    def clear(self) -> None:
        """Forget what was seen, in a forked child."""
        self._concepts, self._started_s = {}, self._clock()
        self.judges = False

    # --- what others read -------------------------------------------------------------------

    def concepts(self) -> list[Concept]:
        """Return each model version that has labels."""
        return list(self._concepts.values())

    def of(self, model: str, version: str) -> Judgement | None:
        """Return the last judgement of a model version; None where there is none."""
        concept = self._concepts.get((model, version))
        return concept.last if concept is not None else None

    def drifted(self, concept: Concept) -> Generator[str, None, None]:
        """Return the features of a model version that have drifted now."""
        watch = self._watch_of(concept.model, concept.version)
        if watch is not None and watch.report is not None:
            yield from watch.report.drifted


def _value(predicted: str, actual: str, *, is_value: bool) -> float:
    if is_value:
        return abs(float(actual) - float(predicted))
    return float(same_label(predicted, actual))
