"""From the end of a prediction to the providers: recorder, worker, instruments, put together."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from opentelemetry.metrics import Meter, MeterProvider
from opentelemetry.trace import TracerProvider

from otelml import semconv
from otelml._cost import Costs
from otelml._feedback import feedback_after_fork
from otelml._metrics import (
    Instruments,
    Source,
    States,
    create_meter,
    observe,
    observe_self,
    observe_states,
)
from otelml._monitor import Asked, Monitor, observe_monitor
from otelml._prediction import Ids, Recorder, Runtime, current_runtime, install_runtime
from otelml._spans import create_spans
from otelml._worker import Processor, Worker
from otelml.config import Config
from otelml.reference import Reference


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
        reference: The reference that ``init`` was given.
    """

    def __init__(
        self, config: Config, providers: HasProviders, reference: Reference | None = None
    ) -> None:
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
        self.monitor: Monitor | None = None
        if config.drift.enabled:
            self.monitor = Monitor(config.drift, reference, config.model, config.model_version)
        self.processor = Processor(self.runtime, instruments, self.monitor)
        self.costs = Costs(config.cost)
        self.worker = Worker(
            self.recorder,
            self.processor.handle,
            self.processor.after_chunk,
            self.processor.between,
        )
        if config.metrics.enabled:
            self._observe(create_meter(providers.meter_provider))
            providers.observe(create_meter(providers.meter_provider), self._dropped)

    def _observe(self, meter: Meter) -> None:
        states = States(
            self.runtime.active.read,
            self.processor.models,
            self.processor.windows.summaries,
            lambda: self.worker.cpu_s,
        )
        observe_states(meter, states, self.runtime.config.metrics.cardinality_limit)
        observe_self(meter)
        if self.monitor is not None:
            limit = self.runtime.config.metrics.cardinality_limit
            observe_monitor(meter, self.monitor, limit)
        if self.costs.configured:
            cost = replace(semconv.ML_COST, unit=f"{{{self.runtime.config.cost.currency}}}")
            observe(meter, cost, self.costs.observe)

    def _dropped(self) -> Iterable[tuple[float, dict[str, str]]]:
        lost = {semconv.OTELML_SIGNAL: "predictions", semconv.OTELML_REASON: "queue_full"}
        yield self.recorder.dropped, lost

    def start(self) -> None:
        """Start the worker and let predictions be recorded."""
        self.worker.start()
        if self.runtime.config.metrics.enabled:
            self.costs.start()
        install_runtime(self.runtime)

    def flush(self, deadline: float) -> bool:
        """Work off what is waiting, by ``deadline`` on the monotonic clock."""
        return self.worker.flush(deadline)

    def stop(self, deadline: float) -> None:
        """Stop recording, work off what is waiting, end the worker."""
        if current_runtime() is self.runtime:
            install_runtime(None)
        self.costs.stop()
        self.worker.stop(min(deadline, time.monotonic() + 3600))

    def after_fork(self) -> None:
        """Start anew in a child."""
        self.recorder.after_fork()
        self.runtime.active.reset()
        feedback_after_fork(self.runtime)
        self.processor.after_fork()
        self.worker.after_fork()
        self.costs.after_fork()

    def status(self) -> dict[str, Any]:
        """Return what waits and what was dropped before it reached the providers."""
        return {
            "waiting": len(self.recorder.queue),
            "dropped": self.recorder.dropped,
            "cpu_s": round(self.worker.cpu_s, 3),
            "models": sorted({name for name, _ in self.processor.windows.names()}),
        }

    def ask(self, asked: Asked, timeout_s: float) -> bool:
        """Have the drift monitor do something; return whether it was done in time."""
        if self.monitor is None:
            return False
        self.monitor.ask(asked)
        self.recorder.wake.set()
        return asked.done.wait(timeout_s)
