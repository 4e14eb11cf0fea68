"""The metric reader that pushes, and the state of metrics in a forked child."""

from __future__ import annotations

import time
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics import _Gauge as Gauge
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricReader, MetricsData
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
)

from otelml import _threads
from otelml._providers.delivery import Delivery, Target
from otelml._providers.pump import Pump
from otelml._providers.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS = (
    Counter,
    UpDownCounter,
    Histogram,
    Gauge,
    ObservableCounter,
    ObservableUpDownCounter,
    ObservableGauge,
)
_DELTA = {
    "cumulative": (),
    "delta": (Counter, Histogram, ObservableCounter),
    "lowmemory": (Counter, Histogram),
}
_COLLECT_TIMEOUT_MS = 10_000.0
_DISCARD_S = 0.5


def temporality(preference: str) -> dict[type, AggregationTemporality]:
    """Return what ``cumulative``, ``delta`` and ``lowmemory`` mean for each kind of instrument."""
    delta = _DELTA[preference]
    return {
        kind: AggregationTemporality.DELTA if kind in delta else AggregationTemporality.CUMULATIVE
        for kind in _KINDS
    }


def aggregation(histograms: str) -> dict[type, Any]:
    """Return the aggregation of histograms."""
    if histograms == "base2_exponential_bucket_histogram":
        return {Histogram: ExponentialBucketHistogramAggregation()}
    return {Histogram: ExplicitBucketHistogramAggregation()}


class PushReader(MetricReader):
    """Collects and delivers at an interval, and at once on a flush.

    Args:
        target: Where to.
        stats: Where results are counted, in data points.
        interval_s: Seconds between two collections.
        preferred_temporality: By kind of instrument.
        preferred_aggregation: By kind of instrument.
    """

    def __init__(
        self,
        target: Target,
        stats: Stats,
        interval_s: float,
        preferred_temporality: dict[type, AggregationTemporality] | None = None,
        preferred_aggregation: dict[type, Any] | None = None,
    ) -> None:
        super().__init__(preferred_temporality, preferred_aggregation)
        self.delivery = Delivery(target, stats)
        self.stats = stats
        self._interval_s = interval_s
        self._pump = Pump(f"otelml-{stats.signal}", self._work, self._pause)
        self._reset()

    def _reset(self) -> None:
        self._due = monotonic() + self._interval_s
        self._collected_ms = 0
        self._delivered = True
        self._in_flight = 0
        self._closed = False
        self.unused: Callable[[], bool] = lambda: False

    @property
    def size(self) -> int:
        """Data points that are under way."""
        return 0 if self._closed else self._in_flight

    @property
    def dropped_full(self) -> int:
        """None: state that waits for its collection takes the same place whatever happens."""
        return 0

    def start(self) -> None:
        """Start the thread."""
        self._pump.start()

    def begin_flush(self) -> Callable[[float], bool]:
        """Ask for a collection; the result waits for its delivery until a deadline."""
        return (lambda _: False) if self._closed else self._pump.begin()

    def begin_close(self, closing: float) -> Callable[[float], bool]:
        """Ask for a last collection until ``closing``; the result waits for its delivery."""
        if self._closed:
            return lambda _: True
        self._closed = True
        wait = self._pump.begin(closing)

        def end(deadline: float) -> bool:
            ok = wait(deadline)
            if self._pump.running:
                ok = False
                self.delivery.abandon(self._in_flight)
            self.delivery.target.close()
            return ok

        return end

    def flush(self, deadline: float) -> bool:
        """Collect and deliver before ``deadline`` (monotonic seconds)."""
        return self.begin_flush()(deadline)

    def close(self, deadline: float) -> bool:
        """Collect and deliver a last time, and end the thread."""
        return self.begin_close(deadline)(deadline)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Collect and deliver within the timeout."""
        return self.flush(monotonic() + timeout_millis / 1e3)

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Collect and deliver a last time within the timeout."""
        self.close(monotonic() + timeout_millis / 1e3)

    def discard(self) -> None:
        """End without a last collection."""
        self.unused = lambda: True
        self.close(monotonic() + _DISCARD_S)

    def after_fork(self) -> None:
        """Leave thread and connections to the parent; ``start`` makes new ones."""
        self._pump.after_fork()
        self._reset()
        self.delivery.reset()
        self.delivery.target.renew()

    def _pause(self) -> float:
        return max(self._due - monotonic(), self.delivery.pause_s())

    def _work(self) -> bool:
        # Not collected while the endpoint is left alone: deltas stay whole, CPU stays idle.
        if not self._pump.asked and self._pause() > 0:
            return False
        if self._pump.asked and self.unused():
            return True
        self._due = monotonic() + self._interval_s
        self._wait_for_next_millisecond()
        self._delivered = True
        self.collect(_COLLECT_TIMEOUT_MS)
        self._collected_ms = time.time_ns() // 1_000_000
        return self._delivered

    def _wait_for_next_millisecond(self) -> None:
        """Give no two samples of a series one millisecond: Prometheus refuses the whole request."""
        while time.time_ns() // 1_000_000 == self._collected_ms:
            _threads.sleep(0.0005)

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any
    ) -> None:
        del timeout_millis
        self._collected_ms = time.time_ns() // 1_000_000
        self._in_flight = count = _points(metrics_data)
        try:
            self._delivered = self.delivery.deliver(metrics_data, count, self._pump)
        finally:
            self._in_flight = 0


def _points(data: MetricsData) -> int:
    return sum(
        len(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def _is_empty(storage: Any) -> bool:
    return not storage._instrument_view_instrument_matches  # noqa: SLF001 - no public way


def forget_parent(provider: MeterProvider) -> None:
    """Begin every stream at zero, in a forked child, with locks that nobody holds.

    The parent's totals are the parent's to report. The SDK has no public way to say so.
    """
    sdk: Any = provider
    consumer = sdk._measurement_consumer  # noqa: SLF001 - as said above
    consumer._lock = _threads.Lock()  # noqa: SLF001 - as above
    storages = consumer._reader_storages  # noqa: SLF001 - as above
    limits = "_instrument_class_cardinality_limit"  # from 1.45.2 on
    consumer._reader_storages = {  # noqa: SLF001 - as above
        reader: type(storage)(
            sdk._sdk_config,  # noqa: SLF001 - as above
            reader._instrument_class_temporality,  # noqa: SLF001 - as above
            reader._instrument_class_aggregation,  # noqa: SLF001 - as above
            *([getattr(storage, limits)] if hasattr(storage, limits) else []),
        )
        for reader, storage in storages.items()
    }
    for reader, storage in consumer._reader_storages.items():  # noqa: SLF001 - as above
        if isinstance(reader, PushReader):
            # A child that measured nothing, as those of pools, has nothing to say at its end.
            reader.unused = partial(_is_empty, storage)
    for meter in list(sdk._meters.values()):  # noqa: SLF001 - as above
        for name in ("_instrument_registration_lock", "_instrument_ids_lock"):
            setattr(meter, name, _threads.Lock())
