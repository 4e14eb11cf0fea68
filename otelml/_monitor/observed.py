"""What is read of the monitor at each collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from opentelemetry.metrics import Meter

from otelml import semconv
from otelml._metrics import Point, bounded, observe
from otelml._monitor.monitor import Monitor
from otelml._monitor.report import Finding, Report
from otelml._monitor.watch import Watch
from otelml.semconv import Metric


def observe_monitor(
    meter: Meter, current: Callable[[], Monitor | None], limit: Callable[[], int]
) -> None:
    """Make the instruments of the monitor that is current, each of at most ``limit`` streams."""

    def add(metric: Metric, points: Callable[[Monitor], Iterable[Point]]) -> None:
        def read() -> Iterable[Point]:
            monitor = current()
            return () if monitor is None else bounded(metric, points(monitor), limit())

        observe(meter, metric, read)

    add(semconv.ML_FEATURE_VALUES, _values)
    add(semconv.ML_FEATURE_REFERENCE_RATIO, _ratios)
    add(semconv.ML_FEATURE_REFERENCE_VALUES, _reference_values)
    add(semconv.ML_FEATURE_IMPORTANCE, _importances)
    add(semconv.ML_DRIFT_STATISTIC, _statistics)
    add(semconv.ML_DRIFT_P_VALUE, _p_values)
    for metric, of in _OF_FINDINGS.items():
        add(metric, _reading_findings(of))
    add(semconv.ML_DRIFT_DETECTED, _detected)
    add(semconv.ML_DRIFT_CRITICAL, _critical)
    for metric, of_report in _OF_REPORTS.items():
        add(metric, _reading_reports(of_report))
    add(semconv.ML_DRIFT_CHECKS, lambda m: [(one.checks, _model(one)) for one in m.watches()])


def _model(of: Watch | Report) -> dict[str, str]:
    return {semconv.ML_MODEL_NAME: of.model, semconv.ML_MODEL_VERSION: of.version}


def _feature(of: Watch | Report, name: str) -> dict[str, str]:
    return {**_model(of), semconv.ML_FEATURE_NAME: name}


def _values(monitor: Monitor) -> Iterator[Point]:
    for watch in monitor.watches():
        for name, bins, counts in watch.values_by_bin():
            attributes = _feature(watch, name)
            for bin_name, count in zip(bins.names, counts, strict=True):
                yield count, {**attributes, semconv.ML_FEATURE_BIN: bin_name}


def _ratios(monitor: Monitor) -> Iterator[Point]:
    for watch in monitor.watches():
        for name, bins in list(watch.bins.items()):
            attributes = _feature(watch, name)
            for bin_name, share in zip(bins.names, bins.ratios, strict=True):
                yield share, {**attributes, semconv.ML_FEATURE_BIN: bin_name}


def _reference_values(monitor: Monitor) -> Iterator[Point]:
    for watch in monitor.watches():
        for name, bins in list(watch.bins.items()):
            yield bins.values, _feature(watch, name)


def _importances(monitor: Monitor) -> Iterator[Point]:
    for watch in monitor.watches():
        for name, state in list(watch.states.items()):
            if state.feature.importance is not None:
                yield state.feature.importance, _feature(watch, name)


def _findings(monitor: Monitor) -> Iterator[tuple[dict[str, str], Finding]]:
    for report in monitor.reports():
        for name, finding in report.findings.items():
            yield _feature(report, name), finding


def _statistics(monitor: Monitor) -> Iterator[Point]:
    for attributes, finding in _findings(monitor):
        for method, statistic in finding.drift.statistics.items():
            yield statistic.value, {**attributes, semconv.ML_DRIFT_METHOD: method}
    for report in monitor.reports():
        change = report.rate_change
        if change is not None:
            attributes = _feature(report, semconv.FEATURE_PREDICTION)
            moved = change.current - change.reference
            yield moved, {**attributes, semconv.ML_DRIFT_METHOD: semconv.METHOD_RATE_CHANGE}


def _p_values(monitor: Monitor) -> Iterator[Point]:
    for attributes, finding in _findings(monitor):
        for method, statistic in finding.drift.statistics.items():
            yield statistic.p_value, {**attributes, semconv.ML_DRIFT_METHOD: method}
    for report in monitor.reports():
        change = report.rate_change
        if change is not None:
            attributes = _feature(report, semconv.FEATURE_PREDICTION)
            yield (
                change.p_value,
                {**attributes, semconv.ML_DRIFT_METHOD: semconv.METHOD_RATE_CHANGE},
            )


def _reading_findings(of: Callable[[Finding], float]) -> Callable[[Monitor], Iterable[Point]]:
    return lambda monitor: ((of(found), attributes) for attributes, found in _findings(monitor))


def _reading_reports(of: Callable[[Report], float]) -> Callable[[Monitor], Iterable[Point]]:
    return lambda monitor: ((of(report), _model(report)) for report in monitor.reports())


def _detected(monitor: Monitor) -> Iterator[Point]:
    for watch in monitor.watches():
        report = watch.report
        yield float(bool(report and report.drifted)), _feature(watch, semconv.FEATURE_ANY)
    for attributes, finding in _findings(monitor):
        yield float(finding.detected), attributes


def _critical(monitor: Monitor) -> Iterator[Point]:
    for attributes, finding in _findings(monitor):
        if finding.critical:
            yield float(finding.detected), attributes


_OF_FINDINGS: dict[Metric, Callable[[Finding], float]] = {
    semconv.ML_DRIFT_EVIDENCE: lambda found: found.log_evidence,
    semconv.ML_DRIFT_SEVERITY: lambda found: found.severity,
    semconv.ML_DRIFT_SKEWED: lambda found: float(found.skewed),
}
_OF_REPORTS: dict[Metric, Callable[[Report], float]] = {
    semconv.ML_DRIFT_EVIDENCE_THRESHOLD: lambda report: report.threshold,
    semconv.ML_DRIFT_SHARE: lambda report: report.share,
    semconv.ML_DRIFT_CHECK_DURATION: lambda report: report.worked_s,
    semconv.ML_DRIFT_WINDOW_ROWS: lambda report: report.rows,
    semconv.ML_DRIFT_LAST_CHECK: lambda report: report.end_ns / 1e9,
    semconv.ML_DRIFT_LEARNING: lambda report: float(report.learning),
}
