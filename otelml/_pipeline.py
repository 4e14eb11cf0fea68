"""From the end of a prediction to the providers: recorder, worker, instruments, put together."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from otelml import _feedback, _runtime, semconv
from otelml._events import FeedbackSpans
from otelml._ids import Ids
from otelml._instruments import Instruments, create_meter, observe, observe_self
from otelml._processing import Processor
from otelml._recorder import Recorder
from otelml._runtime import Runtime
from otelml._span import create_spans
from otelml._worker import Worker
from otelml.cost import Costs

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import TracerProvider

    from otelml._instruments import Source
    from otelml.config import Config
    from otelml.windows.current import Summary

    class HasProviders(Protocol):
        """What the pipeline needs of the providers."""

        @property
        def tracer_provider(self) -> TracerProvider:
            """Where spans go."""
            ...

        @property
        def meter_provider(self) -> MeterProvider:
            """Where measurements go."""
            ...

        def observe(self, meter: Meter, dropped: Source | None = None) -> None:
            """Make the instruments of the exporters' own counts."""
            ...


class Pipeline:
    """Everything between the request thread and the providers.

    Args:
        config: The resolved configuration.
        providers: Where spans and measurements go.
    """

    def __init__(self, config: Config, providers: HasProviders) -> None:
        self.recorder = Recorder(config.traces.queue_size)
        secret = config.feedback.secret
        self.runtime = Runtime(
            config,
            create_spans(providers.tracer_provider),
            self.recorder,
            Ids(config.feedback.enabled, secret.encode() if secret else None),
        )
        instruments: Instruments | None = None
        if config.metrics.enabled:
            meter = create_meter(providers.meter_provider)
            instruments = Instruments(meter, config.metrics)
        self.processor = Processor(
            config, instruments, FeedbackSpans(self.runtime), self.runtime.ids
        )
        self.costs = Costs(config.cost)
        self.worker = Worker(self.recorder, self.processor.handle, self.processor.after_chunk)
        if config.metrics.enabled:
            self._observe(create_meter(providers.meter_provider))
            providers.observe(create_meter(providers.meter_provider), self._dropped)

    def _observe(self, meter: Meter) -> None:
        observe(meter, semconv.ML_PREDICTION_ACTIVE, self._active)
        observe(meter, semconv.ML_MODEL_INFO, self._models)
        observe(meter, semconv.ML_FEATURE_LAST, lambda: self._features("last"))
        observe(meter, semconv.ML_FEATURE_MIN, lambda: self._features("minimum"))
        observe(meter, semconv.ML_FEATURE_MAX, lambda: self._features("maximum"))
        observe(meter, semconv.ML_FEATURE_MEAN, lambda: self._features("mean"))
        observe(meter, semconv.OTELML_WORKER_DURATION, lambda: [(self.worker.cpu_s, {})])
        observe_self(meter)
        if self.costs.configured:
            cost = replace(semconv.ML_COST, unit=f"{{{self.runtime.config.cost.currency}}}")
            observe(meter, cost, self.costs.observe)

    def _dropped(self) -> Iterable[tuple[float, dict[str, str]]]:
        lost = {semconv.OTELML_SIGNAL: "predictions", semconv.OTELML_REASON: "queue_full"}
        yield self.recorder.dropped, lost

    def _active(self) -> Iterable[tuple[float, dict[str, str]]]:
        limit = self.runtime.config.metrics.cardinality_limit
        counts = list(self.runtime.active.counts.items())[:limit]
        self.runtime.active.drop_idle()
        for (model, version), count in counts:
            yield count, {semconv.ML_MODEL_NAME: model, semconv.ML_MODEL_VERSION: version}

    def _models(self) -> Iterable[tuple[float, dict[str, str]]]:
        for key in list(self.processor.models):
            yield 1, dict(key)

    def _features(self, part: str) -> Iterable[tuple[float, dict[str, str]]]:
        limit = self.runtime.config.metrics.cardinality_limit
        for (model, version), summary in self._summaries()[:limit]:
            value = getattr(summary, part)
            if value == value:  # noqa: PLR0124 - NaN: the last value was missing
                yield (
                    value,
                    {
                        semconv.ML_MODEL_NAME: model,
                        semconv.ML_MODEL_VERSION: version,
                        semconv.ML_FEATURE_NAME: summary.name,
                    },
                )

    def _summaries(self) -> list[tuple[tuple[str, str], Summary]]:
        return [
            (name, summary)
            for name, window in list(self.processor.windows.items())
            for summary in window.summaries()
        ]

    def start(self) -> None:
        """Start the worker and let predictions be recorded."""
        self.worker.start()
        if self.runtime.config.metrics.enabled:
            self.costs.start()
        _runtime.install(self.runtime)

    def flush(self, deadline: float) -> bool:
        """Work off what is waiting, by ``deadline`` on the monotonic clock."""
        return self.worker.flush(deadline)

    def stop(self, deadline: float) -> None:
        """Stop recording, work off what is waiting, end the worker."""
        if _runtime.current() is self.runtime:
            _runtime.install(None)
        self.costs.stop()
        self.worker.stop(min(deadline, time.monotonic() + 3600))

    def after_fork(self) -> None:
        """Start anew in a child."""
        self.recorder.after_fork()
        self.runtime.active.reset()
        _feedback.after_fork(self.runtime)
        self.processor.after_fork()
        self.worker.after_fork()
        self.costs.after_fork()

    def status(self) -> dict[str, Any]:
        """Return what waits and what was dropped before it reached the providers."""
        return {
            "waiting": len(self.recorder.queue),
            "dropped": self.recorder.dropped,
            "cpu_s": round(self.worker.cpu_s, 3),
            "models": sorted({name for name, _ in self.processor.windows}),
        }
