"""Where configuration comes from: argument > environment > pyproject.toml > default.

Every error names the key, the value, the source it came from and the nearest valid name.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from otelml import _process
from otelml import environment_variables as env
from otelml._id_options import MAKE_ONE
from otelml._option_fields import Options
from otelml._options import (
    Given,
    boolean,
    check_keys,
    from_environment,
    one_of,
    parse,
    unknown_variables,
)
from otelml._privacy_options import LEVELS
from otelml._shown import shown, shown_key
from otelml.config import (
    Config,
    CostOptions,
    DriftOptions,
    FeedbackOptions,
    LogOptions,
    MetricOptions,
    PrivacyOptions,
    TraceOptions,
)
from otelml.exceptions import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_logger = logging.getLogger("otelml")
_Opt = TypeVar("_Opt", bound=Options)

SIGNALS: dict[str, type[Options]] = {
    "traces": TraceOptions,
    "metrics": MetricOptions,
    "logs": LogOptions,
    "feedback": FeedbackOptions,
    "cost": CostOptions,
    "drift": DriftOptions,
}
PLAIN_KEYS = (
    "service_name",
    "service_version",
    "environment",
    "model",
    "model_version",
    "reference",
)
_LEVELS = "private, internal, open or PrivacyOptions"
_VARIABLES = {
    "model": env.OTELML_MODEL,
    "model_version": env.OTELML_MODEL_VERSION,
    "reference": env.OTELML_REFERENCE,
}


def read_pyproject(start: Path) -> tuple[Mapping[str, Any], str]:
    """Return ``[tool.otelml]`` of the nearest pyproject.toml at or above ``start``, and its name.

    Raises:
        ConfigurationError: The file cannot be read or is not TOML.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        data, wrong = {}, ""
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            wrong = _place_of(error)
        if wrong:  # outside: Python's own errors hold the whole file
            raise ConfigurationError(f"{path} cannot be read: {wrong}")
        table = data.get("tool", {}).get("otelml", {})
        if not isinstance(table, dict):
            raise ConfigurationError(f"{path}: [tool.otelml] must be a table")
        return cast("dict[str, Any]", table), str(path)
    return {}, ""


def _place_of(error: Exception) -> str:
    """Return what is wrong with a file, and where, without what stands there."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    place = re.search(r"\(at [^()]*\)$", str(error))
    return f"it is not TOML {place[0]}" if place else "it is not TOML"


def _build(cls: type[_Opt], values: Mapping[str, Any], sources: Mapping[str, str]) -> _Opt:
    try:
        return cls(**values)
    except ConfigurationError as error:
        text = str(error)
        named = next((s for k, s in sources.items() if f".{k} is" in text), None)
        raise ConfigurationError(f"{text} (from {named})" if named else text) from None


def _privacy(argument: Any, table: Any, source: str, environ: Mapping[str, str]) -> PrivacyOptions:
    """Return the options of privacy, which may be given as the name of a level."""
    if argument is not None and not isinstance(argument, (str, PrivacyOptions)):
        raise Given("privacy", argument, "init(privacy=)").wrong(_LEVELS)
    if isinstance(table, bool):
        raise Given("privacy", table, source).wrong(_LEVELS)
    if isinstance(table, str):
        table = {"level": table}
    if isinstance(argument, str):
        level = one_of(Given("privacy", argument, "init(privacy=)"), LEVELS)
        environ = {**environ, env.OTELML_PRIVACY: level}
    given = argument if isinstance(argument, PrivacyOptions) else True
    options: PrivacyOptions = _signal("privacy", given, table, source, environ)
    return options


def _signal(name: str, argument: Any, table: Any, source: str, environ: Mapping[str, str]) -> Any:
    cls = SIGNALS.get(name, PrivacyOptions)
    if isinstance(argument, cls):
        return _with_secrets(argument, environ)
    if not isinstance(argument, bool):
        raise ConfigurationError(
            f"init({name}=) is {shown(argument)}; it must be True, False or {cls.__name__}"
        )
    values: dict[str, Any] = {}
    if cls is LogOptions and not _process.owns_stdout():
        values["json"] = False
    if argument is False:
        values["enabled"] = False
    return _section(cls, name, table, source, environ, values)


def _with_secrets(options: _Opt, environ: Mapping[str, str]) -> _Opt:
    """Return options of an argument with the secrets that only the environment has.

    An object is taken as it is; but a key is not written into code, and one that is set must hold.
    """
    found: dict[str, Any] = {}
    for option in fields(options):
        value = getattr(options, option.name)
        if isinstance(value, Options):
            found[option.name] = _with_secrets(value, environ)
        elif value is None and option.metadata.get("secret") and option.metadata.get("env"):
            set_to = from_environment(option.metadata["env"], environ)
            if set_to is not None:
                found[option.name] = parse(set_to, str(option.type))
    changed = {key: value for key, value in found.items() if value != getattr(options, key)}
    return replace(options, **changed) if changed else options


def _section(
    cls: type[_Opt],
    name: str,
    table: Any,
    source: str,
    environ: Mapping[str, str],
    values: dict[str, Any],
) -> _Opt:
    """Return options from a table and the environment; ``values`` has what comes before both."""
    fixed = {key: value for key, value in values.items() if key == "enabled"}
    sources: dict[str, str] = {}
    kinds = {option.name: str(option.type) for option in fields(cls)}
    parts = {
        option.name: type(option.default)
        for option in fields(cls)
        if isinstance(option.default, Options)
    }
    if isinstance(table, bool):
        table = {"enabled": table}
    if not isinstance(table, Mapping):
        raise Given(name, table, source).wrong("a table or bool")
    given = cast("Mapping[str, Any]", table)
    check_keys(given, tuple(kinds), source, f"{name}.")
    for key, value in given.items():
        if key not in parts:
            values[key] = tuple(value) if kinds[key].startswith("tuple") else value
            sources[key] = source
    for key, part in parts.items():
        values[key] = _section(part, f"{name}.{key}", given.get(key, {}), source, environ, {})
    for option in fields(cls):
        variable = option.metadata["env"]
        set_to = from_environment(variable, environ) if variable else None
        if set_to is not None:
            choices = option.metadata.get("choices") or ()
            values[option.name] = _in_case(parse(set_to, kinds[option.name]), choices)
            sources[option.name] = variable
    return _build(cls, {**values, **fixed}, sources)


def _in_case(value: Any, choices: Sequence[str]) -> Any:
    """Return a text as the choice is spelled that it means; a variable may be in any case."""
    folded = value.casefold() if isinstance(value, str) else None
    return next((choice for choice in choices if choice.casefold() == folded), value)


def _instrument(argument: str | Sequence[str], source: str) -> tuple[str, ...]:
    names: list[Any] = argument.split(",") if isinstance(argument, str) else list(argument)
    if not all(isinstance(name, str) for name in names):
        raise Given("instrument", argument, source).wrong("names of instrumentors")
    cleaned = tuple(name.strip() for name in names if name.strip())
    if not all(cleaned):
        raise Given("instrument", argument, source).wrong("names of instrumentors")
    return () if cleaned == ("none",) else cleaned


def _plain(key: str, argument: Any, table: Mapping[str, Any], source: str, environ: Any) -> Any:
    variable = _VARIABLES.get(key)
    value, origin = argument, f"init({key}=)"
    set_to = from_environment(variable, environ) if variable else None
    if value is None and set_to is not None:
        value, origin = set_to.value, set_to.key
    if value is None and key in table:
        value, origin = table[key], source
    if value is not None and not (isinstance(value, str) and value.strip()):
        raise Given(key, value, origin).wrong("a non-empty string")
    return value


def _resource_attributes(argument: Any, table: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    merged: dict[str, Any] = dict(table.get("resource_attributes", {}))
    if argument is not None and not isinstance(argument, Mapping):
        raise ConfigurationError(
            f"init(resource_attributes=) is {shown(argument)}; it must be a mapping"
        )
    merged.update(argument or {})
    for key, value in merged.items():
        if not isinstance(value, (str, bool, int, float)):
            raise ConfigurationError(
                f"resource_attributes[{shown_key(key)}] is {shown(value)}; "
                "it must be a string, number or bool"
            )
    return tuple(sorted(merged.items()))


def warn_of_ids(options: FeedbackOptions) -> None:
    """Say that labels of other processes are refused, and the line that mends it."""
    if _process.is_early.value or not options.enabled or options.secret:
        return
    if options.unsigned == "accept" or options.ids == "opaque":
        return
    _logger.warning(
        "otelml: OTELML_SECRET is not set, so this process has made up a key for prediction ids, "
        "and refuses labels for predictions of other processes and from before a restart. "
        "Make a key once with `%s`, and set OTELML_SECRET=<key> for every replica",
        MAKE_ONE,
    )


def warn_of_unknown_variables() -> None:
    """Say once, and not in each process of a command, which variables mean nothing."""
    if _process.owns_stdout():
        for text in unknown_variables():
            _logger.warning("otelml: %s", text)


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
    valid = (*PLAIN_KEYS, *SIGNALS, "privacy", "system", "instrument", "resource_attributes")
    check_keys(table, valid, source, "")
    config = Config(
        **{k: _plain(k, arguments.get(k), table, source, environ) for k in PLAIN_KEYS},
        **{
            name: _signal(name, arguments.get(name, True), table.get(name, {}), source, environ)
            for name in SIGNALS
        },
        resource_attributes=_resource_attributes(arguments.get("resource_attributes"), table),
        privacy=_privacy(arguments.get("privacy"), table.get("privacy", {}), source, environ),
    )
    system, origin = arguments.get("system", True), "init(system=)"
    set_to = from_environment(env.OTELML_SYSTEM, environ)
    if system is True and set_to is not None:
        system = boolean(set_to)
    elif system is True and "system" in table:
        system, origin = table["system"], source
    if not isinstance(system, bool):
        raise Given("system", system, origin).wrong("True or False")
    chosen, origin = arguments.get("instrument", "auto"), "init(instrument=)"
    set_to = from_environment(env.OTELML_INSTRUMENT, environ)
    if chosen == "auto" and set_to is not None:
        chosen, origin = set_to.value, env.OTELML_INSTRUMENT
    elif chosen == "auto" and "instrument" in table:
        chosen, origin = table["instrument"], source
    return replace(config, system=system, instrument=_instrument(chosen, origin))
