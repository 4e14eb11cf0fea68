"""From the end of a prediction to the providers: recorder, worker, instruments, put together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from opentelemetry.metrics import Meter, MeterProvider
from opentelemetry.trace import TracerProvider

from otelml import _threads, semconv, semconv_quality, semconv_variants
from otelml._cost import Costs
from otelml._feedback import Sources, feedback_after_fork, prepare_feedback
from otelml._metrics import (
    Instruments,
    Source,
    States,
    create_instrument,
    create_meter,
    forget_runs,
    observe,
    observe_runs,
    observe_self,
    observe_states,
)
from otelml._monitor import Asked, Monitor, observe_monitor
from otelml._prediction import Ids, Recorder, Runtime, current_runtime, install_runtime
from otelml._privacy import Policy, install_policy
from otelml._quality import observe_quality, observe_verdicts
from otelml._retraining import observe_retraining
from otelml._servers import measures_after_fork
from otelml._spans import create_spans
from otelml._variants import observe_shadows, shadows_after_fork, wait_for_shadows
from otelml._worker import Processor, Worker
from otelml.config import Config
from otelml.reference import Reference

_REPORTS_S = 2.0  # for the last reports to be written, at an end
_TRIGGERS_S = 1.0  # for a trigger under way
_RENEW_S = 1.0
_SOURCES_S = 1.0  # for labels that are on their way, at an end
_LEAVE_S = 3.0
_SHADOWS_S = 1.0  # for shadows of the last requests, at an end


class Resource(Protocol):
    """What a resource is asked for."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its attributes."""
        ...


class HasProviders(Protocol):
    """What the pipeline needs of the providers."""

    @property
    def resource(self) -> Resource:
        """Who sends."""
        ...

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
        self.sources = Sources(self.runtime)
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
        install_policy(Policy(config.privacy, config.logs.redact))
        service = str(providers.resource.attributes.get(semconv.SERVICE_NAME, ""))
        model = (config.model or "", config.model_version or "")
        ids = Ids(config.feedback, service, self.recorder.submit, [model])
        runtime = Runtime(config, create_spans(providers.tracer_provider), self.recorder, ids)
        prepare_feedback(runtime)
        return runtime

    @staticmethod
    def _watch(config: Config, reference: Reference | None) -> Monitor | None:
        if not config.drift.enabled:
            return None
        return Monitor(config.drift, reference, config.model, config.model_version)

    def _processor(self, providers: HasProviders) -> Processor:
        options = self.runtime.config.metrics
        instruments: Instruments | None = None
        if options.enabled:
            meter = create_meter(providers.meter_provider)
            instruments = Instruments(meter, options)
            distance = semconv_variants.ML_SHADOW_DISTANCE
            self.runtime.shadow_distance = create_instrument(meter, distance, options)
        service = str(providers.resource.attributes.get(semconv.SERVICE_NAME, ""))
        return Processor(self.runtime, instruments, self.monitor, service)

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
        observe_quality(
            meter,
            lambda: self.processor.quality,
            lambda: self.runtime.config.metrics.cardinality_limit,
        )
        rows, errors, lag = semconv_quality.SOURCE_METRICS
        observe(meter, rows, lambda: self.sources.rows())  # noqa: PLW0108 - as above
        observe(meter, errors, lambda: self.sources.errors())  # noqa: PLW0108 - as above
        observe(meter, lag, lambda: self.sources.lags())  # noqa: PLW0108 - as above
        limit = lambda: self.runtime.config.metrics.cardinality_limit  # noqa: E731
        observe_verdicts(meter, lambda: self.processor.verdicts, lambda: self.monitor, limit)
        observe_retraining(meter, lambda: self.processor.retraining, limit)
        observe_shadows(meter, limit)
        observe_runs(meter, limit)
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
        processor.stop(0.0)
        if config.cost != runtime.config.cost or not runtime.config.metrics.enabled:
            costs.stop()
            self.costs = Costs(config.cost)
            if config.metrics.enabled:
                self.costs.start()
        self._observe(providers)
        install_runtime(self.runtime)
        self.sources.stop(time.monotonic() + _SOURCES_S)
        self.sources = Sources(self.runtime)
        self.sources.start()

    def _dropped(self) -> Iterable[tuple[float, dict[str, str]]]:
        lost = {semconv.OTELML_SIGNAL: "predictions", semconv.OTELML_REASON: "queue_full"}
        yield self.recorder.dropped, lost

    def start(self) -> None:
        """Start the worker and let predictions be recorded."""
        self.worker.start()
        if self.runtime.config.metrics.enabled:
            self.costs.start()
        install_runtime(self.runtime)
        self.sources.start()

    def flush(self, deadline: float) -> bool:
        """Work off what is waiting, by ``deadline`` on the monotonic clock."""
        return self.worker.flush(deadline)

    def stop(self, deadline: float) -> None:
        """Stop recording, work off what is waiting, end the worker."""
        if current_runtime() is self.runtime:
            wait_for_shadows(min(deadline, time.monotonic() + _SHADOWS_S))
            install_runtime(None)
        self.costs.stop()
        self.sources.stop(min(deadline, time.monotonic() + _SOURCES_S))
        self.worker.stop(min(deadline, time.monotonic() + 3600))
        self._leave(min(deadline, time.monotonic() + _LEAVE_S))
        self.processor.stop(max(0.0, min(deadline - time.monotonic(), _TRIGGERS_S)))
        if self.monitor is not None:
            self.monitor.archive.flush(min(deadline - time.monotonic(), _REPORTS_S))
            self.monitor.keeper.flush(min(deadline - time.monotonic(), _REPORTS_S))

    def _leave(self, deadline: float) -> None:
        """Write what the next process goes on with, on a thread: a store may not answer."""
        leaving = _threads.Thread(self.processor.leave, name="otelml-leaving")
        with suppress(RuntimeError):  # the interpreter ends: what was written last stands
            leaving.start()
            leaving.join(max(0.0, deadline - time.monotonic()))

    def after_fork(self) -> None:
        """Start anew in a child."""
        self.recorder.after_fork()
        self.runtime.active.reset()
        feedback_after_fork(self.runtime)
        measures_after_fork()
        shadows_after_fork()
        forget_runs()
        self.processor.after_fork()
        self.worker.after_fork()
        self.costs.after_fork()
        self.sources.after_fork()

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
