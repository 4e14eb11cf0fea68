"""Instruments, made from :mod:`otelml.semconv` and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from otelml import _cardinality, _guard, semconv
from otelml._bound import BoundStream
from otelml._cardinality import Key, StreamCap
from otelml.semconv import Kind, Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
    from opentelemetry.trace import Span

    from otelml.config import MetricOptions

    Source = Callable[[], Iterable[tuple[float, dict[str, str]]]]


def create_meter(provider: MeterProvider) -> Meter:
    """Return the meter of otelml's scope."""
    from otelml._version import __version__

    return provider.get_meter(semconv.SCOPE, __version__, semconv.SCHEMA_URL)


class Capped:
    """A synchronous instrument whose streams are capped.

    Args:
        instrument: The instrument.
        name: Its name.
        options: The limits.
    """

    def __init__(self, instrument: Any, name: str, options: MetricOptions) -> None:
        self._instrument = instrument
        self._write = getattr(instrument, "record", None) or instrument.add
        self._admit = StreamCap(
            name, options.attribute_values_limit, options.cardinality_limit
        ).admit
        self._streams: dict[int, BoundStream] = {}

    def _stream(self, key: Key, count: int = 1) -> BoundStream:
        attributes = self._admit(key, count)  # one dict a stream, for good: its id names it
        stream = self._streams.get(id(attributes))
        if stream is None:
            stream = BoundStream(self._instrument, self._write, attributes)
            self._streams[id(attributes)] = stream
        return stream

    def write(self, amount: float, key: Key, time_ns: int = 0, span: Span | None = None) -> None:
        """Add to, or record in, the stream of ``key``; ``span`` gives the exemplar its ids."""
        self._stream(key).write(amount, time_ns or time.time_ns(), span)

    def write_all(
        self, amounts: npt.NDArray[np.float64], key: Key, time_ns: int, span: Span | None
    ) -> None:
        """Record each of ``amounts``, shape (n,)."""
        if len(amounts):
            self._stream(key, len(amounts)).write_all(amounts, time_ns, span)


def create_instrument(meter: Meter, metric: Metric, options: MetricOptions) -> Capped:
    """Return the synchronous instrument of ``metric``."""
    if metric.kind is Kind.HISTOGRAM:
        instrument: Any = meter.create_histogram(
            metric.name,
            unit=metric.unit,
            description=metric.description,
            explicit_bucket_boundaries_advisory=metric.buckets,
        )
    else:
        instrument = meter.create_counter(metric.name, metric.unit, metric.description)
    return Capped(instrument, metric.name, options)


def observe(meter: Meter, metric: Metric, source: Source) -> None:
    """Make the observable instrument of ``metric``; ``source`` is asked at each collection."""
    from opentelemetry.metrics import Observation

    def callback(_: CallbackOptions) -> Iterable[Observation]:
        measured = _guard.call(metric.name, lambda: list(source()))
        return [Observation(value, attributes) for value, attributes in measured or ()]

    create = {
        Kind.OBSERVABLE_GAUGE: meter.create_observable_gauge,
        Kind.OBSERVABLE_COUNTER: meter.create_observable_counter,
        Kind.UP_DOWN_COUNTER: meter.create_observable_up_down_counter,
    }[metric.kind]
    create(metric.name, [callback], metric.unit, metric.description)


class Instruments:
    """The instruments of predictions and feedback.

    Args:
        meter: The meter of otelml's scope.
        options: The limits.
    """

    def __init__(self, meter: Meter, options: MetricOptions) -> None:
        def create(metric: Metric) -> Capped:
            return create_instrument(meter, metric, options)

        self.duration = create(semconv.ML_PREDICTION_DURATION)
        self.stage_duration = create(semconv.ML_STAGE_DURATION)
        self.predictions = create(semconv.ML_PREDICTIONS)
        self.rows = create(semconv.ML_PREDICTION_ROWS)
        self.confidence = create(semconv.ML_PREDICTION_CONFIDENCE)
        self.low_confidence = create(semconv.ML_PREDICTION_LOW_CONFIDENCE)
        self.value = create(semconv.ML_PREDICTION_VALUE)
        self.schema_mismatch = create(semconv.ML_FEATURE_SCHEMA_MISMATCH)
        self.feedback = create(semconv.ML_FEEDBACK)
        self.feedback_rejected = create(semconv.ML_FEEDBACK_REJECTED)
        self.feedback_delay = create(semconv.ML_FEEDBACK_DELAY)


def observe_self(meter: Meter) -> None:
    """Make the instruments by which otelml reports its own errors and folded streams."""
    observe(
        meter,
        semconv.OTELML_ERRORS,
        lambda: [(n, {semconv.OTELML_COMPONENT: c}) for c, n in list(_guard.errors.items())],
    )
    observe(
        meter,
        semconv.OTELML_CARDINALITY_OVERFLOW,
        lambda: [
            (n, {semconv.OTELML_INSTRUMENT: i, semconv.OTELML_ATTRIBUTE: a})
            for (i, a), n in list(_cardinality.overflow.items())
        ],
    )
