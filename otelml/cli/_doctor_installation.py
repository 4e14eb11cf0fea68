"""What ``otelml doctor`` finds in the installation and in the settings."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

from otelml import environment_variables as env
from otelml._options import check_propagators, unknown_variables
from otelml._providers import check_environment, check_fast_paths
from otelml._startup import resolve
from otelml._version import __version__
from otelml.cli._finding import Finding
from otelml.exceptions import ConfigurationError

_OLDEST_OPENTELEMETRY = (1, 39)
# A framework, what instruments it, and the extra that brings it.
_EXTRAS = (
    ("Flask", "opentelemetry-instrumentation-flask", "flask"),
    ("scikit-learn", "scikit-learn", "sklearn"),
)
_AGENTS = ("ddtrace", "newrelic", "elastic-apm", "splunk-opentelemetry")


def installed(distribution: str) -> str | None:
    """Return the version of a distribution; None where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def check_versions() -> Iterator[Finding]:
    """Say which versions there are, and which extras are missing."""
    yield Finding("python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Finding("otelml", "ok", __version__)
    yield _check_opentelemetry(installed("opentelemetry-api"), installed("opentelemetry-sdk"))
    for framework, instrumentation, extra in _EXTRAS:
        found = installed(framework)
        if found is None:
            yield Finding(framework.lower(), "ok", "not installed, not needed")
        elif installed(instrumentation) is None:
            mend = f"pip install 'otelml[{extra}]'"
            yield Finding(framework.lower(), "warn", f"{found}, but not instrumented", mend)
        else:
            yield Finding(framework.lower(), "ok", found)


def check_shortcuts() -> Finding:
    """Say which shortcuts past the SDK's API are off, as ``init`` would find."""
    off = check_fast_paths()
    if not off:
        return Finding("shortcuts", "ok", "all give what the SDK's API gives")
    found = installed("opentelemetry-sdk")
    detail = "; ".join(f"{name}: {reason}" for name, reason in off.items())
    mend = "pip install -U otelml; until then telemetry is the same and costs more"
    return Finding("shortcuts", "warn", f"off with SDK {found}: {detail}", mend)


def _check_opentelemetry(api: str | None, sdk: str | None) -> Finding:
    mend = "pip install -U opentelemetry-api opentelemetry-sdk"
    if api is None or sdk is None:
        missing = "opentelemetry-api" if api is None else "opentelemetry-sdk"
        return Finding("opentelemetry", "fail", f"{missing} is not installed", mend)
    if api.split(".")[:2] != sdk.split(".")[:2]:  # a fix of one may come without the other
        detail = f"API {api} and SDK {sdk} do not match"
        return Finding("opentelemetry", "fail", detail, mend)
    numbers = tuple(int(part) for part in api.split(".")[:2] if part.isdigit())
    if numbers < _OLDEST_OPENTELEMETRY:
        wanted = ".".join(map(str, _OLDEST_OPENTELEMETRY))
        return Finding("opentelemetry", "fail", f"{api}; otelml needs {wanted}", mend)
    return Finding("opentelemetry", "ok", api)


def check_settings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Say what the environment and pyproject.toml get wrong."""
    try:
        config = resolve({}, environ=environ)
    except ConfigurationError as error:
        yield Finding("settings", "fail", str(error), "correct it where it is set")
        return
    yield from _check_variables(environ)
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Finding(
            "OTEL_SDK_DISABLED",
            "warn",
            "is true: no telemetry is produced",
            "unset OTEL_SDK_DISABLED",
        )
    else:
        yield Finding("OTEL_SDK_DISABLED", "ok", "is not set")
    attributes = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    name = environ.get("OTEL_SERVICE_NAME") or config.service_name
    if name or "service.name=" in attributes.replace(" ", ""):
        yield Finding("service name", "ok", name or "from OTEL_RESOURCE_ATTRIBUTES")
    else:
        yield Finding(
            "service name",
            "warn",
            "not set in the environment or in pyproject.toml",
            'set OTEL_SERVICE_NAME, unless the code says otelml.init("name")',
        )


def _check_variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        check_propagators()
        check_environment()
    except ConfigurationError as error:
        yield Finding("settings", "fail", str(error), "correct it where it is set")
    else:
        yield Finding("settings", "ok", "environment and pyproject.toml are valid")
    for unknown in unknown_variables(environ):
        yield Finding("settings", "warn", unknown, "correct the name, or unset it")


def check_double_instrumentation(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Say what else would instrument the same process."""
    found = list(_other_agents(environ))
    yield from found
    if not found:
        yield Finding("double instrumentation", "ok", "nothing else instruments this process")


def _other_agents(environ: Mapping[str, str]) -> Iterator[Finding]:
    check = "double instrumentation"
    folders = {
        Path(path).parts[-2:]
        for path in environ.get("PYTHONPATH", "").split(os.pathsep)
        if len(Path(path).parts) > 1
    }
    if {("otelml", "_zero_code"), ("instrumentation", "auto_instrumentation")} <= folders:
        detail = "otelml run and opentelemetry-instrument are both on PYTHONPATH"
        yield Finding(check, "warn", detail, "use one of them")
    for agent in _AGENTS:
        found = installed(agent)
        if found is not None:
            detail = f"{agent} {found} is installed and instruments the same frameworks"
            yield Finding(check, "warn", detail, f"start only one: pip uninstall {agent}")
    others = sorted(
        point.name for point in entry_points(group="opentelemetry_distro") if point.name != "otelml"
    )
    if others and environ.get("OTEL_PYTHON_DISTRO") != "otelml":
        detail = f"opentelemetry-instrument may choose another distro: {', '.join(others)}"
        mend = "set OTEL_PYTHON_DISTRO=otelml and OTEL_PYTHON_CONFIGURATOR=otelml, or otelml run"
        yield Finding(check, "warn", detail, mend)


def check_log_settings(environ: Mapping[str, str]) -> Finding:
    """Say whether records would be exported twice."""
    variable = "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED"
    logs_off = environ.get(env.OTELML_LOGS, "").strip().lower() in {"false", "0", "no", "off"}
    if environ.get(variable, "").strip().lower() == "true" and not logs_off:
        detail = f"{variable} is true: the SDK's deprecated handler exports records as well"
        return Finding("log handlers", "warn", detail, f"unset {variable}")
    return Finding("log handlers", "ok", "no setting asks for a second one")
