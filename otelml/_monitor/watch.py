"""One model version under watch: its reference, its windows, what is remembered of each feature."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from otelml import semconv
from otelml._drift_options import DriftOptions
from otelml._monitor.bins import MetricBins
from otelml._monitor.feature_state import FeatureState, Rules
from otelml._monitor.first_rows import FirstRows
from otelml._monitor.last_rows import LastRows
from otelml._monitor.outputs import Output, PendingOutputs, output_column
from otelml._monitor.report import Report
from otelml._monitor.rows import Block, PendingRows, places, read_as
from otelml._monitor.schedule import Schedule
from otelml._monitor.seen import Seen
from otelml._monitor.taken import Taken
from otelml._monitor.together import Together
from otelml._monitor.window import FeatureWindow
from otelml.drift import AlarmBudget
from otelml.reference import Column, Feature, Learned, Reference
from otelml.reference.sample import Counts

_BESIDE_COLUMNS = (
    semconv.FEATURE_PREDICTION,
    semconv.FEATURE_CONFIDENCE,
    semconv.FEATURE_MULTIVARIATE,
)
_MOST_MISMATCHES = 100
# Of a prediction as it is seen, and of a snapshot: read of many without a step of ours for each.
_FEATURES, _RESULTS, _DATA = itemgetter(2), itemgetter(4), itemgetter(1)
_MOST_CELLS = 4_000_000  # kept values of a window, 32 MB


class Watch:
    """One model version.

    Args:
        model: The model.
        version: Its version.
        options: When it is checked, and what is called drift.
        reference: Its reference; None makes one of its first rows.
        now_s: The time, seconds since 1970.
    """

    def __init__(
        self,
        model: str,
        version: str,
        options: DriftOptions,
        reference: Reference | None,
        now_s: float,
    ) -> None:
        self.model = model
        self.version = version
        self.options = options
        self.reference = reference
        self.digest = reference.digest if reference is not None else ""
        self.source = semconv.REFERENCE_GIVEN if reference is not None else semconv.REFERENCE_NONE
        self.schedule = Schedule(options.every_s, options.at_s, now_s)
        self.started_s = now_s
        self.checks = 0
        self.report: Report | None = None
        self.history: deque[Report] = deque(maxlen=20)
        self.past: deque[Mapping[str, FeatureWindow]] = deque(maxlen=options.rolling - 1)
        self.states: dict[str, FeatureState] = {}
        self.totals: dict[str, Counts] = {}
        self.bins: dict[str, MetricBins] = {}
        self.last: LastRows | None = None
        self.rows = 0
        self._rows_checked = 0
        self.mismatches: dict[str, str] = {}
        self.windows: dict[str, FeatureWindow] = {}
        self._features: tuple[str, ...] = ()
        self._together: Together | None = None
        self._pending = PendingRows()
        self._outputs = PendingOutputs()
        self._first: FirstRows | None = FirstRows(options.self_reference_rows)
        self._first_outputs = FirstRows(options.self_reference_rows)
        if reference is not None:
            self._first = None
            self._begin(dict(reference.features))
            if reference.predictions is not None:
                self._begin_output(semconv.FEATURE_PREDICTION, reference.predictions)

    # --- what is watched --------------------------------------------------------------------

    def _rules(self) -> Rules:
        options = self.options
        count = len(self._features) + len(_BESIDE_COLUMNS)
        return Rules(
            AlarmBudget.every(options.false_alarm_every_s, options.every_s, count),
            options.clear_after,
            options.verdict == "thresholds",
            options.calibrate_for_s > 0,
            options.window_rows,
        )

    @property
    def rules(self) -> Rules:
        """What decides an alarm."""
        return self._rules()

    def _begin(self, features: dict[str, Feature]) -> None:
        self._features = tuple(features)
        self._together = Together(features, self.options.self_reference_rows)
        if self.options.window == "last":
            self.last = LastRows(min(self.options.window_rows, self._room))
        rules = self._rules()
        for name, feature in features.items():
            self._watch(name, feature, rules)

    def _begin_output(self, name: str, feature: Feature) -> None:
        if name not in self.states:  # else a column has that very name
            self._watch(name, feature, self._rules())

    def _watch(self, name: str, feature: Feature, rules: Rules) -> None:
        of = self.reference
        known = of.learned.get(name) if of is not None and self._is_in_reference(name) else None
        self.states[name] = FeatureState(feature, rules, known)
        self.bins[name] = MetricBins(feature)
        self.totals[name] = np.zeros(len(feature.cut.names) + 2)
        self.windows[name] = self._window(feature)

    def _is_in_reference(self, name: str) -> bool:
        """Whether a feature is of the reference; others are made of first rows at each start."""
        outputs = self.reference.predictions if self.reference is not None else None
        is_output = name == semconv.FEATURE_PREDICTION and outputs is not None
        return name in self._features or is_output

    def _window(self, feature: Feature) -> FeatureWindow:
        return FeatureWindow(feature, min(self.options.max_rows, self._room))

    @property
    def _room(self) -> int:
        """Values that may be kept of each feature."""
        return max(100, _MOST_CELLS // max(1, len(self._features)))

    # --- rows come in -----------------------------------------------------------------------

    def take(self, run: Sequence[Seen]) -> None:
        """Take in a run of predictions, in the order of time."""
        if self._first is not None:  # whose rows are counted one by one
            for one in run:
                self._take_features(one)
                self._read_first()
        else:
            rows = list(map(_DATA, filter(None, map(_FEATURES, run))))
            if set(map(type, rows)) == {dict}:  # by far the most frequent
                for block in self._pending.add_run(rows):
                    self._take_block(block)
            else:
                for one in run:
                    self._take_features(one)
        for output in self._outputs.add(tuple(map(_RESULTS, run))):
            self._take_output(output)

    def _read_first(self) -> None:
        if self._first is not None and len(self._pending) >= self._first.missing:
            self.read()

    def _take_features(self, one: Seen) -> None:
        _, _, features, names, _ = one
        if features is not None and features.data is not None:
            for block in self._pending.add(features.data, features.rows, names):
                self._take_block(block)

    def read(self) -> None:
        """Take in the rows that wait."""
        for block in self._pending.read():
            self._take_block(block)
        for output in self._outputs.read():
            self._take_output(output)

    def _take_block(self, block: Block) -> None:
        for output in self._outputs.read():
            self._take_output(output)
        if self._first is not None:
            self._first.add(block)
            if self._first.done:
                self._make_reference(self._first)
            return
        self.rows += block.rows
        found = places(self._features, block)
        if found is None:
            self._mismatch("", f"{len(block.columns)} columns, not {len(self._features)}")
            return
        for name in block.names or ():
            if name not in self.states:
                self._mismatch(name, "not in the reference")
        for name, place in found.items():
            column, problem = read_as(self.states[name].feature, block.columns[place])
            if problem:
                self._mismatch(name, problem)
            self._count(name, column, block.rows if block.rows > block.kept else column.rows)
        self._keep_last(found, block)
        self._take_together({name: block.columns[place] for name, place in found.items()}, block)

    def _keep_last(self, found: Mapping[str, int], block: Block) -> None:
        if self.last is None:
            return
        for name in self._features:
            has = name in found
            self.last.add(name, block.columns[found[name]] if has else [None] * block.kept)
        self.last.counted(block.kept)

    def _take_together(self, columns: dict[str, Any], block: Block) -> None:
        together, name = self._together, semconv.FEATURE_MULTIVARIATE
        if together is None or name in self._features:
            return
        column = together.add(columns, block.kept)
        if column is not None:
            self._count(name, column, column.rows)
            if self.last is not None:
                self.last.add(name, column.values)

    def begin_together(self) -> Generator[None, None, None]:
        """Watch all columns together from now on, if there are first rows enough; yield often."""
        feature = None if self._together is None else (yield from self._together.begin())
        if feature is not None:
            self._begin_output(feature.name, feature)

    def _take_output(self, output: Output) -> None:
        state = self.states.get(output.name)
        if output.name in self._features:
            return
        column = output_column(state.feature if state is not None else None, output)
        if state is not None:
            self._count(output.name, column, column.rows)
            if self.last is not None:
                self.last.add(output.name, output.values)
            return
        first = self._first_outputs
        first.add_column(output.name, column)
        feature = first.features[output.name]
        if self._first is None and feature.rows >= self.options.self_reference_rows:
            self._begin_output(output.name, feature)

    def _count(self, name: str, column: Column, rows: int) -> None:
        added = self.windows[name].add(column, rows)
        self.totals[name] = self.totals[name] + added  # a new one: others read it meanwhile

    def _mismatch(self, name: str, problem: str) -> None:
        if len(self.mismatches) < _MOST_MISMATCHES:
            self.mismatches[name] = problem

    def _make_reference(self, first: FirstRows) -> None:
        self._first = None
        reference = Reference(first.features)
        self.reference, self.digest = reference, reference.digest
        self.source = semconv.REFERENCE_SELF
        self._begin(dict(reference.features))
        for name, feature in self._first_outputs.features.items():
            if feature.rows >= self.options.self_reference_rows:
                self._begin_output(name, feature)

    @property
    def rows_collected(self) -> int:
        """Rows since the last check; of the last rows, as many as there are."""
        rows = self.rows if self.last is None else self.last.rows
        return rows + len(self._pending)

    # --- a check ----------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether there are as many rows as a check needs."""
        if self.last is not None and self.reference is not None:
            return self.last.is_full and self.rows != self._rows_checked
        return self.reference is not None and self.rows >= self.options.window_rows

    def take_window(self) -> Taken:
        """Return the rows that a check looks at; those that are evidence are taken out."""
        self.read()
        last, options = self.last, self.options
        tested = self.rows >= (options.min_rows if last is None else last.limit)
        taken = Taken(self.windows, self.rows, dict(self.mismatches), tested, tested)
        if tested:
            states = self.states.items()
            self.windows = {name: self._window(state.feature) for name, state in states}
            self.rows, self.mismatches = 0, {}
        self._rows_checked = self.rows
        if last is None:
            return taken
        counted = tested or last.rows >= options.min_rows
        return replace(taken, rows=last.rows, counted=counted, last=last.taken())

    def wide_window(self, name: str, taken: Taken) -> FeatureWindow:
        """Return the window of a feature that statistics look at.

        Args:
            name: The feature.
            taken: What the check has before it.
        """
        if taken.last is not None and self.last is not None:
            read = partial(self._read, name)
            feature = self.states[name].feature
            return self.last.window(feature, taken.last.get(name, ()), read)
        wide = taken.windows[name]
        for before in self.past:
            if name in before:
                wide = wide.joined(before[name])
        return wide

    def _read(self, name: str, values: Any) -> Column:
        feature = self.states[name].feature
        if name in self._features:
            return read_as(feature, values)[0]
        return output_column(feature, Output(name, values))

    def is_critical(self, name: str) -> bool:
        """Whether the drift of a feature is significant however small."""
        return name in self.options.critical_features

    @property
    def self_reference_progress(self) -> tuple[int, int] | None:
        """Rows there are and rows wanted for the first rows; None where there is a reference."""
        if self._first is None:
            return None
        return self._first.rows + len(self._pending), self.options.self_reference_rows

    def accept(self, features: list[str] | None, now_s: float, who: str, why: str) -> Iterator[str]:
        """Make the last window the new normal; of those that drifted or are skewed by default.

        Args:
            features: Names; None means as above, or all where none has.
            now_s: The time, seconds since 1970.
            who: Who accepts.
            why: Why.
        """
        moved = [name for name, one in self.states.items() if one.alarmed or one.skewed]
        for name in features if features is not None else moved or list(self.states):
            state = self.states.get(name)
            if state is not None and state.accept(now_s, who, why):
                yield name

    def take_learned(self) -> dict[str, Learned]:
        """Return what was learned of the reference's features since the last time."""
        found: dict[str, Learned] = {}
        for name, state in self.states.items():
            if state.learned is not None and self._is_in_reference(name):
                found[name] = state.learned
            state.learned = None
        return found

    def values_by_bin(self) -> Iterator[tuple[str, MetricBins, list[float]]]:
        """Return for each feature its exported bins, and the values in each since the start."""
        for name, total in list(self.totals.items()):
            bins = self.bins.get(name)
            if bins is not None:
                yield name, bins, bins.fold(total)
