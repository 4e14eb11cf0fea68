"""Which instrumentors run: all that fit, or those that were named."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from otelml import _guard
from otelml._hints import hint
from otelml._shown import shown
from otelml.config import Config
from otelml.exceptions import ConfigurationError, MissingDependencyError


class HasProviders(Protocol):
    """What instrumentors need of the providers."""

    @property
    def resource(self) -> Any:
        """What describes the service."""
        ...

    @property
    def tracer_provider(self) -> Any:
        """Where spans go."""
        ...

    @property
    def meter_provider(self) -> Any:
        """Where measurements go."""
        ...

    @property
    def logger_provider(self) -> Any:
        """Where log records go."""
        ...


_logger = logging.getLogger("otelml")


@dataclass(frozen=True)
class _Framework:
    """A framework that can be instrumented.

    Args:
        module: The package that must be installed.
        needs: What else must be installed, from the extra.
        extra: The extra of otelml that brings it.
        path: Where the instrumentor is, as ``module:class``.
        quiet: Whether it may be there without the service's knowledge, so that nothing is said
            where its extra is missing.
    """

    module: str
    needs: str
    extra: str
    path: str
    quiet: bool = False


FRAMEWORKS = {
    "flask": _Framework(
        "flask",
        "opentelemetry.instrumentation.flask",
        "flask",
        "otelml.instrumentors.flask:FlaskMLInstrumentor",
    ),
    "fastapi": _Framework(
        "fastapi",
        "opentelemetry.instrumentation.asgi",
        "fastapi",
        "otelml.instrumentors.starlette:StarletteMLInstrumentor",
    ),
    "starlette": _Framework(
        "starlette",
        "opentelemetry.instrumentation.asgi",
        "fastapi",
        "otelml.instrumentors.starlette:StarletteMLInstrumentor",
        quiet=True,
    ),
    "asgi": _Framework(
        "opentelemetry.instrumentation.asgi",
        "opentelemetry.instrumentation.asgi",
        "fastapi",
        "otelml.instrumentors.asgi:AsgiInstrumentor",
    ),
    "django": _Framework(
        "django",
        "opentelemetry.instrumentation.wsgi",
        "django",
        "otelml.instrumentors.django:DjangoMLInstrumentor",
    ),
    "wsgi": _Framework(
        "opentelemetry.instrumentation.wsgi",
        "opentelemetry.instrumentation.wsgi",
        "wsgi",
        "otelml.instrumentors.wsgi:WsgiInstrumentor",
    ),
    "sklearn": _Framework(
        "sklearn", "sklearn", "sklearn", "otelml.instrumentors.sklearn:SklearnInstrumentor"
    ),
    **{
        name: _Framework(name, name, name, f"otelml.instrumentors.{name}:{instrumentor}")
        for name, instrumentor in (
            ("xgboost", "XGBoostInstrumentor"),
            ("lightgbm", "LightGBMInstrumentor"),
            ("catboost", "CatBoostInstrumentor"),
            ("onnxruntime", "OnnxRuntimeInstrumentor"),
            ("statsmodels", "StatsmodelsInstrumentor"),
            ("mlflow", "MLflowInstrumentor"),
            ("keras", "KerasInstrumentor"),
            ("torch", "TorchInstrumentor"),
        )
    },
    # Each is there without the service's knowledge: otelml itself brings two of them.
    **{
        name: _Framework(
            name,
            f"opentelemetry.instrumentation.{name}",
            "clients",
            f"otelml.instrumentors.clients:{instrumentor}",
            quiet=True,
        )
        for name, instrumentor in (
            ("requests", "RequestsInstrumentor"),
            ("httpx", "HttpxInstrumentor"),
            ("urllib3", "Urllib3Instrumentor"),
        )
    },
}
# Libraries whose estimators are seen through scikit-learn's.
_BY_SKLEARN = ("xgboost", "lightgbm")
# Libraries that call other services.
_CLIENTS = ("requests", "httpx", "urllib3")
BUILT_IN = ("logging", "system")


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _chosen(names: tuple[str, ...]) -> list[str]:
    valid = (*BUILT_IN, *FRAMEWORKS)
    if names == ("auto",):
        return [*BUILT_IN, *(n for n, f in FRAMEWORKS.items() if _installed(f.module))]
    for name in names:
        if name not in valid:
            raise ConfigurationError(
                f"instrument names {shown(name, valid)}, which is not known; {hint(name, valid)}"
            )
    chosen = list(names)
    if any(name in _BY_SKLEARN for name in chosen) and _installed("sklearn"):
        chosen += ["sklearn"] if "sklearn" not in chosen else []
    return chosen


def check(config: Config) -> None:
    """Refuse names that are unknown, and frameworks whose extra is missing.

    Raises:
        ConfigurationError: A name is unknown.
        MissingDependencyError: A framework was named whose extra is not installed.
    """
    for name in _chosen(config.instrument):
        framework = FRAMEWORKS.get(name)
        if framework and config.instrument != ("auto",) and not _installed(framework.needs):
            raise MissingDependencyError(f"instrumenting {name}", framework.extra)


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)()


def instrument(
    config: Config,
    providers: HasProviders,
    app: Any = None,
    but: frozenset[str] = frozenset(),
) -> dict[str, Callable[[], None]]:
    """Instrument what was chosen, ``but`` some; return how to undo each, by name."""
    done: dict[str, Callable[[], None]] = {}
    for name in _chosen(config.instrument):
        if name in but or (name in _CLIENTS and not config.traces.outgoing):
            continue
        with _guard.guarded(f"instrumentor {name}"):
            undo = _instrument_one(name, config, providers, app)
            if undo is not None:
                done[name] = undo
    return done


def _instrument_one(
    name: str, config: Config, providers: HasProviders, app: Any
) -> Callable[[], None] | None:
    if name == "logging":
        from otelml.instrumentors import logging as ml_logging

        if not config.logs.enabled or ml_logging.is_instrumented():
            return None
        ml_logging.instrument_logging(config, providers.logger_provider, providers.resource)
        return ml_logging.uninstrument_logging
    if name == "system":
        from otelml.instrumentors import system

        wanted = config.system and config.metrics.enabled
        if not wanted or system.is_instrumented():
            return None
        system.instrument_system(providers.meter_provider)
        return system.uninstrument_system
    framework = FRAMEWORKS[name]
    if not _installed(framework.needs):
        if not framework.quiet:
            _logger.warning(
                "otelml: %s is installed but not instrumented: pip install 'otelml[%s]'",
                name,
                framework.extra,
            )
        return None
    instrumentor = _load(framework.path)
    if instrumentor.is_instrumented_by_opentelemetry:
        return None  # somebody else's, who will undo it
    options: dict[str, Any] = {
        "tracer_provider": providers.tracer_provider,
        "meter_provider": providers.meter_provider,
        "skip_dep_check": True,
    }
    if name == "flask" and app is not None and not _is_asgi(app):
        options["app"] = app
    instrumentor.instrument(**options)
    return instrumentor.uninstrument  # type: ignore[no-any-return]


def _is_asgi(app: Any) -> bool:
    """Whether an application is one of those that are found without being named."""
    return any(cls.__module__.startswith("starlette.") for cls in type(app).__mro__)


def instrument_app(app: Any, _config: Config) -> None:
    """Instrument one more web application, after the first ``init``."""
    if _is_asgi(app):
        return
    from otelml.instrumentors.flask import FlaskMLInstrumentor

    FlaskMLInstrumentor().instrument_app(app)


def instrument_anew(
    done: dict[str, Callable[[], None]],
    config: Config,
    providers: HasProviders,
    app: Any,
    *,
    keep: bool,
) -> None:
    """Instrument what other options choose; what follows none of them is left as it is.

    Args:
        done: What :func:`instrument` returned; it changes accordingly.
        config: The options.
        providers: Where telemetry goes.
        app: A web application to instrument by name.
        keep: Whether the providers are those of before.
    """
    wanted = set(_chosen(config.instrument))
    if not (config.system and config.metrics.enabled):
        wanted.discard("system")
    if not config.traces.outgoing:
        wanted.difference_update(_CLIENTS)
    kept = wanted - {"logging"} if keep else set[str]()
    for name, undo in reversed(list(done.items())):
        if name not in kept:
            _guard.call(f"instrumentor {name}", undo)
            del done[name]
    done.update(instrument(config, providers, app, but=frozenset(done)))
    if app is not None and "flask" in kept:
        _guard.call("instrument", instrument_app, app, config)


def uninstrument(done: dict[str, Callable[[], None]]) -> None:
    """Undo what :func:`instrument` did, last first."""
    for name, undo in reversed(list(done.items())):
        _guard.call(f"instrumentor {name}", undo)
    done.clear()
