"""One check of one model version, a feature at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np

from otelml import semconv
from otelml._monitor.feature_state import FeatureState
from otelml._monitor.learning import AT_LEAST
from otelml._monitor.rates import rate_change
from otelml._monitor.report import Finding, RateChange, Report
from otelml._monitor.watch import Watch
from otelml._monitor.window import FeatureWindow
from otelml.drift import BANDS, FeatureDrift, measure, too_few
from otelml.drift.pairs import EPSILON


@dataclass
class _Found:
    findings: dict[str, Finding] = field(default_factory=dict[str, Finding])
    detected: list[str] = field(default_factory=list[str])
    cleared: list[str] = field(default_factory=list[str])
    skewed: list[str] = field(default_factory=list[str])
    mismatches: dict[str, str] = field(default_factory=dict[str, str])
    rates: RateChange | None = None


def check(watch: Watch, clock: Callable[[], float]) -> Generator[None, None, Report]:
    """Check the rows since the last check; yield after each feature, return what was found.

    Args:
        watch: The model version.
        clock: Seconds since 1970.
    """
    started, worked_s = clock(), 0.0
    watch.read()
    counted = watch.rows >= watch.options.min_rows
    if counted:
        windows, rows, mismatches = watch.take_window()
    else:  # a look at what is there
        windows, rows, mismatches = watch.windows, watch.rows, dict(watch.mismatches)
    watch.schedule.checked(started)
    found = _Found(mismatches=dict(mismatches))
    for name, state in list(watch.states.items()):
        began = time.perf_counter()
        window = windows.get(name)
        if window is not None:
            _feature(watch, state, window, rows, found, counted)
        worked_s += time.perf_counter() - began
        yield
    if counted:
        watch.past.append(windows)
        watch.checks += 1
        yield from _end_learning(watch, clock(), found)
    report = Report(
        watch.model,
        watch.version,
        int(started * 1e9),
        max(int(clock() * 1e9), int(started * 1e9) + 1),
        worked_s,
        rows,
        found.findings,
        found.mismatches,
        tuple(found.detected),
        tuple(found.cleared),
        tuple(found.skewed),
        math.log10(watch.rules.budget.evidence_threshold),
        found.rates,
        watch.digest,
        watch.source,
        counted,
    )
    watch.report = report
    watch.history.append(report)
    return report


def _feature(
    watch: Watch,
    state: FeatureState,
    window: FeatureWindow,
    rows: int,
    found: _Found,
    counted: bool,
) -> None:
    name, feature = state.feature.name, state.feature
    if rows and not window.usable + window.missing + window.non_finite:
        found.mismatches.setdefault(name, "not in the window")
    short = too_few(feature, window.usable, watch.options.min_rows)
    if short:
        drift = FeatureDrift(
            name, {}, {}, math.nan, False, window.missing_share, 0, feature.importance, (), short
        )
        found.findings[name] = Finding(drift, math.nan, 0.0, state.alarmed, state.skewed)
        return
    wide = window
    for before in watch.past:
        if name in before:
            wide = wide.joined(before[name])
    values = np.empty(0) if feature.sample is None else np.sort(wide.values)
    level = 0.05 / max(1, len(watch.states))
    bands = {**BANDS, **(watch.options.thresholds or {})}
    drift = measure(feature, values, wide.counts, wide.missing_share, level, EPSILON, bands)
    was_skewed = state.skewed
    if counted:
        event = state.add(drift, window.values, window.counts)
        if event == "alarm":
            found.detected.append(name)
        elif event == "clear":
            found.cleared.append(name)
    else:
        state.look(window.values, window.counts)
    if state.skewed and not was_skewed:
        found.skewed.append(name)
    if name == semconv.FEATURE_PREDICTION and feature.discrete:
        found.rates = rate_change(feature, wide.counts)
    found.findings[name] = Finding(
        drift,
        state.p_value,
        state.evidence.value,
        state.alarmed,
        state.skewed,
        watch.is_critical(name),
        state.learning is not None,
        state.smallest_shift,
    )


def _end_learning(watch: Watch, now_s: float, found: _Found) -> Generator[None, None, None]:
    if now_s - watch.started_s < watch.options.calibrate_for_s:
        return
    for name, state in watch.states.items():
        learning = state.learning
        if learning is None or learning.windows < AT_LEAST:
            continue
        if state.end_learning():
            found.skewed.append(name)
        yield
