"""Telemetry that is running, as one object: from its start to its end.

What only ``init`` needs (SDK, exporters, instrumentors) is imported where it starts, so that
importing otelml stays cheap in processes that never call it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from otelml import _fast_paths, _guard
from otelml._state import ProcessState
from otelml.config import Config

if TYPE_CHECKING:
    from otelml._monitor import Archive
    from otelml.reference import Reference

# Held while telemetry begins, changes or ends.
lock = threading.RLock()
_PIPELINE_SHARE = 0.6


class Telemetry:
    """Telemetry that is running: what :func:`init` returns. A context manager.

    Args:
        config: The resolved configuration.
        app: A web application to instrument by name.
        reference: The model's reference.
    """

    def __init__(self, config: Config, app: Any = None, reference: Reference | None = None) -> None:
        from otelml import instrumentors
        from otelml._providers import check_fast_paths, configure_providers, create_providers
        from otelml._startup import hosts
        from otelml._startup.lifecycle import Lifecycle
        from otelml._startup.pipeline import Pipeline

        self.config = config
        self._ended = False
        _guard.call("uwsgi", hosts.hold_threads)
        self._providers = create_providers(config)
        configure_providers(self._providers)
        _guard.call("self-check", check_fast_paths)
        self._trust(config)
        self._pipeline = Pipeline(config, self._providers, reference)
        self._pipeline.start()
        self._instrumented = instrumentors.instrument(config, self._providers, app)
        budget_s = config.traces.flush_timeout_s
        self._lifecycle = Lifecycle(self._flush, self._after_fork, budget_s, self._at_exit)
        self._lifecycle.install()
        _guard.call("reloader", hosts.on_reloader, self._leave)

    def _renew(self, config: Config, app: Any = None, reference: Reference | None = None) -> None:
        """Follow other options from now on: what was started before the application said its own.

        Args:
            config: The resolved configuration.
            app: A web application to instrument by name.
            reference: The reference, where it is at hand.

        Raises:
            ConfigurationError: A variable of what is turned on is wrong.
            MissingDependencyError: What is turned on needs an extra.
        """
        from otelml import instrumentors
        from otelml._providers import renew_providers

        providers = [s.provider for s in self._providers.signals.values()]
        renew_providers(self._providers, config, self.config)
        keep = providers == [s.provider for s in self._providers.signals.values()]
        self.config = config
        self._trust(config)
        self._pipeline.renew(config, self._providers, reference)
        instrumentors.instrument_anew(self._instrumented, config, self._providers, app, keep=keep)
        self._lifecycle.set_budget(config.traces.flush_timeout_s)

    def _trust(self, config: Config) -> None:
        """Say whether the traces of callers are gone on with."""
        from otelml._providers import trust_incoming

        traces = self._providers.signals.get("traces")
        provider = traces.provider if traces is not None else None
        _guard.call("propagation", trust_incoming, config.traces.trust_incoming, provider)

    def _instrument_rest(self) -> None:
        """Instrument what is chosen and is not instrumented."""
        from otelml import instrumentors

        done, providers = self._instrumented, self._providers
        done.update(instrumentors.instrument(self.config, providers, but=frozenset(done)))

    def _leave(self) -> None:
        """End and send nothing: a process that this one starts does all this again, and serves."""
        from otelml import instrumentors
        from otelml._providers import trust_incoming

        with lock:
            if self._ended:
                return
            self._ended = True
            if current.value is self:
                current.value = None
            _guard.call("reloader", instrumentors.uninstrument, self._instrumented)
            _guard.call("propagation", trust_incoming, True)
            _guard.call("reloader", self._pipeline.stop, time.monotonic())
            _guard.call("reloader", self._providers.discard)
            _guard.call("reloader", self._lifecycle.uninstall)

    def force_flush(self, timeout_s: float = 5.0) -> bool:
        """Send everything that has ended; return whether that was done in time.

        Args:
            timeout_s: Seconds that all signals together may take.
        """
        deadline = time.monotonic() + timeout_s
        return bool(_guard.call("flush", self._flush, deadline))

    def _flush(self, deadline: float) -> bool:
        drained = self._pipeline.flush(_share_of(deadline))
        return self._providers.flush(deadline) and drained

    def shutdown(self, timeout_s: float | None = None) -> bool:
        """Flush, stop, and take the instrumentation away; a second call does nothing.

        Args:
            timeout_s: Seconds that all of it may take; ``TraceOptions.flush_timeout_s`` by default.

        Returns:
            Whether everything was sent in time.
        """
        from otelml import instrumentors
        from otelml._providers import trust_incoming

        # Held to the end: an init() on another thread must not find what is being taken away.
        with lock:
            if self._ended:
                return True
            self._ended = True
            if current.value is self:
                current.value = None
            budget = self.config.traces.flush_timeout_s if timeout_s is None else timeout_s
            deadline = time.monotonic() + budget
            # The pipeline first: what it still holds writes log records.
            _guard.call("shutdown", self._pipeline.stop, _share_of(deadline))
            _guard.call("shutdown", instrumentors.uninstrument, self._instrumented)
            _guard.call("propagation", trust_incoming, True)
            done = bool(_guard.call("shutdown", self._providers.shutdown, deadline))
            _guard.call("shutdown", self._lifecycle.uninstall)
            return done

    def _at_exit(self, deadline: float) -> None:
        _guard.call("exit", self._pipeline.stop, _share_of(deadline))
        _guard.call("exit", self._providers.shutdown, deadline)

    def _after_fork(self) -> None:
        _guard.call("fork", self._providers.after_fork)
        _guard.call("fork", self._pipeline.after_fork)

    def status(self) -> dict[str, Any]:
        """Return what is instrumented, exporting where, dropped so far, and each last error."""
        return {
            "service": dict(self._providers.resource.attributes),
            "instrumented": list(self._instrumented),
            "signals": _guard.call("status", self._providers.status) or {},
            "worker": self._pipeline.status(),
            "drift": self.drift_status(),
            "fast_paths_off": _fast_paths.all_off(),
            "errors": dict(_guard.errors),
            "last_errors": dict(_guard.last_error),
        }

    def drift_status(self) -> list[dict[str, Any]]:
        """Return for each model version: next check, rows collected, last reports, what is seen."""
        monitor = self._pipeline.monitor
        if monitor is None:
            return []
        found = _guard.call("drift", monitor.status) or []
        for one in found:
            one.update(self._pipeline.processor.verdict(one["model"], one["version"]))
        return found

    def retrainings(self) -> list[dict[str, Any]]:
        """Return the retrainings that were triggered, the newest first: when, why, what came."""
        retraining = self._pipeline.processor.retraining
        return (_guard.call("retraining", retraining.past) or []) if retraining is not None else []

    def drift_reports(self) -> list[dict[str, Any]]:
        """Return the last drift check of each model version, every statistic in it."""
        monitor = self._pipeline.monitor
        if monitor is None:
            return []
        return _guard.call("drift", lambda: [one.to_dict() for one in monitor.reports()]) or []

    def check_drift(
        self, model: str | None = None, version: str | None = None, *, timeout_s: float = 5.0
    ) -> list[dict[str, Any]]:
        """Check for drift now, on the rows since the last check, and return what was found.

        Fewer rows than ``DriftOptions.min_rows`` are looked at and kept.

        Args:
            model: Of which model; of all by default.
            version: Of which version; of all by default.
            timeout_s: Seconds to wait; what takes longer goes on, and is in ``drift_reports``.
        """
        from otelml._monitor import Asked

        asked = Asked("check", model, version)
        self._pipeline.ask(asked, timeout_s)
        return list(asked.answers)

    def accept_drift(
        self,
        model: str | None = None,
        version: str | None = None,
        *,
        features: Sequence[str] | None = None,
        who: str = "",
        why: str = "",
        timeout_s: float = 5.0,
    ) -> list[dict[str, Any]]:
        """Make the last window the new normal, and return which features of which model.

        Args:
            model: Of which model; of all by default.
            version: Of which version; of all by default.
            features: Which ones; by default those that drifted or are skewed, else all.
            who: Who says so, for the log event.
            why: Why, for the log event.
            timeout_s: Seconds to wait for the worker.
        """
        from otelml._monitor import Asked

        chosen = None if features is None else tuple(map(str, features))
        asked = Asked("accept", model, version, chosen, str(who), str(why))
        self._pipeline.ask(asked, timeout_s)
        return list(asked.answers)

    def __enter__(self) -> Telemetry:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.shutdown()


def reports_of(telemetry: Telemetry) -> Archive | None:
    """Return the reports that the drift monitor keeps; None where there is no monitor."""
    monitor = telemetry._pipeline.monitor  # noqa: SLF001 - its own module
    return monitor.archive if monitor is not None else None


def _share_of(deadline: float) -> float:
    """Return an earlier deadline that leaves the exporters their part of the time."""
    now = time.monotonic()
    return now + max(0.0, deadline - now) * _PIPELINE_SHARE


current: ProcessState[Telemetry | None] = ProcessState(None)
