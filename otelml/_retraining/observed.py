"""What is read of the decisions at each collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from opentelemetry.metrics import Meter

from otelml import semconv
from otelml import semconv_quality as names
from otelml._metrics import observe
from otelml._retraining.decision import Decision
from otelml._retraining.retraining import Retraining
from otelml.semconv import Metric

Point = tuple[float, dict[str, str]]


def observe_retraining(
    meter: Meter, current: Callable[[], Retraining | None], limit: Callable[[], int]
) -> None:
    """Make the instruments of the decisions that are current, each of at most ``limit`` streams."""

    def add(metric: Metric, of: Callable[[Retraining], Iterable[Point]]) -> None:
        def read() -> Iterable[Point]:
            retraining = current()
            return () if retraining is None else list(of(retraining))[: limit()]

        observe(meter, metric, read)

    add(names.ML_MODEL_AGE, _ages)
    add(names.ML_RETRAINING_RECOMMENDED, _recommended)
    add(names.ML_RETRAINING_TRIGGERS, _triggers)


def _model(of: Decision) -> dict[str, str]:
    return {semconv.ML_MODEL_NAME: of.model, semconv.ML_MODEL_VERSION: of.version}


def _ages(retraining: Retraining) -> Iterator[Point]:
    for decision in retraining.decisions():
        if decision.age_s is not None:
            yield decision.age_s, _model(decision)


def _recommended(retraining: Retraining) -> Iterator[Point]:
    for decision in retraining.decisions():
        for rule, holds in decision.rules.items():
            yield float(holds), {**_model(decision), names.ML_RETRAINING_REASON: rule}


def _triggers(retraining: Retraining) -> Iterator[Point]:
    for (model, version, kind, outcome), count in list(retraining.triggers.counts.items()):
        yield (
            count,
            {
                semconv.ML_MODEL_NAME: model,
                semconv.ML_MODEL_VERSION: version,
                names.ML_RETRAINING_TRIGGER: kind,
                names.ML_RETRAINING_OUTCOME: outcome,
            },
        )
