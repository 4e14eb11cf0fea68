"""What is read of the shadows at each collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from opentelemetry.metrics import Meter

from otelml import semconv_variants as names
from otelml._metrics import Point, bounded, observe
from otelml._variants.registry import shadows
from otelml._variants.shadow import PairCounts
from otelml.semconv import ML_MODEL_NAME, ML_MODEL_VERSION, Metric


def observe_shadows(meter: Meter, limit: Callable[[], int]) -> None:
    """Make the instruments of the shadows, each of at most ``limit`` streams."""

    def add(metric: Metric, of: Callable[[PairCounts], int]) -> None:
        attribute = names.ML_SHADOW_VERSION
        observe(meter, metric, lambda: bounded(metric, _pairs(of), limit(), attribute))

    add(names.ML_SHADOW_ROWS, lambda counts: counts.rows)
    add(names.ML_SHADOW_DISAGREEMENTS, lambda counts: counts.disagreements)
    dropped = names.ML_SHADOW_DROPPED
    attribute = names.ML_SHADOW_VERSION
    observe(meter, dropped, lambda: bounded(dropped, _dropped(), limit(), attribute))


def _pairs(of: Callable[[PairCounts], int]) -> Iterator[Point]:
    sums: dict[tuple[str, str, str], int] = {}
    for one in shadows.value:
        for pair, counts in list(one.pairs.items()):
            sums[pair] = sums.get(pair, 0) + of(counts)
    attributes = (ML_MODEL_NAME, ML_MODEL_VERSION, names.ML_SHADOW_VERSION)
    for pair, count in sums.items():
        yield float(count), dict(zip(attributes, pair, strict=True))


def _dropped() -> Iterator[Point]:
    sums: dict[tuple[str, str, str], int] = {}
    for one in shadows.value:
        for (model, reason), count in list(one.dropped.items()):
            key = (model, one.version, reason)
            sums[key] = sums.get(key, 0) + count
    for (model, version, reason), count in sums.items():
        yield (
            float(count),
            {
                ML_MODEL_NAME: model,
                names.ML_SHADOW_VERSION: version,
                names.ML_SHADOW_REASON: reason,
            },
        )
