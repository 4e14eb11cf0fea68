"""Instruments, made from :mod:`otelml.semconv` and nothing else."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
from opentelemetry.metrics import Meter, MeterProvider
from opentelemetry.trace import Span

from otelml import semconv, semconv_quality
from otelml._metrics.bound import BoundStream
from otelml._metrics.cardinality import Key, StreamCap
from otelml._version import __version__
from otelml.config import MetricOptions
from otelml.semconv import Kind, Metric


def create_meter(provider: MeterProvider) -> Meter:
    """Return the meter of otelml's scope."""
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
        self._known: dict[Key, BoundStream] = {}  # those that the cap let through as they are
        self._gathered: list[BoundStream] = []

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

    def gather(self, amount: float, key: Key, time_ns: int, span: Span | None) -> None:
        """Keep a measurement until :meth:`write_gathered`."""
        stream = self._known.get(key)
        if stream is None:
            stream = self._stream(key)
            if stream.has(key):
                self._known[key] = stream
        if not stream.gathered:
            self._gathered.append(stream)
        stream.gathered.append((amount, time_ns, span))

    def known(self, key: Key) -> BoundStream | None:
        """Return the stream of ``key`` where it was gathered for before, and is not folded."""
        return self._known.get(key)

    def write_gathered(self) -> None:
        """Record what was gathered, stream by stream."""
        gathered, self._gathered = self._gathered, []
        for stream in gathered:
            stream.write_gathered()

    def forget_gathered(self) -> None:
        """Let go of what was gathered, in a child: the parent records it."""
        gathered, self._gathered = self._gathered, []
        for stream in gathered:
            stream.gathered = []

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
        self.feedback_disagreements = create(semconv_quality.ML_FEEDBACK_DISAGREEMENTS)
        self.feedback_score = create(semconv_quality.ML_FEEDBACK_SCORE)
        self.error_absolute = create(semconv_quality.ML_FEEDBACK_ERROR_ABSOLUTE)
        self.error_squared = create(semconv_quality.ML_FEEDBACK_ERROR_SQUARED)
        self.error_values = create(semconv_quality.ML_FEEDBACK_ERROR_VALUES)
        self._measured = (
            self.duration,
            self.stage_duration,
            self.rows,
            self.confidence,
            self.value,
        )

    def write_gathered(self) -> None:
        """Record what each instrument has gathered."""
        for instrument in self._measured:
            instrument.write_gathered()

    def forget_gathered(self) -> None:
        """Let go of what was gathered, in a child: the parent records it."""
        for instrument in self._measured:
            instrument.forget_gathered()
