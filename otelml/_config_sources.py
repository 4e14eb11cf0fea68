"""Where configuration comes from: argument > environment > pyproject.toml > default.

Every error names the key, the value, the source it came from and the nearest valid name.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from otelml import environment_variables as env
from otelml.config import (
    Config,
    CostOptions,
    FeedbackOptions,
    LogOptions,
    MetricOptions,
    TraceOptions,
    _Options,
)
from otelml.exceptions import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_Opt = TypeVar("_Opt", bound=_Options)

SIGNALS: dict[str, type[_Options]] = {
    "traces": TraceOptions,
    "metrics": MetricOptions,
    "logs": LogOptions,
    "feedback": FeedbackOptions,
    "cost": CostOptions,
}
PLAIN_KEYS = ("service_name", "service_version", "environment", "model", "model_version")
_VARIABLES = {"model": env.OTELML_MODEL, "model_version": env.OTELML_MODEL_VERSION}
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


def read_pyproject(start: Path) -> tuple[Mapping[str, Any], str]:
    """Return ``[tool.otelml]`` of the nearest pyproject.toml at or above ``start``, and its name.

    Raises:
        ConfigurationError: The file cannot be read or is not TOML.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from error
        table = data.get("tool", {}).get("otelml", {})
        if not isinstance(table, dict):
            raise ConfigurationError(f"{path}: [tool.otelml] must be a table, not {table!r}")
        return cast("dict[str, Any]", table), str(path)
    return {}, ""


def check_keys(given: Mapping[str, Any], valid: Sequence[str], source: str, prefix: str) -> None:
    """Refuse an unknown key, naming the nearest valid one.

    Raises:
        ConfigurationError: A key of ``given`` is not in ``valid``.
    """
    for key, value in given.items():
        if key not in valid:
            near = difflib.get_close_matches(key, valid, n=1, cutoff=0.5)
            hint = (
                f"; did you mean {prefix}{near[0]!s}?" if near else f"; valid: {', '.join(valid)}"
            )
            raise ConfigurationError(f"unknown key {prefix}{key} = {value!r} in {source}{hint}")


def parse_bool(text: str, key: str, source: str) -> bool:
    """Return the truth value that ``text`` spells.

    Raises:
        ConfigurationError: It is neither true nor false.
    """
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ConfigurationError(f"{key} is {text!r} (from {source}); it must be true or false")


def _parse(text: str, kind: str, key: str, source: str) -> Any:
    if kind == "bool":
        return parse_bool(text, key, source)
    if kind in {"int", "float", "float | None"}:
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:
            wanted = "a whole number" if kind == "int" else "a number"
            message = f"{key} is {text!r} (from {source}); it must be {wanted}"
            raise ConfigurationError(message) from None
    if kind == "tuple[str, ...]":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _build(cls: type[_Opt], values: Mapping[str, Any], sources: Mapping[str, str]) -> _Opt:
    try:
        return cls(**values)
    except ConfigurationError as error:
        text = str(error)
        named = next((s for k, s in sources.items() if f".{k} is" in text), None)
        raise ConfigurationError(f"{text} (from {named})" if named else text) from None


def _signal(name: str, argument: Any, table: Any, source: str, environ: Mapping[str, str]) -> Any:
    cls = SIGNALS[name]
    if isinstance(argument, cls):
        return argument
    if not isinstance(argument, bool):
        raise ConfigurationError(
            f"init({name}=) is {argument!r}; it must be True, False or {cls.__name__}"
        )
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    kinds = {option.name: str(option.type) for option in fields(cls)}
    if isinstance(table, bool):
        table = {"enabled": table}
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{name} is {table!r} (from {source}); it must be a table or bool")
    given = cast("Mapping[str, Any]", table)
    check_keys(given, tuple(kinds), source, f"{name}.")
    for key, value in given.items():
        values[key] = tuple(value) if kinds[key].startswith("tuple") else value
        sources[key] = source
    for option in fields(cls):
        variable = option.metadata["env"]
        if variable and environ.get(variable, "") != "":
            origin = f"the environment variable {variable}"
            values[option.name] = _parse(environ[variable], kinds[option.name], variable, origin)
            sources[option.name] = origin
    if argument is False:
        values["enabled"] = False
    return _build(cls, values, sources)


def _instrument(argument: str | Sequence[str], source: str) -> tuple[str, ...]:
    names: list[Any] = argument.split(",") if isinstance(argument, str) else list(argument)
    if not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"instrument is {argument!r} (from {source}); name instrumentors")
    cleaned = tuple(name.strip() for name in names if name.strip())
    if not all(cleaned):
        raise ConfigurationError(f"instrument is {argument!r} (from {source}); name instrumentors")
    return () if cleaned == ("none",) else cleaned


def _plain(key: str, argument: Any, table: Mapping[str, Any], source: str, environ: Any) -> Any:
    variable = _VARIABLES.get(key)
    value, origin = argument, f"init({key}=)"
    if value is None and variable and environ.get(variable):
        value, origin = environ[variable], f"the environment variable {variable}"
    if value is None and key in table:
        value, origin = table[key], source
    if value is not None and not (isinstance(value, str) and value.strip()):
        raise ConfigurationError(
            f"{key} is {value!r} (from {origin}); it must be a non-empty string"
        )
    return value


def _resource_attributes(argument: Any, table: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    merged: dict[str, Any] = dict(table.get("resource_attributes", {}))
    if argument is not None and not isinstance(argument, Mapping):
        raise ConfigurationError(
            f"init(resource_attributes=) is {argument!r}; it must be a mapping"
        )
    merged.update(argument or {})
    for key, value in merged.items():
        if not isinstance(value, (str, bool, int, float)):
            raise ConfigurationError(
                f"resource_attributes[{key!r}] is {value!r}; it must be a string, number or bool"
            )
    return tuple(sorted(merged.items()))


def resolve(
    arguments: Mapping[str, Any],
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Config:
    """Return the configuration that the four sources give together.

    Args:
        arguments: The arguments of ``init`` by name.
        environ: The environment; that of the process by default.
        folder: Where the search for pyproject.toml starts; the current folder by default.

    Raises:
        ConfigurationError: A key or a value is wrong.
    """
    environ = os.environ if environ is None else environ
    try:
        start = folder or Path.cwd()
    except OSError:  # the current folder has been deleted: there is no file to read
        start = Path("/")
    table, source = read_pyproject(start)
    valid = (*PLAIN_KEYS, *SIGNALS, "system", "instrument", "resource_attributes")
    check_keys(table, valid, source, "")
    config = Config(
        **{k: _plain(k, arguments.get(k), table, source, environ) for k in PLAIN_KEYS},
        **{
            name: _signal(name, arguments.get(name, True), table.get(name, {}), source, environ)
            for name in SIGNALS
        },
        resource_attributes=_resource_attributes(arguments.get("resource_attributes"), table),
    )
    system, origin = arguments.get("system", True), "init(system=)"
    if system is True and environ.get(env.OTELML_SYSTEM):
        system = parse_bool(environ[env.OTELML_SYSTEM], env.OTELML_SYSTEM, "the environment")
    elif system is True and "system" in table:
        system, origin = table["system"], source
    if not isinstance(system, bool):
        raise ConfigurationError(f"system is {system!r} (from {origin}); it must be True or False")
    chosen, origin = arguments.get("instrument", "auto"), "init(instrument=)"
    if chosen == "auto" and environ.get(env.OTELML_INSTRUMENT):
        chosen, origin = environ[env.OTELML_INSTRUMENT], env.OTELML_INSTRUMENT
    elif chosen == "auto" and "instrument" in table:
        chosen, origin = table["instrument"], source
    return replace(config, system=system, instrument=_instrument(chosen, origin))
