"""The last run of each batch job of this process, which is read at each collection."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from opentelemetry.metrics import Meter

from otelml import semconv, semconv_batch
from otelml._metrics.observed import bounded, observe
from otelml.semconv import Metric


class LastRun(NamedTuple):
    """A run of a batch job that has ended.

    Args:
        job: Name of the job.
        model: Its model; empty where none was said.
        ends_s: When a run last ended, seconds since 1970, by outcome.
        interval_s: How often it is to run; None where that is not said.
        rows: Its rows.
        duration_s: Seconds that it took.
        drifted: Features that drifted; None where it was not compared.
    """

    job: str
    model: str
    ends_s: dict[str, float]
    interval_s: float | None
    rows: int
    duration_s: float
    drifted: int | None


_runs: dict[str, LastRun] = {}


def keep_run(run: LastRun) -> None:
    """Let the metrics tell of a run from now on, beside the job's last one of another outcome."""
    before = _runs.get(run.job)
    ends = {**before.ends_s, **run.ends_s} if before is not None else run.ends_s
    _runs[run.job] = run._replace(ends_s=ends)


def forget_runs() -> None:
    """Forget all of them: in a child, they are the parent's."""
    _runs.clear()


def observe_runs(meter: Meter, limit: Callable[[], int]) -> None:
    """Make the instruments of batch jobs, each of at most ``limit`` streams."""

    def add(metric: Metric, of: Callable[[LastRun], float | None]) -> None:
        def read() -> list[tuple[float, dict[str, str]]]:
            found = ((of(run), _job(run)) for run in list(_runs.values()))
            points = [(value, key) for value, key in found if value is not None]
            return bounded(metric, points, limit(), semconv_batch.ML_BATCH_NAME)

        observe(meter, metric, read)

    last = semconv_batch.ML_BATCH_LAST_RUN

    def ends() -> list[tuple[float, dict[str, str]]]:
        points = [
            (end_s, {**_job(run), semconv_batch.ML_BATCH_OUTCOME: outcome})
            for run in list(_runs.values())
            for outcome, end_s in run.ends_s.items()
        ]
        return bounded(last, points, limit(), semconv_batch.ML_BATCH_NAME)

    observe(meter, last, ends)
    add(semconv_batch.ML_BATCH_INTERVAL, lambda run: run.interval_s)
    add(semconv_batch.ML_BATCH_ROWS, lambda run: run.rows)
    add(semconv_batch.ML_BATCH_DURATION, lambda run: run.duration_s)
    add(semconv_batch.ML_BATCH_THROUGHPUT, _rate)
    add(semconv_batch.ML_BATCH_DRIFT_FEATURES, lambda run: run.drifted)


def _rate(run: LastRun) -> float | None:
    return run.rows / run.duration_s if run.duration_s else None


def _job(run: LastRun) -> dict[str, str]:
    key = {semconv_batch.ML_BATCH_NAME: run.job}
    return {**key, semconv.ML_MODEL_NAME: run.model} if run.model else key
