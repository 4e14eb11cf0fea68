"""One check of one model version, a feature at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np

from otelml import semconv
from otelml._monitor.feature_state import FeatureState
from otelml._monitor.hidden import with_shown_bins
from otelml._monitor.rates import rate_change
from otelml._monitor.report import Finding, RateChange, Report
from otelml._monitor.taken import Taken
from otelml._monitor.watch import Watch
from otelml._monitor.window import FeatureWindow
from otelml.drift import BANDS, FeatureDrift, measure, ranks, too_few
from otelml.drift.evidence import Event
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
    """Check the rows since the last check; yield often, return what was found.

    Args:
        watch: The model version.
        clock: Seconds since 1970.
    """
    started, worked_s = clock(), 0.0
    taken = watch.take_window()
    watch.schedule.checked(started)
    found = _Found(mismatches=dict(taken.mismatches))
    yield
    yield from watch.begin_together()
    yield
    for name, state in list(watch.states.items()):
        if name not in taken.windows:
            continue
        began = time.perf_counter()
        wide, drift = _measure(watch, state, taken, found)
        worked_s += time.perf_counter() - began
        yield  # a window of many rows, or of levels, takes long in both
        began = time.perf_counter()
        if drift.reason:
            found.findings[name] = Finding(drift, math.nan, 0.0, state.alarmed, state.skewed)
        else:
            was_skewed = state.skewed
            event = _decide(watch, state, taken, wide, drift)
            if state.skewed and not was_skewed:
                found.skewed.append(name)
            _tell(watch, state, drift, found, event)
            if name == semconv.FEATURE_PREDICTION and state.feature.discrete:
                found.rates = rate_change(state.feature, wide.counts)
        worked_s += time.perf_counter() - began
        yield
    watch.checks += taken.counted
    if taken.tested:
        watch.past.append(taken.windows)
        yield from _end_learning(watch, clock(), found)
    report = Report(
        watch.model,
        watch.version,
        int(started * 1e9),
        max(int(clock() * 1e9), int(started * 1e9) + 1),
        worked_s,
        taken.rows,
        found.findings,
        found.mismatches,
        _ranked(found, found.detected),
        tuple(found.cleared),
        _ranked(found, found.skewed),
        math.log10(watch.rules.budget.evidence_threshold),
        found.rates,
        watch.digest,
        watch.source,
        taken.counted,
        watch.reference.rows if watch.reference is not None else 0,
        watch.options.verdict,
    )
    watch.report = report
    watch.history.append(report)
    return report


def _ranked(found: _Found, names: list[str]) -> tuple[str, ...]:
    """Return features, those to look at first in front."""
    order = ranks({name: one.drift for name, one in found.findings.items()})
    return tuple(sorted(names, key=lambda name: -order.get(name, 0.0)))


def _measure(
    watch: Watch, state: FeatureState, taken: Taken, found: _Found
) -> tuple[FeatureWindow, FeatureDrift]:
    """Return the window that statistics look at, and what they say."""
    name, feature = state.feature.name, state.feature
    window, min_rows = taken.windows[name], watch.options.min_rows
    wide = window if taken.last is None else watch.wide_window(name, taken)
    if taken.rows and not wide.usable + wide.missing + wide.non_finite:
        found.mismatches.setdefault(name, "not in the window")
    short = too_few(feature, wide.usable, min_rows)
    if short:
        return wide, FeatureDrift(
            name, {}, {}, math.nan, False, wide.missing_share, 0, feature.importance, (), short
        )
    if taken.last is None:
        wide = watch.wide_window(name, taken)
    values = np.empty(0) if feature.sample is None else np.sort(wide.values)
    level = 0.05 / max(1, len(watch.states))
    bands = {**BANDS, **(watch.options.thresholds or {})}
    drift = measure(feature, values, wide.counts, wide.missing_share, level, EPSILON, bands)
    return wide, with_shown_bins(drift, feature)


def _decide(
    watch: Watch, state: FeatureState, taken: Taken, wide: FeatureWindow, drift: FeatureDrift
) -> Event:
    """Take the window in, or look at it where it is no evidence; return what it brings."""
    window = taken.windows[state.feature.name]
    if taken.tested and not too_few(state.feature, window.usable, watch.options.min_rows):
        return state.add(drift, window.column)
    if taken.last is not None and taken.counted:
        return state.revisit(drift, wide.column)
    state.look(wide.column if taken.last is not None else window.column)
    return ""


def _tell(
    watch: Watch, state: FeatureState, drift: FeatureDrift, found: _Found, event: Event
) -> None:
    name = state.feature.name
    if event == "alarm":
        found.detected.append(name)
    elif event == "clear":
        found.cleared.append(name)
    found.findings[name] = Finding(
        drift,
        state.p_value,
        state.evidence.value,
        state.alarmed,
        state.skewed,
        watch.is_critical(name),
        state.learning,
        state.smallest_shift,
    )


def _end_learning(watch: Watch, now_s: float, found: _Found) -> Generator[None, None, None]:
    if now_s - watch.started_s < watch.options.calibrate_for_s:
        return
    for name, state in watch.states.items():
        if state.end_learning(now_s):
            found.skewed.append(name)
        yield
