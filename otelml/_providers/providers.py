"""The providers of the three signals, made by ``create`` and put in place by ``configure``."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk.metrics import MeterProvider

from otelml import _guard, _threads, semconv
from otelml._metrics import observe
from otelml._providers import globals as _globals
from otelml._providers import resource as _resource
from otelml._providers.batch import Batcher
from otelml._providers.encode import forget_envelopes
from otelml._providers.metrics import PushReader, forget_parent
from otelml._providers.stats import QUEUE_FULL, SHUTDOWN, Stats

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.sdk.resources import Resource

    from otelml._providers.prometheus import PrometheusServer

    Source = Callable[[], Iterable[tuple[float, Mapping[str, Any]]]]

_logger = logging.getLogger("otelml")
_DISCARD_S = 1.0
_ITEMS = {"traces": "spans", "metrics": "data points", "logs": "log records"}


class Signal:
    """One signal: its provider, its exporters, its counts.

    Args:
        name: ``traces``, ``metrics`` or ``logs``.
        provider: Its provider, of the SDK or one that does nothing.
        pipes: Its exporters, each behind a queue or a reader.
        stats: Its counts.
        owned: Whether the provider is ours to configure, flush and stop.
    """

    def __init__(
        self,
        name: str,
        provider: Any,
        pipes: Sequence[Batcher[Any] | PushReader],
        stats: Stats,
        *,
        owned: bool,
    ) -> None:
        self.name = name
        self.provider = provider
        self.pipes = pipes
        self.stats = stats
        self.owned = owned

    def dropped(self) -> Counter[str]:
        """Return the items that were not delivered, by reason."""
        counts = Counter(self.stats.dropped)
        full = sum(pipe.dropped_full for pipe in self.pipes)
        if full:
            counts[QUEUE_FULL] += full
        return counts

    @property
    def size(self) -> int:
        """Items that wait."""
        return sum(pipe.size for pipe in self.pipes)

    def status(self) -> dict[str, Any]:
        """Return where it is exported and what became of it."""
        return {
            "owned": self.owned,
            "exporters": [
                {
                    "endpoint": pipe.delivery.target.endpoint,
                    "protocol": pipe.delivery.target.protocol,
                }
                for pipe in self.pipes
            ],
            "queue_size": self.size,
            "exported": self.stats.exported,
            "dropped": dict(self.dropped()),
            "failures": self.stats.failures,
            "last_error": self.stats.last_error,
        }


class Providers:
    """The providers to use: ours, or those that the application configured.

    Args:
        resource: What this process is.
        signals: The three signals, by name.
        prometheus: The server of ``/metrics``, if any.
    """

    def __init__(
        self,
        resource: Resource,
        signals: dict[str, Signal],
        prometheus: PrometheusServer | None = None,
    ) -> None:
        self.resource = resource
        self.signals = signals
        self.prometheus = prometheus
        self._ended = False
        self._pid = os.getpid()

    @property
    def tracer_provider(self) -> trace.TracerProvider:
        """The provider of tracers."""
        provider: trace.TracerProvider = self.signals["traces"].provider
        return provider

    @property
    def meter_provider(self) -> metrics.MeterProvider:
        """The provider of meters."""
        provider: metrics.MeterProvider = self.signals["metrics"].provider
        return provider

    @property
    def logger_provider(self) -> _logs.LoggerProvider:
        """The provider of loggers."""
        provider: _logs.LoggerProvider = self.signals["logs"].provider
        return provider

    @property
    def owned(self) -> frozenset[str]:
        """The signals whose providers are ours."""
        return frozenset(name for name, signal in self.signals.items() if signal.owned)

    def start(self) -> None:
        """Start what works without being asked: the periodic reader and ``/metrics``."""
        self._start_readers()
        if self.prometheus is not None and self.signals["metrics"].owned:
            _guard.call("prometheus", self.prometheus.start)

    def _start_readers(self) -> None:
        for pipe in self._pipes():
            if isinstance(pipe, PushReader):
                _guard.call("metrics", pipe.start)

    def _pipes(self) -> list[Batcher[Any] | PushReader]:
        return [pipe for signal in self.signals.values() if signal.owned for pipe in signal.pipes]

    def flush(self, deadline: float) -> bool:
        """Deliver everything before ``deadline`` (monotonic seconds), all signals at once."""
        if self._ended:
            return True
        waits = [_guard.call("flush", pipe.begin_flush) for pipe in self._pipes()]
        return _all([*waits, *self._foreign(deadline)], deadline)

    def shutdown(self, deadline: float) -> bool:
        """Deliver everything before ``deadline`` and stop; the rest is counted as dropped."""
        if self._ended:
            return True
        self._ended = True
        waits = [_guard.call("shutdown", pipe.begin_close, deadline) for pipe in self._pipes()]
        ok = _all([*waits, *self._foreign(deadline)], deadline)
        if self.prometheus is not None:
            _guard.call("prometheus", self.prometheus.stop, deadline)
        for signal in self.signals.values():
            if signal.owned:
                _globals.retire(signal.provider)
                if isinstance(signal.provider, MeterProvider):
                    _guard.call("shutdown", signal.provider.shutdown, timeout_millis=1000)
        self._say_dropped()
        return ok

    def discard(self) -> None:
        """Stop, and send nothing more: another process does the same work and reports it."""
        if self._ended:
            return
        for pipe in self._pipes():
            _guard.call("shutdown", pipe.discard)
        self.shutdown(monotonic() + _DISCARD_S)

    def _say_dropped(self) -> None:
        lost = {s: s.dropped()[SHUTDOWN] for s in self.signals.values()}
        lost = {signal: count for signal, count in lost.items() if count}
        if lost:
            what = ", ".join(f"{count} {_ITEMS[s.name]}" for s, count in lost.items())
            told = all(signal.stats.warned for signal in lost)
            level = logging.INFO if told else logging.WARNING
            _logger.log(level, "otelml: not sent before shutdown: %s", what)

    def _foreign(self, deadline: float) -> list[Callable[[float], bool]]:
        """Let providers that the application configured send what we gave them."""
        waits: list[Callable[[float], bool]] = []
        for signal in self.signals.values():
            flush = getattr(signal.provider, "force_flush", None)
            if flush is not None and not signal.owned:
                waits.append(_in_thread(flush, deadline))
        return waits

    def after_fork(self) -> None:
        """Become the telemetry of a forked child."""
        parent, self._pid = self._pid, os.getpid()
        changed = _resource.child_resource(self.resource, parent)
        self.resource = self.resource.merge(changed)
        forget_envelopes()
        for signal in self.signals.values():
            signal.stats.reset()
            if not signal.owned:
                continue
            provider: Any = signal.provider
            _guard.call("fork", _resource.update_resource, provider, changed)
            for pipe in signal.pipes:
                _guard.call("fork", pipe.after_fork)
            if isinstance(provider, MeterProvider):
                _guard.call("fork", forget_parent, provider)
        self._start_readers()
        if self.prometheus is not None:
            _guard.call("fork", self.prometheus.after_fork)

    def status(self) -> dict[str, Any]:
        """Return, by signal, where it is exported and what became of it."""
        result = {name: signal.status() for name, signal in self.signals.items()}
        if self.prometheus is not None:
            result["metrics"]["exporters"].append(
                {"endpoint": self.prometheus.endpoint, "protocol": "prometheus"}
            )
        return result

    def observe(self, meter: Meter, dropped: Source | None = None) -> None:
        """Make the instruments of the exporters' own counts.

        Args:
            meter: The meter of otelml's scope.
            dropped: Further items that were not delivered, of those that came before the queues.
        """

        def lost() -> Iterable[tuple[float, Mapping[str, Any]]]:
            for name, signal in self.signals.items():
                for reason, count in signal.dropped().items():
                    yield count, {semconv.OTELML_SIGNAL: name, semconv.OTELML_REASON: reason}
            yield from dropped() if dropped is not None else ()

        def by_signal(value: Callable[[Signal], int]) -> Source:
            return lambda: [
                (value(signal), {semconv.OTELML_SIGNAL: name})
                for name, signal in self.signals.items()
                if signal.pipes
            ]

        observe(meter, semconv.OTELML_DROPPED, lost)
        observe(meter, semconv.OTELML_EXPORT_FAILURES, by_signal(lambda s: s.stats.failures))
        observe(meter, semconv.OTELML_QUEUE_SIZE, by_signal(lambda s: s.size))


def _all(waits: Sequence[Callable[[float], bool] | None], deadline: float) -> bool:
    results = [_guard.call("flush", wait, deadline) if wait else False for wait in waits]
    return all(results)


def _in_thread(flush: Callable[..., Any], deadline: float) -> Callable[[float], bool]:
    result: list[bool] = []
    timeout_ms = max(int((deadline - monotonic()) * 1000), 1)

    def run() -> None:
        result.append(_guard.call("flush", flush, timeout_millis=timeout_ms) is not False)

    thread = _threads.Thread(run, name="otelml-flush")
    try:
        thread.start()
    except RuntimeError:  # at exit: the application's own exit handler does it
        return lambda _: True

    def wait(until: float) -> bool:
        thread.join(max(until - monotonic(), 0.0))
        return result == [True]

    return wait
