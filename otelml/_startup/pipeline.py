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

_RENEW_S = 1.0


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
        self.runtime = self._runtime(config, providers)
        self._reference = reference
        self.monitor = self._watch(config, reference)
        self.processor = self._processor(providers)
        self.costs = Costs(config.cost)
        # What is replaced by other options is looked up with each call.
        self.worker = Worker(
            self.recorder,
            self._handle,
            lambda: self.processor.after_chunk(),  # noqa: PLW0108 - it may be replaced
            lambda: self.processor.between(),  # noqa: PLW0108 - as above
        )
        self._observed: MeterProvider | None = None
        self._observe(providers)

    def _handle(self, record: Any) -> None:
        self.processor.handle(record)

    def _runtime(self, config: Config, providers: HasProviders) -> Runtime:
        secret = config.feedback.secret
        return Runtime(
            config,
            create_spans(providers.tracer_provider),
            self.recorder,
            Ids(config.feedback.enabled, secret.encode() if secret else None),
        )

    @staticmethod
    def _watch(config: Config, reference: Reference | None) -> Monitor | None:
        if not config.drift.enabled:
            return None
        return Monitor(config.drift, reference, config.model, config.model_version)

    def _processor(self, providers: HasProviders) -> Processor:
        options = self.runtime.config.metrics
        instruments: Instruments | None = None
        if options.enabled:
            instruments = Instruments(create_meter(providers.meter_provider), options)
        return Processor(self.runtime, instruments, self.monitor)

    def _observe(self, providers: HasProviders) -> None:
        """Make the instruments that are asked, once for each provider."""
        provider = providers.meter_provider
        if not self.runtime.config.metrics.enabled:
            return
        meter = create_meter(provider)
        if self.costs.configured:
            currency = self.runtime.config.cost.currency
            cost = replace(semconv.ML_COST, unit=f"{{{currency}}}")
            observe(meter, cost, lambda: self._costs_in(currency))
        if provider is self._observed:
            return
        self._observed = provider
        states = States(
            lambda: self.runtime.active.read(),  # noqa: PLW0108 - as above
            lambda: self.processor.models(),  # noqa: PLW0108 - as above
            lambda: self.processor.windows.summaries(),  # noqa: PLW0108 - as above
            lambda: self.worker.cpu_s,
        )
        observe_states(meter, states, lambda: self.runtime.config.metrics.cardinality_limit)
        observe_self(meter)
        observe_monitor(
            meter,
            lambda: self.monitor,
            lambda: self.runtime.config.metrics.cardinality_limit,
        )
        providers.observe(meter, self._dropped)

    def _costs_in(self, currency: str) -> Iterable[tuple[float, dict[str, str]]]:
        return self.costs.observe() if self.runtime.config.cost.currency == currency else ()

    def renew(
        self, config: Config, providers: HasProviders, reference: Reference | None = None
    ) -> None:
        """Follow other options from now on; what was recorded until now followed the old ones.

        Args:
            config: The options.
            providers: Where spans and measurements go.
            reference: The reference that ``init`` was given.
        """
        self.worker.flush(time.monotonic() + _RENEW_S)
        runtime, processor, costs = self.runtime, self.processor, self.costs
        self.recorder.resize(config.traces.queue_size)
        self.runtime = self._runtime(config, providers)
        self.runtime.active = runtime.active
        if _watched(config) != _watched(runtime.config) or reference is not self._reference:
            self._reference = reference
            self.monitor = self._watch(config, reference)
        self.processor = self._processor(providers)
        self.processor.continue_from(processor)
        if config.cost != runtime.config.cost or not runtime.config.metrics.enabled:
            costs.stop()
            self.costs = Costs(config.cost)
            if config.metrics.enabled:
                self.costs.start()
        self._observe(providers)
        install_runtime(self.runtime)

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


def _watched(config: Config) -> tuple[object, ...]:
    return config.drift, config.model, config.model_version
