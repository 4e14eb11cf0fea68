"""One model version under watch: its reference, its windows, what is remembered of each feature."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from otelml import semconv
from otelml._drift_options import DriftOptions
from otelml._monitor.bins import MetricBins
from otelml._monitor.feature_state import FeatureState, Rules
from otelml._monitor.first_rows import FirstRows
from otelml._monitor.outputs import Output, PendingOutputs, output_column
from otelml._monitor.report import Report
from otelml._monitor.rows import Block, PendingRows, places, read_as
from otelml._monitor.schedule import Schedule
from otelml._monitor.window import FeatureWindow
from otelml._records.prediction import PredictionRecord
from otelml._records.results import Results
from otelml.drift import AlarmBudget
from otelml.reference import Column, Feature, Reference
from otelml.reference.sample import Counts

_OUTPUTS = (semconv.FEATURE_PREDICTION, semconv.FEATURE_CONFIDENCE)
_MOST_MISMATCHES = 100
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
        self.past: deque[dict[str, FeatureWindow]] = deque(maxlen=options.rolling - 1)
        self.states: dict[str, FeatureState] = {}
        self.totals: dict[str, Counts] = {}
        self.bins: dict[str, MetricBins] = {}
        self.rows = 0
        self.mismatches: dict[str, str] = {}
        self.windows: dict[str, FeatureWindow] = {}
        self._features: tuple[str, ...] = ()
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
        count = len(self._features) + len(_OUTPUTS)
        return Rules(
            AlarmBudget.every(options.false_alarm_every_s, options.every_s, count),
            options.clear_after,
            options.verdict == "thresholds",
            options.calibrate_for_s > 0,
        )

    @property
    def rules(self) -> Rules:
        """What decides an alarm."""
        return self._rules()

    def _begin(self, features: dict[str, Feature]) -> None:
        self._features = tuple(features)
        rules = self._rules()
        for name, feature in features.items():
            self._watch(name, feature, rules)

    def _begin_output(self, name: str, feature: Feature) -> None:
        if name not in self.states:  # else a column has that very name
            self._watch(name, feature, self._rules())

    def _watch(self, name: str, feature: Feature, rules: Rules) -> None:
        self.states[name] = FeatureState(feature, rules)
        self.bins[name] = MetricBins(feature)
        self.totals[name] = np.zeros(len(feature.cut.names) + 2)
        self.windows[name] = self._window(feature)

    def _window(self, feature: Feature) -> FeatureWindow:
        room = max(100, _MOST_CELLS // max(1, len(self._features)))
        return FeatureWindow(feature, min(self.options.max_rows, room))

    # --- rows come in -----------------------------------------------------------------------

    def take(self, record: PredictionRecord, results: Results) -> None:
        """Take in one prediction."""
        features = record.features
        if features is not None and features.data is not None:
            for block in self._pending.add(features.data, features.rows, record.feature_names):
                self._take_block(block)
        for output in self._outputs.add(results):
            self._take_output(output)

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

    def _take_output(self, output: Output) -> None:
        state = self.states.get(output.name)
        if output.name in self._features:
            return
        column = output_column(state.feature if state is not None else None, output)
        if state is not None:
            self._count(output.name, column, column.rows)
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
        """Rows since the last check."""
        return self.rows + len(self._pending)

    # --- a check ----------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether there are as many rows as a check needs."""
        return self.reference is not None and self.rows >= self.options.window_rows

    def take_window(self) -> tuple[dict[str, FeatureWindow], int, dict[str, str]]:
        """Return the rows since the last check, by feature, and begin anew."""
        taken = (self.windows, self.rows, self.mismatches)
        self.windows = {name: self._window(state.feature) for name, state in self.states.items()}
        self.rows, self.mismatches = 0, {}
        return taken

    def is_critical(self, name: str) -> bool:
        """Whether the drift of a feature is significant however small."""
        return name in self.options.critical_features

    @property
    def self_reference_progress(self) -> tuple[int, int] | None:
        """Rows there are and rows wanted for the first rows; None where there is a reference."""
        if self._first is None:
            return None
        return self._first.rows + len(self._pending), self.options.self_reference_rows

    def accept(self, features: list[str] | None = None) -> Iterator[str]:
        """Make the last window the new normal; of those that drifted or are skewed by default.

        Args:
            features: Names; None means as above, or all where none has.
        """
        moved = [name for name, one in self.states.items() if one.alarmed or one.skewed]
        for name in features if features is not None else moved or list(self.states):
            state = self.states.get(name)
            if state is not None and state.accept():
                yield name

    def values_by_bin(self) -> Iterator[tuple[str, MetricBins, list[float]]]:
        """Return for each feature its exported bins, and the values in each since the start."""
        for name, total in list(self.totals.items()):
            bins = self.bins.get(name)
            if bins is not None:
                yield name, bins, bins.fold(total)
