"""Cost of a prediction: our request thread and total CPU against hand-written OpenTelemetry."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

import otelml
from benchmarks.harness import Figure, compare
from benchmarks.sides import PER_RUN, Ours, Theirs


class _Count(SpanExporter):
    """Sends nothing anywhere."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Accept."""
        del spans
        return SpanExportResult.SUCCESS


def _logfire() -> Callable[[], None]:
    """Return a run of predictions by logfire: four spans each, and nothing else."""
    import logfire

    local = logfire.configure(
        local=True,
        send_to_logfire=False,
        console=False,
        additional_span_processors=[BatchSpanProcessor(_Count())],
        metrics=False,
    )

    def run() -> None:
        for _ in range(PER_RUN):
            with local.span("predict", model="loan", version="3"):
                with local.span("feature_extraction"):
                    pass
                with local.span("inference"):
                    pass
                with local.span("post_processing"):
                    pass

    return run


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    runs = 3 if quick else 9
    ours, theirs = Ours(), Theirs()

    def drain() -> None:
        ours.drain()
        theirs.collect.encode()

    yield compare(
        "prediction_request_thread",
        ours.run,
        theirs.run,
        target=0.08,
        runs=runs,
        per_run=PER_RUN,
        after_each=drain,
    )
    yield compare(
        "prediction_total_cpu",
        ours.run_all,
        theirs.run_all,
        target=0.25,
        runs=runs,
        per_run=PER_RUN,
        clock=time.process_time,
    )
    yield compare(
        "prediction_vs_logfire",
        ours.run,
        _logfire(),
        target=0.08,
        runs=runs,
        per_run=PER_RUN,
        after_each=drain,
    )
    ours.pipeline.stop(time.monotonic() + 5)
    yield _unsampled(runs)
    yield _batch_rows(3 if quick else 7)


def _unsampled(runs: int) -> Figure:
    off, on = Ours(ALWAYS_OFF), Ours(ALWAYS_ON)

    def drain() -> None:
        off.drain()
        on.drain()

    return compare(
        "unsampled",
        off.run,
        on.run,
        target=0.6,
        runs=runs,
        per_run=PER_RUN,
        before_ours=off.activate,
        before_theirs=on.activate,
        after_each=drain,
    )


def _batch_rows(runs: int) -> Figure:
    """Return the cost of recording a batch of 10,000 rows, against whylogs."""
    import pandas as pd
    import whylogs

    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(10_000, 30))
    frame = pd.DataFrame(matrix, columns=[f"f{i}" for i in range(30)])
    labels = np.array(["a", "b"])[(matrix[:, 0] > 0).astype(int)]
    confidences = rng.uniform(size=10_000)
    service = Ours()

    def ours() -> None:
        with otelml.prediction("loan", version="3", features=frame) as p:
            p.set_result(label=labels, confidence=confidences)
        service.drain()

    return compare(
        "batch_rows",
        ours,
        lambda: whylogs.log(frame),
        target=0.02,
        runs=runs,
        clock=time.process_time,
    )
